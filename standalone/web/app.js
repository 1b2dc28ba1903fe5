// The page: one model, fed by the live stream; a table, two charts and a panel that show it.

import { follow, get } from "./api.js";
import { Chart, indexed, times } from "./chart.js";
import { Detail } from "./detail.js";
import { byId, h, setText } from "./dom.js";
import { appName, bytes, clock, processName, rate, visible } from "./format.js";
import { groupBy, grouping, select, selection } from "./link.js";
import { Model } from "./model.js";
import { ProtocolButtons, protocolName } from "./protocols.js";
import { ProcessTable } from "./table.js";

const PAST_EVERY_MS = 10_000;
const SERIES = 7;

const model = new Model();
const state = { protocol: "all", search: "", by: grouping(), isOpen: false, hasOpened: false, lastEvent: null };

const chart = new Chart(byId("chart"));
const detail = new Detail(choose, () => choose(null));
const table = new ProcessTable(byId("processes"), byId("processes-more"), choose, drawTable);

// What is selected and how rows are grouped

function choose(choice) {
  select(choice);
  showSelection(choice !== null);
}

function showSelection(moveFocus) {
  const before = detail.choice;
  showGrouping();
  detail.open(selection());
  drawTable();
  if (moveFocus && detail.isOpen) {
    byId("detail-close").focus({ preventScroll: true });
    byId("detail").scrollIntoView({ block: "nearest" });
  } else if (before !== null && !detail.isOpen) {
    table.focus(before);
  }
}

function showGrouping() {
  const isOther = state.by !== grouping();
  state.by = grouping();
  for (const button of document.querySelectorAll("[data-by]")) {
    button.setAttribute("aria-pressed", String(button.dataset.by === state.by));
  }
  setText(byId("name-head"), state.by === "app" ? "Application" : "Process");
  if (isOther) refreshPast();
}

for (const button of document.querySelectorAll("[data-by]")) {
  button.addEventListener("click", () => {
    groupBy(button.dataset.by);
    showSelection(false);
  });
}
window.addEventListener("popstate", () => showSelection(false));
window.addEventListener("hashchange", () => showSelection(false));

// Filters

const protocols = new ProtocolButtons([...document.querySelectorAll("[data-protocol]")], (protocol) => {
  state.protocol = protocol;
  drawTable();
  detail.refreshLive(model, state.protocol);
  refreshPast();
});
byId("search").addEventListener("input", (event) => {
  state.search = event.target.value;
  drawTable();
});

// The present

follow(
  (name, event) => {
    state.lastEvent = Date.now();
    model.apply(name, event);
    protocols.reveal(model.protocols);
    drawHeader();
    drawTable();
    detail.refreshLive(model, state.protocol);
  },
  (isOpen) => {
    const isBack = isOpen && state.hasOpened && !state.isOpen;
    state.isOpen = isOpen;
    state.hasOpened ||= isOpen;
    drawHeader();
    if (isBack) refreshPast();
  },
);
setInterval(drawHeader, 1000);

function connection() {
  const { status } = model.event?.health ?? {};
  const silence = state.lastEvent === null ? 0 : (Date.now() - state.lastEvent) / 1000;
  if (!state.isOpen) {
    if (!state.hasOpened) return { name: "starting", word: "Connecting", note: "" };
    const note = "nettally does not answer. It may have been stopped; this page reconnects by itself.";
    return { name: "offline", word: "Reconnecting", note };
  }
  if (model.event === null || model.event.window === null) {
    return { name: "starting", word: "Starting", note: "" };
  }
  if (silence > 5 + 3 * model.seconds) {
    return { name: "offline", word: "Silent", note: `No window for ${Math.round(silence)} seconds.` };
  }
  if (status === "degraded") {
    const word = isExact(model.event.health) ? "Live, detail reduced" : "Live, degraded";
    return { name: "degraded", word, note: "" };
  }
  return { name: "live", word: "Live", note: "" };
}

/** Whether all that is wrong is that details are missing. */
const isExact = ({ degradations, losses }) =>
  degradations.length === 0 && Object.values(losses).every(({ class: kind }) => kind === "detail");

function drawHeader() {
  const { name, word, note } = connection();
  const pill = byId("state");
  pill.dataset.state = name;
  setText(byId("state-word"), word);
  document.body.classList.toggle("offline", name === "offline");
  const banner = byId("banner");
  const when = state.lastEvent === null ? "" : ` The numbers below are from ${clock(new Date(state.lastEvent))}.`;
  banner.hidden = note === "";
  setText(banner, note === "" ? "" : note + when);

  const { event } = model;
  if (event === null) return;
  const { backend, kernel } = event.health;
  setText(byId("backend"), backend === null ? "" : `${visible(backend)} · Linux ${visible(kernel ?? "")}`);
  const [received, sent] = [event.received_bytes_per_second, event.sent_bytes_per_second];
  setText(byId("total-received"), rate(received));
  setText(byId("total-sent"), rate(sent));
  setText(byId("since-received"), `${bytes(event.since_start.received_bytes)} since start`);
  setText(byId("since-sent"), `${bytes(event.since_start.sent_bytes)} since start`);
  drawOutside(event.outside_total);
  document.title = name === "offline" ? "(offline) nettally" : `↓ ${rate(received)} ↑ ${rate(sent)} · nettally`;
  drawNotices(event.health);
}

/** What no total has; absent as long as that is nothing. */
function drawOutside(outside) {
  const moved = outside?.since_start;
  const words = `Not in any total: ${bytes(moved?.received_bytes)} received and ${bytes(moved?.sent_bytes)} sent since start as frames of the link layer, which may hold what is counted above.`;
  setText(byId("outside"), moved === undefined ? "" : words);
}

/** What is missed and what was lost; nothing to say hides it. */
function drawNotices({ degradations, losses }) {
  const reasons = Object.entries(losses);
  const notices = byId("notices");
  notices.hidden = degradations.length + reasons.length === 0;
  const items = degradations.map(({ summary, remedy }) =>
    h("li", {}, h("strong", {}, visible(summary)), remedy === "" ? "" : ` To see it: ${visible(remedy)}.`),
  );
  for (const [reason, loss] of reasons) {
    const { events, sent_bytes: sent, received_bytes: received, class: kind, meaning, remedy } = loss;
    const cost = sent + received > 0 ? `, ${bytes(received)} received and ${bytes(sent)} sent` : "";
    const words = `: ${meaning}. ${events} times${cost} (${reason}).`;
    const help = remedy === "" ? "" : ` What helps: ${remedy}.`;
    items.push(h("li", {}, h("strong", {}, sentence(CLASSES[kind] ?? kind)), words, help));
  }
  const text = items.map((item) => item.textContent).join("\n");
  if (notices.dataset.text === text) return;
  notices.dataset.text = text;
  const parts = [];
  if (degradations.length > 0) parts.push(plural(degradations.length, "limitation"));
  for (const [kind, words] of Object.entries(CLASSES)) {
    if (reasons.some(([, loss]) => loss.class === kind)) parts.push(words);
  }
  setText(byId("notices-summary"), sentence(parts.join(", ")));
  byId("notices-list").replaceChildren(...items);
}

const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/** What losses do to the numbers, the worst first. */
const CLASSES = {
  bytes: "totals are off",
  delivery: "not all was delivered",
  detail: "detail is reduced",
};

function drawTable() {
  const count = table.draw(model, { ...state, selected: selection() });
  setText(byId("empty"), count > 0 ? "" : emptyWords());
  byId("empty").hidden = count > 0;
}

function emptyWords() {
  if (model.event === null || model.event.window === null) return "Waiting for the first window…";
  if (model.processes.size === 0) {
    return "No traffic yet. A process appears here as soon as it sends or receives.";
  }
  const over = state.protocol === "all" ? "" : ` over ${protocolName(state.protocol)}`;
  return state.search === ""
    ? `Nothing moved${over} in the last two minutes.`
    : `Nobody${over} fits “${visible(state.search)}”.`;
}

// The past

/** Colours stay with a process for as long as it is among the largest. */
const slots = new Map();

function slotOf(key, taken) {
  if (!slots.has(key)) {
    const used = new Set([...slots].filter(([other]) => taken.has(other)).map(([, slot]) => slot));
    slots.set(key, [...Array(SERIES).keys()].find((slot) => !used.has(slot)) ?? 0);
  }
  return slots.get(key);
}

let lastAsked = 0;

async function refreshPast() {
  const asked = (lastAsked += 1);
  detail.refreshPast();
  const protocol = state.protocol === "all" ? null : state.protocol;
  try {
    const answer = await get("series", { since: "-1h", group_by: state.by, limit: SERIES, protocol });
    const used = await get("usage", { since: "-1h", group_by: "protocol" });
    if (asked !== lastAsked) return;
    protocols.reveal(used.rows.map((row) => row.protocol));
    drawPast(answer);
  } catch (error) {
    if (asked !== lastAsked) return;
    setText(byId("chart-note"), error.code === null ? "" : `No history: ${error.message}.`);
  }
}

function drawPast(answer) {
  const span = times(answer);
  const keys = new Set(answer.series.filter((line) => !line.is_other).map((line) => String(line.key)));
  for (const key of slots.keys()) {
    if (!keys.has(key)) slots.delete(key);
  }
  const series = answer.series.map((line) => ({
    label: line.is_other ? "others" : state.by === "app" ? appName(line.key) : processName(line.key ?? ""),
    choice: line.is_other ? null : choiceOf(line.key ?? ""),
    slot: line.is_other ? "other" : slotOf(String(line.key), keys),
    total: line.total,
    points: indexed(line.points, span),
  }));
  setText(byId("chart-note"), series.length === 0 ? "No traffic stored in the last hour yet." : "");
  chart.set({
    ...span,
    label: `Traffic of the last hour by ${state.by}: received above the line, sent below`,
    series,
  });
  byId("legend").replaceChildren(...series.map(legendItem));
}

const choiceOf = (key) => (state.by === "app" ? { app: key } : { name: key, pid: null });

function legendItem({ label, choice, slot, total }) {
  const text = `${bytes(total.received_bytes)} received, ${bytes(total.sent_bytes)} sent`;
  const content = [h("i", { class: `swatch slot-${slot}` }), label];
  if (choice === null) return h("li", { title: text }, h("span", {}, ...content));
  const button = h("button", { type: "button", title: text }, ...content);
  button.addEventListener("click", () => choose(choice));
  return h("li", {}, button);
}

showSelection(false);
refreshPast();
setInterval(() => {
  if (!document.hidden && state.isOpen) refreshPast();
}, PAST_EVERY_MS);
