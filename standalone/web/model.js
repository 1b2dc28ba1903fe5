// What the page knows: processes and their last windows. No elements here.

import { isChosen } from "./link.js";
import { isInTotals } from "./protocols.js";

/** Windows kept for the small charts; those of a snapshot are as many at most. */
export const HISTORY = 120;

/** Windows over which rows are ranked, so that they do not jump with every packet. */
const RANKED = 4;

export class Model {
  processes = new Map();
  event = null;

  /** Takes in an event of the live stream. */
  apply(name, event) {
    if (name === "snapshot") this.processes = new Map();
    const missed = this.event && name === "window" ? event.sequence - this.event.sequence - 1 : 0;
    this.event = event;
    const seen = new Set();
    for (const row of event.processes) {
      seen.add(row.id);
      const known = this.processes.get(row.id);
      const process = known ?? { history: {} };
      Object.assign(process, row);
      if (name === "snapshot") restore(process, row.protocols);
      this.processes.set(row.id, process);
    }
    if (name === "window") {
      for (const [id, process] of this.processes) {
        if (!seen.has(id)) fallSilent(process);
        extend(process, missed);
        if (isForgotten(process)) this.processes.delete(id);
      }
    }
  }

  get seconds() {
    return this.event?.window_secs || 1;
  }

  /** The protocols over which anything was moved lately. */
  get protocols() {
    return new Set([...this.processes.values()].flatMap((process) => Object.keys(process.protocols)));
  }

  /** What a process moves, over one protocol or over all that are in totals (`"all"`). */
  view(process, protocol) {
    const used = parts(process, protocol);
    const seconds = this.seconds;
    const history = sumHistory(process, protocol);
    const recent = history.slice(-RANKED);
    const mean = (side) => recent.reduce((sum, pair) => sum + (pair?.[side] ?? 0), 0) / RANKED;
    return {
      sentRate: sum(used, (part) => part.sent_bytes) / seconds,
      receivedRate: sum(used, (part) => part.received_bytes) / seconds,
      sentRank: mean(0),
      receivedRank: mean(1),
      sentTotal: sum(used, (part) => part.total.sent_bytes),
      receivedTotal: sum(used, (part) => part.total.received_bytes),
      history,
      isUsed: used.length > 0,
    };
  }

  /** `[sent, received]` of a process in each of the last windows, the newest last. */
  history(process, protocol) {
    return sumHistory(process, protocol);
  }

  /** What several processes move together. */
  sum(views) {
    if (views.length === 1) return views[0];
    const all = { isUsed: views.some(({ isUsed }) => isUsed), history: sumPairs(views.map(({ history }) => history)) };
    for (const key of SUMMED) all[key] = sum(views, (view) => view[key]);
    return all;
  }

  /** The processes that a selection means. */
  find(choice) {
    return [...this.processes.values()].filter((process) => isChosen(process, choice));
  }
}

const SUMMED = ["sentRate", "receivedRate", "sentRank", "receivedRank", "sentTotal", "receivedTotal"];

/** Whether a choice means a protocol. */
const means = (choice, protocol) => (choice === "all" ? isInTotals(protocol) : choice === protocol);

const parts = (process, choice) =>
  Object.entries(process.protocols)
    .filter(([protocol]) => means(choice, protocol))
    .map(([, part]) => part);

const sum = (list, value) => list.reduce((total, item) => total + value(item), 0);

function restore(process, protocols) {
  for (const [name, part] of Object.entries(protocols)) {
    process.history[name] = part.recent ?? [];
  }
}

function fallSilent(process) {
  for (const part of Object.values(process.protocols)) {
    part.sent_bytes = 0;
    part.received_bytes = 0;
  }
  process.remotes = 0;
}

/** Adds the newest window to the history; windows that were missed stay unknown (null). */
function extend(process, missed) {
  for (const [name, part] of Object.entries(process.protocols)) {
    const history = (process.history[name] ??= []);
    for (let i = 0; i < Math.min(missed, HISTORY); i += 1) history.push(null);
    history.push([part.sent_bytes, part.received_bytes]);
    history.splice(0, Math.max(0, history.length - HISTORY));
  }
}

const isForgotten = (process) =>
  Object.values(process.history).every(
    (history) => history.length >= HISTORY && history.every((pair) => !pair || !(pair[0] + pair[1])),
  );

/** The course of a process over several protocols. */
const sumHistory = (process, protocol) =>
  sumPairs(
    Object.entries(process.history)
      .filter(([name]) => means(protocol, name))
      .map(([, history]) => history),
  );

/** Histories added up, aligned at the newest window. */
export function sumPairs(histories) {
  const length = Math.max(0, ...histories.map((history) => history.length));
  return Array.from({ length }, (_, index) => {
    const pairs = histories.map((history) => history[history.length - length + index]);
    if (pairs.some((pair) => pair === null)) return null;
    return pairs.reduce((all, pair) => (pair ? [all[0] + pair[0], all[1] + pair[1]] : all), [0, 0]);
  });
}
