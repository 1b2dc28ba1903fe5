// One application or process: who it is, how it went in the last hour, and whom it talks to.

import { get } from "./api.js";
import { Chart, indexed, times } from "./chart.js";
import { download } from "./csv.js";
import { breakable, byId, h, setText } from "./dom.js";
import { appName, bytes, endpoint, processName, rate, rateOrDash, visible } from "./format.js";
import { facts } from "./identity.js";
import { address, conditions, isSame } from "./link.js";
import { isInTotals, protocolName } from "./protocols.js";

const MAX_REMOTES = 50;

const PAST_EVERY_MS = 10_000;

const CSV = ["what", "name", "value", "protocol", "received_bytes", "sent_bytes"];

const SPANS = { "-1h": "last hour", "-24h": "last day", "-7d": "last week" };

/** Processes of an application that are listed. */
const MAX_MEMBERS = 12;

export class Detail {
  constructor(onSelect, onClose) {
    this.onSelect = onSelect;
    this.panel = byId("detail");
    this.chart = new Chart(byId("detail-chart"));
    this.choice = null;
    /** The processes of the last hour, as far as they are needed: when none is live. */
    this.past = [];
    this.mode = "live";
    /** How far back the chart goes. */
    this.span = "-1h";
    this.csv = { facts: [], remotes: [] };
    byId("detail-csv").addEventListener("click", () => {
      download("process", CSV, [...this.csv.facts, ...this.csv.remotes]);
    });
    for (const button of this.panel.querySelectorAll("[data-span]")) {
      button.addEventListener("click", () => this.setSpan(button.dataset.span));
    }
    setInterval(() => {
      if (!document.hidden) this.refreshPast();
    }, PAST_EVERY_MS);
    byId("detail-close").addEventListener("click", onClose);
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") onClose();
    });
    for (const button of this.panel.querySelectorAll("[data-mode]")) {
      button.addEventListener("click", () => this.setMode(button.dataset.mode));
    }
  }

  get isOpen() {
    return this.choice !== null;
  }

  /** Shows what a selection means; `null` closes. */
  open(choice) {
    const isOpenAlready = isSame(choice, this.choice);
    this.choice = choice;
    this.panel.hidden = choice === null;
    document.body.classList.toggle("with-detail", choice !== null);
    if (choice === null || isOpenAlready) return;
    this.past = [];
    setText(byId("detail-name"), this.title);
    byId("remotes-body").replaceChildren();
    setText(byId("remotes-note"), "Loading…");
    const { app, name } = choice;
    byId("detail-past").setAttribute("href", address("past", { app, process: name, by: "remote_ip" }));
    this.refreshLive();
    this.refreshPast();
  }

  setSpan(span) {
    this.span = span;
    for (const button of this.panel.querySelectorAll("[data-span]")) {
      button.setAttribute("aria-pressed", String(button.dataset.span === span));
    }
    this.refreshChart();
    this.refreshIdentity();
  }

  setMode(mode) {
    this.mode = mode;
    for (const button of this.panel.querySelectorAll("[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    }
    this.refreshRemotes();
  }

  /** After each window: the numbers at the top, and the remotes if they are shown live. */
  refreshLive(model = this.model, protocol = this.protocol ?? "all") {
    this.model = model;
    this.protocol = protocol;
    if (!this.isOpen || !model) return;
    const processes = model.find(this.choice);
    const views = processes.map((process) => model.view(process, protocol));
    const sum = (key) => views.reduce((total, view) => total + view[key], 0);
    setText(byId("detail-received"), rate(sum("receivedRate")));
    setText(byId("detail-sent"), rate(sum("sentRate")));
    setText(byId("detail-about"), about(processes, this.choice.pid));
    this.showFacts(facts(processes.length > 0 ? processes : this.past));
    this.showMembers(processes);
    const totals = `${bytes(sum("receivedTotal"))} received, ${bytes(sum("sentTotal"))} sent`;
    setText(byId("detail-totals"), processes.length > 0 ? `${totals} since it was first seen` : "");
    if (this.mode === "live") this.refreshRemotes();
  }

  /** Now and then: the chart, and the remotes if they are shown for the hour. */
  refreshPast() {
    if (!this.isOpen) return;
    this.refreshChart();
    this.refreshIdentity();
    if (this.mode === "hour") this.refreshRemotes();
  }

  get conditions() {
    const protocol = this.protocol === "all" ? null : this.protocol;
    return { ...conditions(this.choice), protocol };
  }

  get title() {
    const { app, name } = this.choice;
    return app === undefined ? processName(name) : appName(app);
  }

  /** Only when they differ: whoever has marked a text wants to copy it. */
  showFacts(list) {
    this.csv.facts = list.map(({ label, text }) => ({ what: "fact", name: label, value: text }));
    const text = JSON.stringify(list);
    const place = byId("detail-facts");
    if (place.dataset.text === text) return;
    place.dataset.text = text;
    place.replaceChildren(...list.map(factRow));
  }

  /** The processes of an application, each a way to itself. */
  showMembers(processes) {
    const shown = processes.length > 1 ? processes.slice(0, MAX_MEMBERS) : [];
    const text = shown.map(({ id, process, identity }) => [id, process, identity?.command_line].join()).join("\n");
    const place = byId("detail-members");
    if (place.dataset.text === text) return;
    place.dataset.text = text;
    const items = shown.map((process) => this.memberRow(process));
    const more = processes.length - shown.length;
    if (shown.length > 0 && more > 0) items.push(h("li", { class: "quiet" }, `${more} more`));
    place.replaceChildren(...items);
  }

  memberRow({ process: name, pid, exe, identity }) {
    const button = h("button", { type: "button" }, `${processName(name)} (${pid})`);
    button.addEventListener("click", () => this.onSelect({ name, pid }));
    const command = visible(identity?.command_line ?? exe ?? "");
    return h("li", {}, button, h("span", { class: "quiet", title: command }, command));
  }

  async refreshChart() {
    const { choice, span: asked } = this;
    try {
      const answer = await get("series", { ...this.conditions, since: asked });
      if (choice !== this.choice || asked !== this.span) return;
      const span = times(answer);
      const [series] = answer.series;
      setText(byId("detail-chart-note"), series ? "" : `Nothing stored in the ${SPANS[asked]} yet.`);
      this.chart.set({
        ...span,
        label: `The ${SPANS[asked]} of ${this.title}`,
        series: series
          ? [{ label: this.title, slot: "own", points: indexed(series.points, span) }]
          : [],
      });
    } catch (error) {
      if (choice === this.choice) setText(byId("detail-chart-note"), `No history: ${error.message}.`);
    }
  }

  /** Of processes that are quiet, or gone, the history knows who they were. */
  async refreshIdentity() {
    const { choice, model } = this;
    if (!model || model.find(choice).length > 0) return;
    try {
      const answer = await get("processes", { ...conditions(choice), since: this.span, limit: MAX_MEMBERS });
      if (choice !== this.choice) return;
      this.past = answer.processes.map((row) => ({ ...row, identity: known(row) }));
      this.refreshLive();
    } catch {
      // The chart says already that there is no history.
    }
  }

  async refreshRemotes() {
    const { choice, mode } = this;
    try {
      const answer = mode === "live" ? await this.liveRows() : await this.hourRows();
      if (choice !== this.choice || mode !== this.mode) return;
      this.csv.remotes = answer.rows.map(({ where, protocol, count }) => ({ what: `remote ${mode}`, name: where, protocol, ...count }));
      byId("remotes-body").replaceChildren(...answer.rows.map(remoteRow));
      setText(byId("remotes-note"), remotesNote(answer));
    } catch (error) {
      if (choice === this.choice) setText(byId("remotes-note"), `No remotes: ${error.message}.`);
    }
  }

  async liveRows() {
    const answer = await get("live/remotes", { ...this.conditions, limit: MAX_REMOTES });
    const seconds = this.model?.seconds ?? 1;
    const rows = answer.rows.map((row) => ({
      where: endpoint(row.remote_ip, row.remote_port),
      protocol: row.protocol,
      received: rateOrDash(row.received_bytes / seconds),
      sent: rateOrDash(row.sent_bytes / seconds),
      isIdle: row.sent_bytes + row.received_bytes === 0,
      count: { received_bytes: row.received_bytes, sent_bytes: row.sent_bytes },
    }));
    return { rows, none: "It talked to nobody in the last two minutes.", others: answer.other };
  }

  async hourRows() {
    const answer = await get("usage", {
      ...this.conditions,
      since: "-1h",
      group_by: "remote_ip,remote_port,protocol",
      limit: MAX_REMOTES,
    });
    // Rows that tell their protocol are there even if the total has them not.
    const counted = answer.rows.filter((row) => this.protocol !== "all" || isInTotals(row.protocol));
    const rows = counted.map((row) => ({
      where: endpoint(row.remote_ip, row.remote_port),
      protocol: row.protocol ?? "",
      received: bytes(row.received_bytes),
      sent: bytes(row.sent_bytes),
      isIdle: false,
      count: { received_bytes: row.received_bytes, sent_bytes: row.sent_bytes },
    }));
    const rest = (key) =>
      counted.reduce((left, row) => left - row[key], answer.total[key]);
    const others = { sent_bytes: rest("sent_bytes"), received_bytes: rest("received_bytes") };
    return { rows, none: "It talked to nobody in the last hour.", others };
  }
}

function about(processes, pid) {
  if (processes.length === 0) {
    return typeof pid === "number" ? `PID ${pid} · quiet for two minutes or more` : "Quiet for two minutes or more";
  }
  return processes.length > 1 ? `${processes.length} processes` : `PID ${processes[0].pid}`;
}

function factRow({ label, text, kind }) {
  const shown = h("span", { class: kind }, text);
  return h("div", {}, h("dt", {}, label), h("dd", {}, shown, ...(kind === "code" ? copyButton(label, text) : [])));
}

/** A browser lends its clipboard only to pages of this machine or over TLS. */
function copyButton(label, text) {
  if (!navigator.clipboard) return [];
  const button = h("button", { type: "button", class: "copy", "aria-label": `Copy: ${label}` }, "Copy");
  button.addEventListener("click", async () => {
    const done = await navigator.clipboard.writeText(text).then(() => "Copied", () => "Not allowed");
    setText(button, done);
    setTimeout(() => setText(button, "Copy"), 1500);
  });
  return [button];
}

/** What is known of a row of the history; what is not is null there, and absent among the live. */
const known = (row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));

/** What the rows do not say. */
function remotesNote({ rows, none, others }) {
  const { sent_bytes: sent, received_bytes: received } = others;
  if (sent + received > 0) {
    return `Remotes that are not listed: ${bytes(received)} received, ${bytes(sent)} sent.`;
  }
  return rows.length === 0 ? none : "";
}

function remoteRow({ where, protocol, received, sent, isIdle }) {
  return h(
    "tr",
    { class: isIdle ? "idle" : "", "data-testid": "remote-row", "data-remote": where },
    h("th", { scope: "row" }, ...breakable(where)),
    h("td", { class: "quiet" }, protocolName(protocol)),
    h("td", { class: "number received" }, received),
    h("td", { class: "number sent" }, sent),
  );
}
