// One row of the table: an application, one of its processes, or a process by itself.

import { h, setText } from "./dom.js";
import { appName, bytes, processName, rateOrDash, visible } from "./format.js";
import { Spark } from "./spark.js";

/** Names of processes that an application is shown with. */
const MAX_NAMES = 3;

export class Row {
  constructor(entry, onSelect, onUnfold) {
    this.entry = entry;
    this.name = h("button", { type: "button", class: "name" });
    this.names = h("span", { class: "names quiet" });
    this.under = h("span", { class: "under" });
    this.pid = h("td", { class: "number quiet wide" });
    this.user = h("td", { class: "quiet wide user" });
    const number = (testid, more = "") =>
      h("td", { class: `number ${more}`, "data-testid": testid });
    this.received = number("received-rate", "received");
    this.sent = number("sent-rate", "sent");
    this.receivedTotal = number("received-total", "quiet wide");
    this.sentTotal = number("sent-total", "quiet wide");
    this.spark = new Spark();
    const { kind, label, processes } = entry;
    const isApp = kind === "app";
    const data = isApp
      ? { "data-testid": "app-row", "data-app": label }
      : { "data-testid": "process-row", "data-process": label, "data-pid": processes[0].pid };
    this.element = h(
      "tr",
      { class: kind, ...data },
      h("th", { scope: "row" }, ...(isApp ? [this.fold(onUnfold)] : []), this.name, this.names, this.under),
      this.pid,
      this.user,
      this.received,
      this.sent,
      h("td", { class: "spark-cell" }, this.spark.element),
      this.receivedTotal,
      this.sentTotal,
    );
    this.element.addEventListener("click", () => onSelect(this.entry.choice));
  }

  /** The button before the name that shows the processes of an application. */
  fold(onUnfold) {
    this.folder = h("button", { type: "button", class: "fold", "data-testid": "unfold" });
    this.folder.addEventListener("click", (event) => {
      event.stopPropagation();
      onUnfold(this.entry.label);
    });
    return this.folder;
  }

  draw(entry, isSelected) {
    this.entry = entry;
    const { kind, label, processes, view } = entry;
    const [first] = processes;
    const user = common(processes, ({ user: name }) => name);
    const count = processes.length === 1 ? String(first.pid) : `×${processes.length}`;
    setText(this.name, kind === "app" ? appName(label) : processName(label));
    this.name.title = visible(common(processes, told) ?? "");
    setText(this.names, kind === "app" ? otherNames(label, processes) : "");
    const number = processes.length === 1 ? first.pid : `${processes.length} processes`;
    setText(this.under, `${number} · ${userWords(user)}`);
    setText(this.pid, count);
    setText(this.user, userWords(user));
    setText(this.received, rateOrDash(view.receivedRate));
    setText(this.sent, rateOrDash(view.sentRate));
    setText(this.receivedTotal, bytes(view.receivedTotal));
    setText(this.sentTotal, bytes(view.sentTotal));
    // A process may change its name while it runs.
    if (kind !== "app") this.element.dataset.process = label;
    this.element.classList.toggle("idle", view.receivedRate + view.sentRate === 0);
    this.element.classList.toggle("selected", isSelected);
    this.name.setAttribute("aria-expanded", String(isSelected));
    this.spark.draw(view.history);
    if (this.folder) this.drawFold(entry);
  }

  drawFold({ label, processes, isUnfolded }) {
    this.folder.disabled = processes.length === 1;
    setText(this.folder, isUnfolded ? "▾" : "▸");
    this.folder.setAttribute("aria-expanded", String(isUnfolded));
    this.folder.setAttribute("aria-label", `Processes of ${appName(label)}`);
  }
}

/** What all share; undefined if they differ. */
function common(processes, of) {
  const first = of(processes[0]);
  return processes.every((process) => of(process) === first) ? first : undefined;
}

const told = ({ exe, identity }) => identity?.command_line ?? exe ?? "";

function userWords(user) {
  if (user === undefined) return "several";
  return user === null ? "–" : visible(user);
}

/** Under which other names an application runs. */
function otherNames(label, processes) {
  const names = [...new Set(processes.map(({ process }) => process))].filter((name) => name !== label && processName(name) !== appName(label));
  const more = names.length - MAX_NAMES;
  const shown = names.slice(0, MAX_NAMES).map(processName).join(", ");
  return more > 0 ? `${shown}, ${more} more` : shown;
}
