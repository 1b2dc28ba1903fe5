// The view Past: any time, by what, narrowed to what, against the time before.

import { get } from "./api.js";
import { Chart, indexed, times } from "./chart.js";
import { COLOURS, Colours } from "./colours.js";
import { legendItem } from "./course.js";
import { download } from "./csv.js";
import { byId, h, setText } from "./dom.js";
import { bytes, delta, moment, sentence, visible } from "./format.js";
import { change, navigate, parameters, view } from "./link.js";
import { KINDS, PastRows } from "./past-rows.js";
import { PROTOCOLS, protocolName } from "./protocols.js";
import { PRESET_NAMES, hasDates, localText, presetWords, rangeOf } from "./ranges.js";

const EVERY_MS = 10_000;
const MAX_ROWS = 1000;

/** What a view is narrowed to, beside the free condition. */
const CONDITIONS = ["app", "process", "remote_ip", "protocol", "unit", "container"];

/** One button of a row of buttons. */
const segment = (words, testid, onClick) => {
  const button = h("button", { type: "button", "data-testid": testid }, words);
  button.addEventListener("click", onClick);
  return button;
};

export class Past {
  constructor() {
    this.chart = new Chart(byId("past-chart"), (from, to) => choose(new Date(from), new Date(to)));
    this.colours = new Colours();
    this.table = new PastRows(narrow);
    this.asked = 0;
    this.presets = PRESET_NAMES.map((name) => [
      name,
      segment(presetWords(name), `range-${name}`, () => change({ range: name, since: null, until: null })),
    ]);
    byId("presets").append(...this.presets.map(([, button]) => button));
    this.kinds = Object.entries(KINDS).map(([by, { words }]) => [by, segment(words, `past-by-${by}`, () => change({ by }))]);
    byId("past-by").append(...this.kinds.map(([, button]) => button));
    const protocols = PROTOCOLS.map((protocol) => h("option", { value: protocol }, protocolName(protocol)));
    byId("past-protocol").append(h("option", { value: "" }, "All protocols"), ...protocols);
    byId("past-protocol").addEventListener("change", ({ target }) => change({ protocol: target.value }));
    byId("past-where").addEventListener("change", ({ target }) => change({ where: target.value.trim() }));
    byId("custom").addEventListener("submit", (event) => {
      event.preventDefault();
      const [since, until] = ["custom-since", "custom-until"].map((id) => new Date(byId(id).value));
      if (since < until) choose(since, until);
      else setText(byId("past-problem"), "The chosen time ends before it begins.");
    });
    byId("past-csv").addEventListener("click", () => download("past", this.table.columns, this.table.lines));
    setInterval(() => {
      if (!document.hidden && this.isShown && this.range?.preset !== null) this.refresh();
    }, EVERY_MS);
  }

  get isShown() {
    return view() === "past";
  }

  /** After a step of navigation. */
  show() {
    if (!this.isShown) return;
    const given = parameters();
    this.given = given;
    this.by = Object.hasOwn(KINDS, given.get("by") ?? "") ? given.get("by") : "app";
    this.range = rangeOf(given, new Date());
    for (const [name, button] of this.presets) button.setAttribute("aria-pressed", String(name === this.range.preset));
    for (const [by, button] of this.kinds) button.setAttribute("aria-pressed", String(by === this.by));
    byId("past-protocol").value = given.get("protocol") ?? "";
    byId("past-where").value = given.get("where") ?? "";
    byId("custom-since").value = localText(this.range.since);
    byId("custom-until").value = localText(this.range.until);
    this.drawChips();
    this.refresh();
  }

  /** What it is narrowed to; each can be taken away. */
  drawChips() {
    const chips = [...CONDITIONS, "where"].flatMap((name) => {
      const value = this.given.get(name);
      if (value === null) return [];
      const words = name === "where" ? visible(value) : `${KINDS[name].words}: ${visible(value)}`;
      const button = h("button", { type: "button", "aria-label": `No longer only ${words}` }, "×");
      button.addEventListener("click", () => change({ [name]: null }));
      return [h("li", {}, h("span", {}, words), button)];
    });
    const [app, process] = [this.given.get("app"), this.given.get("process")];
    if (app !== null || process !== null) {
      const who = h("button", { type: "button", class: "plain", "data-testid": "who" }, "Who it is");
      who.addEventListener("click", () => navigate("now", process === null ? { app } : { process }));
      chips.push(h("li", { class: "bare" }, who));
    }
    byId("chips").replaceChildren(...chips);
  }

  async refresh() {
    const asked = (this.asked += 1);
    const range = rangeOf(this.given, new Date());
    const conditions = Object.fromEntries([...CONDITIONS, "where"].map((name) => [name, this.given.get(name)]));
    const span = ({ since, until }) => ({ since: since.toISOString(), until: until.toISOString() });
    const { by } = this;
    try {
      // What is there at once is shown at once; the comparison follows.
      const [series, usage] = await Promise.all([
        get("series", { ...conditions, ...span(range), group_by: by, limit: COLOURS }),
        get("usage", { ...conditions, ...span(range), group_by: by, limit: MAX_ROWS }),
      ]);
      if (asked !== this.asked) return;
      this.range = range;
      setText(byId("past-problem"), "");
      const isOther = this.table.answer === undefined || this.question !== this.given.toString();
      this.question = this.given.toString();
      if (isOther) this.draw(series, null, usage, null);
      const [seriesBefore, usageBefore] = await Promise.all([
        get("series", { ...conditions, ...span(range.before), step: `${series.step_secs}s` }),
        get("usage", { ...conditions, ...span(range.before), group_by: by, limit: MAX_ROWS }),
      ]);
      if (asked === this.asked) this.draw(series, seriesBefore, usage, usageBefore);
    } catch (error) {
      if (asked !== this.asked) return;
      this.drawProblem(error);
    }
  }

  /** Says why there is no answer, and what the numbers below are then. */
  drawProblem({ code, message }) {
    const why = code === null ? "nettally does not answer" : sentence(visible(message));
    const hasNumbers = this.table.answer !== undefined;
    setText(byId("past-problem"), hasNumbers ? `${why}. What is below is the answer before.` : `${why}.`);
    if (!hasNumbers) setText(byId("past-empty"), "There is nothing to show: the question was not answered.");
  }

  /** What is of the time before is null until it is known. */
  draw(series, seriesBefore, usage, usageBefore) {
    this.drawChart(series, seriesBefore);
    this.drawSums(usage, usageBefore);
    this.table.set(this.by, usage, usageBefore);
  }

  drawChart(answer, before) {
    const { by, range } = this;
    const span = times(answer);
    const known = answer.series.filter(({ is_other: isOther }) => !isOther);
    this.colours.keep(known.map(({ key }) => String(key)));
    const series = answer.series.map((line) => ({
      label: line.is_other ? "others" : KINDS[by].shown(line.key),
      choice: line.is_other || line.key === null ? null : line.key,
      slot: line.is_other ? "other" : this.colours.of(String(line.key)),
      title: `${bytes(line.total.received_bytes)} received, ${bytes(line.total.sent_bytes)} sent`,
      points: indexed(line.points, span),
    }));
    const one = before?.series[0];
    this.chart.set({
      ...span,
      label: `${range.words} by ${KINDS[by].words}: received above the line, sent below. ${sums(answer.series.map(({ total }) => total))}`,
      series,
      ghost: one ? indexed(one.points, times(before)) : null,
    });
    byId("past-legend").replaceChildren(...series.map((line) => legendItem(line, (value) => narrow(by, value))));
  }

  drawSums({ total, since, until }, usageBefore) {
    const before = usageBefore?.total;
    const { words, before: earlier } = this.range;
    const [from, to] = [new Date(since), new Date(until)];
    const dated = hasDates(from, to);
    const title = this.range.preset === null ? "" : `${words}, `;
    setText(byId("past-title"), `${title}${moment(from, dated)} – ${moment(to, dated)}`);
    const sum = (name, key) => {
      const told = before ? against(total[key], before[key], earlier.words) : "";
      return h("div", { class: name }, h("dt", {}, name), h("dd", { "data-testid": `sum-${name}`, "data-bytes": total[key] }, bytes(total[key])), h("dd", { class: "quiet since" }, told));
    };
    byId("sums").replaceChildren(sum("received", "received_bytes"), sum("sent", "sent_bytes"));
    byId("past-delta").title = `Against ${earlier.words}`;
  }
}

const against = (now, before, words) =>
  before === 0 ? `nothing stored of ${words}` : `${delta(now, before)} against ${words} (${bytes(before)})`;

const choose = (since, until) => change({ range: null, since: since.toISOString(), until: until.toISOString() });

/** A row or a colour leads to what is in it. */
const narrow = (by, value) => change({ [by]: value, by: KINDS[by].next });

const sums = (totals) => {
  const sum = (key) => bytes(totals.reduce((all, total) => all + total[key], 0));
  return `${sum("received_bytes")} received, ${sum("sent_bytes")} sent.`;
};
