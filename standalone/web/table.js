// The table of what moves now, one row for each application or each process. Rows are kept and
// changed in place, so focus and hover survive.

import { setText } from "./dom.js";
import { appName } from "./format.js";
import { isSame } from "./link.js";
import { Row } from "./row.js";

/** More rows than a person reads; the rest is named in the foot. */
const MAX_ROWS = 30;

/** How columns compare; numbers fall, words rise. */
const COLUMNS = {
  process: { key: (row) => (row.kind === "app" ? appName(row.label) : row.label).toLowerCase(), descending: false },
  pid: { key: (row) => row.processes[0].pid, descending: false },
  user: { key: (row) => row.processes[0].user ?? "", descending: false },
  received: { key: (row) => row.view.receivedRank, descending: true },
  sent: { key: (row) => row.view.sentRank, descending: true },
  rate: { key: (row) => row.view.receivedRank + row.view.sentRank, descending: true },
  "received-total": { key: (row) => row.view.receivedTotal, descending: true },
  "sent-total": { key: (row) => row.view.sentTotal, descending: true },
};

export class ProcessTable {
  /** `onSelect` gets what was chosen, `onChange` is called when the table is to be drawn anew. */
  constructor(table, foot, onSelect, onChange) {
    this.body = table.tBodies[0];
    this.heads = [...table.tHead.querySelectorAll("th[data-sort]")];
    this.foot = foot;
    this.onSelect = onSelect;
    this.onChange = onChange;
    this.rows = new Map();
    /** Applications whose processes are shown. */
    this.unfolded = new Set();
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
    this.onChange();
  }

  showSort() {
    for (const head of this.heads) {
      const isSorted = head.dataset.sort === this.sort.column;
      const direction = this.sort.descending ? "descending" : "ascending";
      head.setAttribute("aria-sort", isSorted ? direction : "none");
    }
  }

  unfold(app) {
    if (!this.unfolded.delete(app)) this.unfolded.add(app);
    this.onChange();
  }

  /** Shows the processes of `model` that `fit` and use `protocol`; returns the rows that are shown. */
  draw(model, { fits, protocol, by, selected }) {
    const single = [];
    for (const process of model.processes.values()) {
      if (!fits(process)) continue;
      const view = model.view(process, protocol);
      if (view.isUsed) single.push(ofProcess(process, view));
    }
    const entries = by === "app" ? this.grouped(model, single) : single.sort(this.order());
    const shown = entries.slice(0, MAX_ROWS);
    this.place(shown, selected);
    const hidden = entries.length - shown.length;
    setText(this.foot, hidden > 0 ? `${hidden} more; search or sort to see them.` : "");
    return shown;
  }

  /** One entry for each application, and below it, if it is unfolded, its processes. */
  grouped(model, single) {
    const order = this.order();
    const apps = new Map();
    for (const entry of single.sort(order)) {
      const { app } = entry.processes[0];
      if (!apps.has(app)) apps.set(app, []);
      apps.get(app).push(entry);
    }
    const groups = [...apps].map(([app, members]) => ofApp(model, app, members, this.unfolded.has(app)));
    return groups.sort(order).flatMap((group) => (group.isUnfolded ? [group, ...group.members] : [group]));
  }

  place(entries, selected) {
    const keys = new Set(entries.map(({ key }) => key));
    for (const [key, row] of this.rows) {
      if (!keys.has(key)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
    entries.forEach((entry, index) => {
      const row = this.rows.get(entry.key) ?? this.added(entry);
      row.draw(entry, isSame(entry.choice, selected));
      if (this.body.children[index] !== row.element) {
        this.body.insertBefore(row.element, this.body.children[index] ?? null);
      }
    });
  }

  /** Moves the focus to the row of a selection, if it is shown. */
  focus(choice) {
    const row = [...this.rows.values()].find(({ entry }) => isSame(entry.choice, choice));
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
      return total(b) - total(a) || a.processes[0].pid - b.processes[0].pid;
    };
  }

  added(entry) {
    const row = new Row(entry, this.onSelect, (app) => this.unfold(app));
    this.rows.set(entry.key, row);
    return row;
  }
}

function ofProcess(process, view) {
  const choice = { name: process.process, pid: process.pid };
  return { key: process.id, kind: "process", label: process.process, processes: [process], view, choice };
}

function ofApp(model, app, members, isUnfolded) {
  return {
    key: `app ${app}`,
    kind: "app",
    label: app,
    processes: members.flatMap(({ processes }) => processes),
    view: model.sum(members.map(({ view }) => view)),
    choice: { app },
    members: members.map((member) => ({ ...member, key: `member ${member.key}`, kind: "member" })),
    isUnfolded: isUnfolded && members.length > 1,
  };
}
