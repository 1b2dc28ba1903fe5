// The last two minutes of the live stream as a chart: the largest applications, and the others.

import { Chart } from "./chart.js";
import { COLOURS, Colours } from "./colours.js";
import { byId, h } from "./dom.js";
import { appName, processName } from "./format.js";
import { HISTORY, sumPairs } from "./model.js";

export class Course {
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.chart = new Chart(byId("chart"));
    this.colours = new Colours();
    this.words = null;
  }

  /** Of the processes that `isChosen`. */
  draw(model, isChosen, protocol, by) {
    if (!model.event?.window) return;
    const until = Date.parse(model.event.window.end);
    const step = model.seconds;
    const chosen = [...model.processes.values()].filter(isChosen);
    const groups = Map.groupBy(chosen, (process) => (by === "app" ? process.app : process.process));
    const lines = [...groups]
      .map(([key, processes]) => line(key, sumPairs(processes.map((process) => model.history(process, protocol)))))
      .filter(({ total }) => total > 0)
      .sort((a, b) => b.total - a.total);
    const shown = lines.slice(0, COLOURS);
    const rest = lines.slice(COLOURS);
    this.colours.keep(shown.map(({ key }) => key));
    const series = shown.map(({ key, history }) => ({
      label: by === "app" ? appName(key) : processName(key),
      choice: by === "app" ? { app: key } : { name: key, pid: null },
      slot: this.colours.of(key),
      points: placed(history),
    }));
    if (rest.length > 0) {
      const history = sumPairs(rest.map((other) => other.history));
      series.push({ label: "others", choice: null, slot: "other", points: placed(history) });
    }
    this.chart.set({
      since: until - HISTORY * step * 1000,
      until,
      step,
      label: `Traffic of the last two minutes by ${by}: received above the line, sent below`,
      series,
    });
    this.drawLegend(series);
  }

  /** Only when it changes, so that focus and hover survive. */
  drawLegend(series) {
    const words = JSON.stringify(series.map(({ label, choice, slot }) => [label, choice, slot]));
    if (words === this.words) return;
    this.words = words;
    byId("legend").replaceChildren(...series.map((one) => legendItem(one, this.onChoose)));
  }
}

/** A name with its colour; a button if it leads somewhere. */
export function legendItem({ label, choice, slot, title }, onChoose) {
  const content = [h("i", { class: `swatch slot-${slot}` }), label];
  if (choice === null) return h("li", { title }, h("span", {}, ...content));
  const button = h("button", { type: "button", title }, ...content);
  button.addEventListener("click", () => onChoose(choice));
  return h("li", {}, button);
}

const line = (key, history) => ({
  key,
  history,
  total: history.reduce((sum, pair) => sum + (pair ? pair[0] + pair[1] : 0), 0),
});

/** By the index of the step; the newest is the last. */
function placed(history) {
  const points = new Map();
  history.forEach((pair, index) => {
    if (pair && pair[0] + pair[1] > 0) points.set(HISTORY - history.length + index, pair);
  });
  return points;
}
