// The view State: what is measured, what is not seen, what was lost, and whether it gets where it should.

import { get } from "./api.js";
import { download } from "./csv.js";
import { byId, h } from "./dom.js";
import { bytes, duration, plural, sentence, visible } from "./format.js";
import { view } from "./link.js";
import { degradationItem, lossItem } from "./notices.js";

const EVERY_MS = 5000;

export class State {
  /** `onTroubles` gets what fails, in sentences. */
  constructor(onTroubles) {
    this.onTroubles = onTroubles;
    this.facts = [];
    byId("state-csv").addEventListener("click", () => download("state", ["part", "name", "value"], this.facts));
    setInterval(() => {
      if (!document.hidden) this.refresh();
    }, EVERY_MS);
  }

  show() {
    if (view() === "state") this.refresh();
  }

  async refresh() {
    try {
      this.health = await get("health");
    } catch {
      // The banner says that nobody answers, and since when.
      return;
    }
    this.onTroubles(troubles(this.health));
    if (view() === "state") this.draw();
  }

  draw() {
    const { degradations, losses, sinks, database } = this.health;
    const measuring = measured(this.health);
    const stored = database === null ? [["", "There is none: no sink of the type sqlite."]] : figures(database);
    drawFacts(byId("state-facts"), measuring);
    drawFacts(byId("state-database"), stored);
    drawItems(byId("state-degradations"), degradations.map(degradationItem), "Everything that moves bytes is seen.");
    drawItems(byId("state-losses"), Object.entries(losses).map(lossItem), "Nothing was lost.");
    redraw(byId("state-sinks"), sinks.length === 0 ? [h("p", { class: "note" }, "Nowhere but to this page.")] : sinks.map(sinkCard));
    const part = (name, pairs) => pairs.map(([label, value]) => ({ part: name, name: label, value }));
    this.facts = [
      ...part("measuring", measuring),
      ...degradations.map(({ code, summary }) => ({ part: "not seen", name: code, value: summary })),
      ...Object.entries(losses).flatMap(([reason, { events, sent_bytes, received_bytes }]) =>
        part(`lost ${reason}`, Object.entries({ events, sent_bytes, received_bytes }))),
      ...sinks.flatMap((sink) => part(`sink ${sink.name}`, figures(sink))),
      ...part("database", stored),
    ];
  }
}

/** What fails, in sentences; empty if nothing does. */
function troubles({ sinks, database }) {
  const list = sinks.flatMap((sink) =>
    errors(sink).map((error) => `The sink ${visible(sink.name)} has failed: ${visible(error)}.`),
  );
  if (database?.error !== undefined) list.push(`The database cannot be read: ${visible(String(database.error))}.`);
  return list;
}

/** The errors that a sink tells of, wherever it does. */
function errors(figures) {
  if (figures === null || typeof figures !== "object") return [];
  return Object.entries(figures).flatMap(([name, value]) => {
    if (name !== "last_error" || value === null) return errors(value);
    return [typeof value === "object" ? String(value.message ?? JSON.stringify(value)) : String(value)];
  });
}

function measured({ status, backend, kernel, version, started, uptime_secs: uptime, sources, live }) {
  const facts = [
    ["Status", { ok: "Complete", degraded: "Degraded: see below", starting: "Starting" }[status] ?? status],
    ["Backend", backend ?? "not known yet"],
    ["Kernel", kernel === null ? "not known yet" : `Linux ${kernel}`],
    ["Version", version],
    ["Running for", `${duration(uptime)}, since ${new Date(started).toLocaleString()}`],
  ];
  for (const { name, windows, flows, flows_capacity: capacity, drain_ms: drain } of sources) {
    facts.push([`Source ${name}`, `${plural(windows, "window")}; ${flows} of ${capacity} flows in the last; read in ${drain.toFixed(1)} ms`]);
  }
  const { stream = {}, ...kept } = live ?? {};
  for (const [name, value] of figures(kept)) facts.push([`Kept for Now: ${name}`, value]);
  for (const [name, value] of figures(stream)) facts.push([`Streams: ${name}`, value]);
  return facts.map(([name, value]) => [name, visible(String(value))]);
}

/** All numbers of an object, as `[name, value]`; those inside others have both names. */
function figures(object, before = "") {
  return Object.entries(object).flatMap(([name, value]) => {
    const label = before === "" ? name : `${before}.${name}`;
    if (value !== null && typeof value === "object") return figures(value, label);
    return [[label.replaceAll("_", " "), shown(name, value)]];
  });
}

function shown(name, value) {
  if (value === null) return "none";
  if (typeof value === "number") {
    if (/bytes/u.test(name)) return bytes(value);
    if (/_ms$/u.test(name)) return `${value.toFixed(1)} ms`;
    return value.toLocaleString("en");
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  return visible(String(value));
}

function sinkCard(sink) {
  const { name, type = "" } = sink;
  const failures = errors(sink);
  const lost = Object.entries(sink.losses);
  const words = failures.length + lost.length === 0 ? "delivers" : sentence(failures.length > 0 ? "fails" : "has lost something");
  const pairs = figures(sink).filter(([label]) => !/^(name|type)$|^losses/u.test(label));
  return h(
    "section",
    { class: "sink", "data-sink": name },
    h("h3", {}, `${visible(name)} `, h("span", { class: "quiet" }, visible(type)), " ", h("span", { class: words === "delivers" ? "good" : "bad" }, words)),
    h("ul", { class: "told" }, ...failures.map((error) => h("li", { class: "bad" }, visible(error))), ...lost.map(lossItem)),
    h("dl", { class: "facts" }, ...pairs.map(factRow)),
  );
}

const factRow = ([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value));

const drawFacts = (place, pairs) => redraw(place, pairs.map(factRow));

const drawItems = (place, items, none) => redraw(place, items.length > 0 ? items : [h("li", { class: "good" }, none)]);

/** Only when something differs: whoever has marked a text wants to copy it. */
function redraw(place, children) {
  const text = children.map((child) => child.textContent).join("\n");
  if (place.dataset.text === text) return;
  place.dataset.text = text;
  place.replaceChildren(...children);
}
