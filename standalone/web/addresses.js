// The table of remotes that move something now, of all processes together.

import { get } from "./api.js";
import { download } from "./csv.js";
import { breakable, byId, h, setText } from "./dom.js";
import { bytes, endpoint, rateOrDash } from "./format.js";
import { HISTORY } from "./model.js";
import { protocolName } from "./protocols.js";
import { Sorting, place } from "./rows.js";
import { Spark } from "./spark.js";

const ASKED_ROWS = 200;
const MAX_ROWS = 25;

/** Windows over which rows are ranked, so that they do not jump with every packet. */
const RANKED = 4;

const COLUMNS = {
  remote: { key: ({ where }) => where, descending: false },
  protocol: { key: ({ protocol }) => protocol, descending: false },
  received: { key: ({ history }) => lately(history, 1), descending: true },
  sent: { key: ({ history }) => lately(history, 0), descending: true },
  rate: { key: ({ history }) => lately(history, 0) + lately(history, 1), descending: true },
  "received-total": { key: ({ recent }) => recent.received_bytes, descending: true },
  "sent-total": { key: ({ recent }) => recent.sent_bytes, descending: true },
};

const CSV = [
  "protocol", "remote_ip", "remote_port", "received_bytes_per_second", "sent_bytes_per_second",
  "received_bytes_2_minutes", "sent_bytes_2_minutes",
];

export class Addresses {
  entries = [];
  histories = new Map();
  rows = new Map();
  window = null;
  asked = "";

  constructor(onChoose) {
    this.onChoose = onChoose;
    this.body = byId("addresses").tBodies[0];
    this.sorting = new Sorting(byId("addresses"), COLUMNS, "rate", () => this.draw(this.filter, this.words));
    byId("addresses-csv").addEventListener("click", () => download("remotes", CSV, this.shown.map(csvRow)));
  }

  shown = [];

  /** Asks for the newest window, unless that is being done. */
  async refresh(model, protocol) {
    const question = `${model.event?.sequence} ${protocol}`;
    if (this.isAsking || question === this.asked) return;
    this.isAsking = true;
    this.asked = question;
    if (protocol !== this.protocol) this.histories.clear();
    this.protocol = protocol;
    try {
      const answer = await get("live/remotes", {
        limit: ASKED_ROWS,
        protocol: protocol === "all" ? null : protocol,
        // What was before this page is asked for once.
        history: this.histories.size === 0 ? true : null,
      });
      this.take(answer, model.seconds);
    } catch (error) {
      this.asked = "";
      setText(byId("addresses-note"), `No remotes: ${error.message}.`);
    } finally {
      this.isAsking = false;
    }
    this.draw(this.filter, this.words);
  }

  take({ window, rows, other }, seconds) {
    const isNew = window?.end !== this.window;
    this.window = window?.end;
    this.entries = rows.map((row) => {
      const key = `${row.protocol} ${row.remote_ip} ${row.remote_port}`;
      const newest = [row.sent_bytes, row.received_bytes];
      const known = this.histories.get(key);
      const history = known ?? row.history ?? [newest];
      if (known && isNew) history.push(newest);
      history.splice(0, Math.max(0, history.length - HISTORY));
      this.histories.set(key, history);
      return { ...row, key, history, where: endpoint(row.remote_ip, row.remote_port), seconds };
    });
    const keys = new Set(this.entries.map(({ key }) => key));
    for (const key of this.histories.keys()) {
      if (!keys.has(key)) this.histories.delete(key);
    }
    this.other = other;
  }

  draw(filter, words = "") {
    this.filter = filter;
    this.words = words;
    if (!filter || this.window === null) return;
    const isWanted = filter.isCondition
      ? (entry) => filter.hasRemote(entry)
      : ({ where, protocol }) => where.toLowerCase().includes(words) || protocolName(protocol).toLowerCase().includes(words);
    const wanted = this.sorting.sorted(this.entries.filter(isWanted));
    this.shown = wanted.slice(0, MAX_ROWS);
    place(this.body, this.rows, this.shown, (entry) => new AddressRow(entry, this.onChoose));
    setText(byId("addresses-empty"), this.shown.length > 0 ? "" : emptyWords(filter, words));
    byId("addresses-empty").hidden = this.shown.length > 0;
    const more = wanted.length - this.shown.length;
    const { received_bytes: received, sent_bytes: sent } = this.other;
    const rest = received + sent > 0 ? ` In no row: ${bytes(received)} received, ${bytes(sent)} sent in the last two minutes.` : "";
    setText(byId("addresses-note"), `${more > 0 ? `${more} more; search or sort to see them.` : ""}${rest}`.trim());
  }
}

function emptyWords({ isCondition, found, problem }, words) {
  if (isCondition && problem !== "") return "The condition cannot be read.";
  if (isCondition && found === null) return "Asking…";
  return words === "" ? "Nobody was talked to in the last two minutes." : "No remote fits the search.";
}

class AddressRow {
  constructor({ where, protocol, remote_ip: ip }, onChoose) {
    const number = (more) => h("td", { class: `number ${more}` });
    [this.received, this.sent] = [number("received"), number("sent")];
    [this.receivedTotal, this.sentTotal] = [number("quiet wide"), number("quiet wide")];
    this.spark = new Spark();
    const name = h("button", { type: "button", class: "name", title: `The past of ${where}` }, ...breakable(where));
    this.element = h(
      "tr",
      { "data-testid": "address-row", "data-remote": where },
      h("th", { scope: "row" }, name, h("span", { class: "under" }, protocolName(protocol))),
      h("td", { class: "quiet wide" }, protocolName(protocol)),
      this.received,
      this.sent,
      h("td", { class: "spark-cell" }, this.spark.element),
      this.receivedTotal,
      this.sentTotal,
    );
    this.element.addEventListener("click", () => onChoose({ remote_ip: ip }));
  }

  draw({ sent_bytes: sent, received_bytes: received, recent, history, seconds }) {
    setText(this.received, rateOrDash(received / seconds));
    setText(this.sent, rateOrDash(sent / seconds));
    setText(this.receivedTotal, bytes(recent.received_bytes));
    setText(this.sentTotal, bytes(recent.sent_bytes));
    this.element.classList.toggle("idle", sent + received === 0);
    this.spark.draw(history);
  }
}

const lately = (history, side) => history.slice(-RANKED).reduce((sum, pair) => sum + pair[side], 0);

const csvRow = ({ protocol, remote_ip, remote_port, sent_bytes, received_bytes, recent, seconds }) => ({
  protocol,
  remote_ip,
  remote_port,
  received_bytes_per_second: received_bytes / seconds,
  sent_bytes_per_second: sent_bytes / seconds,
  received_bytes_2_minutes: recent.received_bytes,
  sent_bytes_2_minutes: recent.sent_bytes,
});
