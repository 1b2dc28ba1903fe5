// The table of Past: what each moved in the chosen time, against the time before.

import { byId, h, setText } from "./dom.js";
import { appName, bytes, delta, endpoint, processName, visible } from "./format.js";
import { protocolName } from "./protocols.js";
import { Sorting, place } from "./rows.js";

const MAX_ROWS = 50;

/** What rows can be: their head, how a value is shown, and what a click on one leads to. */
export const KINDS = {
  app: { words: "Application", shown: appName, next: "remote_ip" },
  process: { words: "Process", shown: processName, next: "remote_ip" },
  remote_ip: { words: "Remote", shown: (ip) => endpoint(ip, null), next: "app" },
  protocol: { words: "Protocol", shown: protocolName, next: "app" },
  unit: { words: "Unit", shown: (unit) => visible(unit ?? "in none"), next: "app" },
  container: { words: "Container", shown: (container) => visible(container ?? "in none"), next: "app" },
};

const both = ({ sent_bytes: sent, received_bytes: received }) => sent + received;

const COLUMNS = {
  name: { key: ({ shown }) => shown.toLowerCase(), descending: false },
  received: { key: ({ row }) => row.received_bytes, descending: true },
  sent: { key: ({ row }) => row.sent_bytes, descending: true },
  total: { key: ({ row }) => both(row), descending: true },
  delta: { key: ({ row, before }) => both(row) - (before ? both(before) : 0), descending: true },
};

const NOTHING = { sent_bytes: 0, received_bytes: 0 };

export class PastRows {
  rows = new Map();
  shown = [];

  constructor(onChoose) {
    this.onChoose = onChoose;
    this.body = byId("past-table").tBodies[0];
    this.sorting = new Sorting(byId("past-table"), COLUMNS, "total", () => this.draw());
  }

  /** `before` is null where it is not known. */
  set(by, answer, before) {
    if (by !== this.by) {
      this.rows.clear();
      this.body.replaceChildren();
    }
    this.by = by;
    this.answer = answer;
    this.entries = entries(by, answer, before);
    setText(byId("past-name"), KINDS[by].words);
    this.draw();
  }

  draw() {
    if (!this.entries) return;
    const sorted = this.sorting.sorted(this.entries);
    this.shown = sorted.slice(0, MAX_ROWS);
    const largest = Math.max(1, ...this.entries.map(({ row }) => both(row)));
    place(this.body, this.rows, this.shown.map((entry) => ({ ...entry, largest })), (entry) => new PastRow(entry, this.onChoose));
    byId("past-empty").hidden = this.shown.length > 0;
    setText(byId("past-empty"), "Nothing was moved, or nothing is stored, in this time.");
    const { other, outside_total: outside } = this.answer;
    const words = [];
    const more = sorted.length - this.shown.length;
    if (more > 0) words.push(`${more} more rows; sort or narrow to see them.`);
    if (both(other) > 0) words.push(`In no row: ${bytes(other.received_bytes)} received, ${bytes(other.sent_bytes)} sent.`);
    if (outside) words.push(`Not in the total: ${bytes(outside.received_bytes)} received and ${bytes(outside.sent_bytes)} sent as frames of the link layer.`);
    setText(byId("past-more"), words.join(" "));
  }

  /** The lines of a CSV file. */
  get lines() {
    return this.shown.map(({ value, row, before }) => ({
      [this.by]: value,
      received_bytes: row.received_bytes,
      sent_bytes: row.sent_bytes,
      received_bytes_before: before?.received_bytes,
      sent_bytes_before: before?.sent_bytes,
    }));
  }

  get columns() {
    return [this.by, "received_bytes", "sent_bytes", "received_bytes_before", "sent_bytes_before"];
  }
}

/** What there was before and is no more has a row too. */
function entries(by, { rows }, before) {
  const earlier = new Map(before?.rows.map((row) => [row[by] ?? null, row]));
  // Where nothing at all is stored of it, nothing is known of any row.
  const isWhole = before !== null && both(before.other) === 0 && both(before.total) > 0;
  const list = rows.map((row) => {
    const value = row[by] ?? null;
    const was = earlier.get(value) ?? (isWhole ? NOTHING : null);
    earlier.delete(value);
    return entry(by, value, row, was);
  });
  const gone = [...earlier].map(([value, row]) => entry(by, value, NOTHING, row));
  return [...list, ...gone];
}

const entry = (by, value, row, before) => ({ key: `${by} ${value}`, by, value, shown: KINDS[by].shown(value), row, before });

class PastRow {
  constructor({ by, value, shown }, onChoose) {
    const number = (more) => h("td", { class: `number ${more}` });
    [this.received, this.sent, this.total, this.delta] = [number("received"), number("sent"), number("wide"), number("delta")];
    this.bar = h("meter", { min: 0, max: 1, "aria-label": "Share of the largest" });
    const name =
      value === null
        ? h("span", { class: "quiet" }, shown)
        : h("button", { type: "button", class: "name", title: visible(String(value)) }, shown);
    this.element = h(
      "tr",
      { "data-testid": "past-row", "data-key": value ?? "" },
      h("th", { scope: "row" }, name),
      this.received,
      this.sent,
      this.total,
      h("td", { class: "share-cell wide" }, this.bar),
      this.delta,
    );
    if (value !== null) {
      this.element.classList.add("leads");
      this.element.addEventListener("click", () => onChoose(by, value));
    }
  }

  draw({ row, before, largest }) {
    setText(this.received, bytes(row.received_bytes));
    setText(this.sent, bytes(row.sent_bytes));
    setText(this.total, bytes(both(row)));
    this.bar.value = both(row) / largest;
    this.element.dataset.received = row.received_bytes;
    this.element.dataset.sent = row.sent_bytes;
    setText(this.delta, before === null ? "–" : delta(both(row), both(before)));
    this.delta.title = before === null ? "Not known" : `${bytes(both(before))} before`;
  }
}
