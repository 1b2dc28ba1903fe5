// The view Now: who moves how much, with whom, and the last two minutes.

import { Addresses } from "./addresses.js";
import { Course } from "./course.js";
import { download } from "./csv.js";
import { Detail } from "./detail.js";
import { byId, setText } from "./dom.js";
import { bytes, sentence, visible } from "./format.js";
import { LiveFilter } from "./filter.js";
import { fits } from "./identity.js";
import { change, groupBy, grouping, navigate, parameters, select, selection, view } from "./link.js";
import { ProtocolButtons, protocolName } from "./protocols.js";
import { ProcessTable } from "./table.js";

const COLUMNS = [
  "app", "process", "pid", "user", "exe", "command_line",
  "received_bytes_per_second", "sent_bytes_per_second", "received_bytes", "sent_bytes",
];

export class Now {
  protocol = "all";
  shown = [];

  constructor(model) {
    this.model = model;
    this.filter = new LiveFilter(() => this.draw());
    this.detail = new Detail(select, () => select(null));
    this.course = new Course(select);
    this.table = new ProcessTable(byId("processes"), byId("processes-more"), select, () => this.draw());
    this.addresses = new Addresses((row) => navigate("past", { remote_ip: row.remote_ip, by: "app" }));
    this.protocols = new ProtocolButtons([...document.querySelectorAll("[data-protocol]")], (protocol) => {
      change({ protocol: protocol === "all" ? null : protocol }, { replaces: true });
    });
    for (const button of document.querySelectorAll("[data-by]")) {
      button.addEventListener("click", () => groupBy(button.dataset.by));
    }
    byId("search").addEventListener("input", ({ target }) => change({ q: target.value }, { replaces: true }));
    byId("processes-csv").addEventListener("click", () => download("processes", COLUMNS, this.shown.flatMap(csvRows)));
  }

  /** After a step of navigation. */
  show() {
    if (view() !== "now") {
      this.detail.open(null);
      return;
    }
    const given = parameters();
    this.protocol = given.get("protocol") ?? "all";
    this.protocols.press(this.protocol);
    const search = byId("search");
    const text = given.get("q") ?? "";
    if (search.value !== text) search.value = text;
    this.filter.set(text);
    const by = grouping();
    for (const button of document.querySelectorAll("[data-by]")) {
      button.setAttribute("aria-pressed", String(button.dataset.by === by));
    }
    setText(byId("name-head"), by === "app" ? "Application" : "Process");
    const before = this.detail.choice;
    this.detail.open(selection());
    this.heard();
    if (this.detail.isOpen && before === null) {
      byId("detail-close").focus({ preventScroll: true });
      byId("detail").scrollIntoView({ block: "nearest" });
    } else if (before !== null && !this.detail.isOpen) {
      this.table.focus(before);
    }
  }

  /** After a window. */
  heard() {
    if (view() !== "now" || document.hidden) return;
    this.protocols.reveal(this.model.protocols);
    this.addresses.refresh(this.model, this.protocol);
    this.detail.refreshLive(this.model, this.protocol);
    drawOutside(this.model.event?.outside_total);
    this.draw();
  }

  draw() {
    const { model, filter, protocol } = this;
    const words = filter.text.trim().toLowerCase();
    const isChosen = filter.isCondition
      ? (process) => filter.hasProcess(process)
      : (process) => fits(process, words);
    this.course.draw(model, isChosen, protocol, grouping());
    this.shown = this.table.draw(model, { fits: isChosen, protocol, by: grouping(), selected: selection() });
    setText(byId("empty"), this.shown.length > 0 ? "" : this.emptyWords());
    byId("empty").hidden = this.shown.length > 0;
    setText(byId("search-note"), this.searchWords());
    byId("search-note").classList.toggle("bad", filter.problem !== "");
    byId("search").setAttribute("aria-invalid", String(filter.problem !== ""));
    this.addresses.draw(filter, words);
  }

  searchWords() {
    const { filter } = this;
    if (!filter.isCondition) return "";
    if (filter.problem !== "") return `${sentence(visible(filter.problem))}.`;
    if (filter.found === null) return "Asking…";
    return "Rows that had such traffic in the last two minutes, as far as it is stored; their rates are of all that they move.";
  }

  emptyWords() {
    const { model, filter, protocol } = this;
    if (model.event === null || model.event.window === null) return "Waiting for the first window…";
    if (model.processes.size === 0) {
      return "No traffic yet. A process appears here as soon as it sends or receives.";
    }
    const over = protocol === "all" ? "" : ` over ${protocolName(protocol)}`;
    if (filter.text.trim() === "") return `Nothing moved${over} in the last two minutes.`;
    if (filter.isCondition && filter.found === null) return filter.problem === "" ? "Asking…" : "The condition cannot be read.";
    return `Nobody${over} fits “${visible(filter.text)}”.`;
  }
}

function csvRows({ kind, processes, view: moved }) {
  const [first] = processes;
  const isOne = processes.length === 1;
  const one = (value) => (isOne ? value : null);
  const { receivedRate, sentRate, receivedTotal, sentTotal } = moved;
  return [{
    app: first.app,
    process: kind === "app" ? one(first.process) : first.process,
    pid: one(first.pid),
    user: one(first.user),
    exe: one(first.exe),
    command_line: one(first.identity?.command_line),
    received_bytes_per_second: receivedRate,
    sent_bytes_per_second: sentRate,
    received_bytes: receivedTotal,
    sent_bytes: sentTotal,
  }];
}

/** What no total has; absent as long as that is nothing. */
function drawOutside(outside) {
  const moved = outside?.since_start;
  const words = `Not in any total: ${bytes(moved?.received_bytes)} received and ${bytes(moved?.sent_bytes)} sent since start as frames of the link layer, which may hold what is counted above.`;
  setText(byId("outside"), moved === undefined ? "" : words);
}
