// The table of processes now. Rows are kept and changed in place, so focus and hover survive.

import { h, setText } from "./dom.js";
import { bytes, processName, rateOrDash, visible } from "./format.js";
import { Spark } from "./spark.js";

/** More rows than a person reads; the rest is named in the foot. */
const MAX_ROWS = 100;

/** How columns compare; numbers fall, words rise. */
const COLUMNS = {
  process: { key: (row) => row.process.process.toLowerCase(), descending: false },
  pid: { key: (row) => row.process.pid, descending: false },
  user: { key: (row) => row.process.user ?? "", descending: false },
  received: { key: (row) => row.view.receivedRank, descending: true },
  sent: { key: (row) => row.view.sentRank, descending: true },
  rate: { key: (row) => row.view.receivedRank + row.view.sentRank, descending: true },
  "received-total": { key: (row) => row.view.receivedTotal, descending: true },
  "sent-total": { key: (row) => row.view.sentTotal, descending: true },
};

export class ProcessTable {
  constructor(table, foot, onSelect) {
    this.body = table.tBodies[0];
    this.heads = [...table.tHead.querySelectorAll("th[data-sort]")];
    this.foot = foot;
    this.onSelect = onSelect;
    this.rows = new Map();
    this.sort = { column: "rate", descending: true };
    for (const head of this.heads) {
      head.querySelector("button").addEventListener("click", () => this.sortBy(head.dataset.sort));
    }
    this.showSort();
  }

  sortBy(column) {
    const { descending } = COLUMNS[column];
    const again = this.sort.column === column;
    this.sort = { column, descending: again ? !this.sort.descending : descending };
    this.showSort();
    this.onSort?.();
  }

  showSort() {
    for (const head of this.heads) {
      const isSorted = head.dataset.sort === this.sort.column;
      const direction = this.sort.descending ? "descending" : "ascending";
      head.setAttribute("aria-sort", isSorted ? direction : "none");
    }
  }

  /** Shows the processes of `model` that fit `search` and `protocol`; returns how many fit. */
  draw(model, { search, protocol, selected }) {
    const wanted = search.trim().toLowerCase();
    const shown = [];
    for (const process of model.processes.values()) {
      if (!fits(process, wanted)) continue;
      const view = model.view(process, protocol);
      if (view.isUsed) shown.push({ process, view });
    }
    shown.sort(this.order());
    const visibleRows = shown.slice(0, MAX_ROWS);
    const ids = new Set(visibleRows.map(({ process }) => process.id));
    for (const [id, row] of this.rows) {
      if (!ids.has(id)) {
        row.element.remove();
        this.rows.delete(id);
      }
    }
    visibleRows.forEach(({ process, view }, index) => {
      const row = this.rows.get(process.id) ?? this.added(process);
      row.draw(process, view, selected(process));
      if (this.body.children[index] !== row.element) {
        this.body.insertBefore(row.element, this.body.children[index] ?? null);
      }
    });
    const hidden = shown.length - visibleRows.length;
    setText(this.foot, hidden > 0 ? `${hidden} more; search or sort to see them.` : "");
    return shown.length;
  }

  /** Moves the focus to the row of a process, if it is shown. */
  focus({ name, pid }) {
    const rows = [...this.rows.values()];
    const row = rows.find(({ process }) => process.process === name && (pid ?? process.pid) === process.pid);
    row?.name.focus({ preventScroll: true });
  }

  order() {
    const { column, descending } = this.sort;
    const { key } = COLUMNS[column];
    const sign = descending ? -1 : 1;
    return (a, b) => {
      const [left, right] = [key(a), key(b)];
      if (left !== right) return left < right ? -sign : sign;
      const total = (row) => row.view.receivedTotal + row.view.sentTotal;
      return total(b) - total(a) || a.process.pid - b.process.pid;
    };
  }

  added(process) {
    const row = new Row(process, this.onSelect);
    this.rows.set(process.id, row);
    return row;
  }
}

const fits = (process, wanted) =>
  wanted === "" ||
  [process.process, String(process.pid), process.user ?? "", process.exe ?? ""].some((text) =>
    text.toLowerCase().includes(wanted),
  );

class Row {
  constructor(process, onSelect) {
    this.name = h("button", { type: "button", class: "name" });
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
    this.element = h(
      "tr",
      { "data-testid": "process-row", "data-process": process.process, "data-pid": process.pid },
      h("th", { scope: "row" }, this.name, this.under),
      this.pid,
      this.user,
      this.received,
      this.sent,
      h("td", { class: "spark-cell" }, this.spark.element),
      this.receivedTotal,
      this.sentTotal,
    );
    this.element.addEventListener("click", () => onSelect(this.process));
  }

  draw(process, view, isSelected) {
    this.process = process;
    // A process may change its name while it runs.
    this.element.dataset.process = process.process;
    const user = process.user === null ? "–" : visible(process.user);
    setText(this.name, processName(process.process));
    this.name.title = process.exe === null ? "" : visible(process.exe);
    setText(this.under, `${process.pid} · ${user}`);
    setText(this.pid, String(process.pid));
    setText(this.user, user);
    setText(this.received, rateOrDash(view.receivedRate));
    setText(this.sent, rateOrDash(view.sentRate));
    setText(this.receivedTotal, bytes(view.receivedTotal));
    setText(this.sentTotal, bytes(view.sentTotal));
    this.element.classList.toggle("idle", view.receivedRate + view.sentRate === 0);
    this.element.classList.toggle("selected", isSelected);
    this.name.setAttribute("aria-expanded", String(isSelected));
    this.spark.draw(view.history);
  }
}
