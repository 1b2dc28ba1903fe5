// One process: how it went in the last hour, and whom it talks to.

import { get } from "./api.js";
import { Chart, indexed, times } from "./chart.js";
import { byId, h, setText } from "./dom.js";
import { bytes, endpoint, processName, rate, rateOrDash, visible } from "./format.js";
import { isInTotals, protocolName } from "./protocols.js";

const MAX_REMOTES = 50;

export class Detail {
  constructor(onClose) {
    this.panel = byId("detail");
    this.chart = new Chart(byId("detail-chart"));
    this.choice = null;
    this.mode = "live";
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

  /** Shows a process; `null` closes. `pid` may be null: all processes of that name. */
  open(choice) {
    const isSame = choice?.name === this.choice?.name && choice?.pid === this.choice?.pid;
    this.choice = choice;
    this.panel.hidden = choice === null;
    document.body.classList.toggle("with-detail", choice !== null);
    if (choice === null || isSame) return;
    setText(byId("detail-name"), processName(choice.name));
    byId("remotes-body").replaceChildren();
    setText(byId("remotes-note"), "Loading…");
    this.refreshLive();
    this.refreshPast();
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
    const { name, pid } = this.choice;
    const processes = model.find(name, pid);
    const views = processes.map((process) => model.view(process, protocol));
    const sum = (key) => views.reduce((total, view) => total + view[key], 0);
    setText(byId("detail-received"), rate(sum("receivedRate")));
    setText(byId("detail-sent"), rate(sum("sentRate")));
    setText(byId("detail-about"), about(processes, pid));
    const totals = `${bytes(sum("receivedTotal"))} received, ${bytes(sum("sentTotal"))} sent`;
    setText(byId("detail-totals"), processes.length > 0 ? `${totals} since it was first seen` : "");
    if (this.mode === "live") this.refreshRemotes();
  }

  /** Now and then: the chart, and the remotes if they are shown for the hour. */
  refreshPast() {
    if (!this.isOpen) return;
    this.refreshChart();
    if (this.mode === "hour") this.refreshRemotes();
  }

  get conditions() {
    const { name, pid } = this.choice;
    const protocol = this.protocol === "all" ? null : this.protocol;
    return { process: name, pid, protocol };
  }

  async refreshChart() {
    const choice = this.choice;
    try {
      const answer = await get("series", { ...this.conditions, since: "-1h" });
      if (choice !== this.choice) return;
      const span = times(answer);
      const [series] = answer.series;
      setText(byId("detail-chart-note"), series ? "" : "Nothing stored in the last hour yet.");
      this.chart.set({
        ...span,
        label: `Last hour of ${processName(choice.name)}`,
        series: series
          ? [{ label: processName(choice.name), slot: "own", points: indexed(series.points, span) }]
          : [],
      });
    } catch (error) {
      if (choice === this.choice) setText(byId("detail-chart-note"), `No history: ${error.message}.`);
    }
  }

  async refreshRemotes() {
    const { choice, mode } = this;
    try {
      const answer = mode === "live" ? await this.liveRows() : await this.hourRows();
      if (choice !== this.choice || mode !== this.mode) return;
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
    }));
    const rest = (key) =>
      counted.reduce((left, row) => left - row[key], answer.total[key]);
    const others = { sent_bytes: rest("sent_bytes"), received_bytes: rest("received_bytes") };
    return { rows, none: "It talked to nobody in the last hour.", others };
  }
}

function about(processes, pid) {
  if (processes.length === 0) {
    return pid === null ? "Quiet for two minutes or more" : `PID ${pid} · quiet for two minutes or more`;
  }
  if (processes.length > 1) return `${processes.length} processes of this name`;
  const [{ pid: number, user, exe }] = processes;
  return [`PID ${number}`, user, exe].filter((part) => part !== null).map((part) => visible(part)).join(" · ");
}

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
    h("th", { scope: "row" }, where),
    h("td", { class: "quiet" }, protocolName(protocol)),
    h("td", { class: "number received" }, received),
    h("td", { class: "number sent" }, sent),
  );
}
