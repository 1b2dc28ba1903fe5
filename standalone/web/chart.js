// Bytes over time: stacked bars, received above the line and sent below, on one scale.

import { h, svg } from "./dom.js";
import { axisRate, clock, rate } from "./format.js";

const MARGIN = { left: 68, right: 8, top: 10, bottom: 22 };

/** Even a side without traffic keeps this share of the height, so that its label fits. */
const LEAST_SHARE = 0.14;

export class Chart {
  constructor(container) {
    this.container = container;
    this.svg = svg("svg", { class: "chart-svg", role: "img", tabindex: "0" });
    this.tip = h("div", { class: "tip", hidden: "" });
    container.append(this.svg, this.tip);
    this.data = null;
    this.cursor = null;
    new ResizeObserver(() => this.draw()).observe(container);
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerdown", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.show(null));
    this.svg.addEventListener("blur", () => this.show(null));
    this.svg.addEventListener("keydown", (event) => this.key(event));
  }

  /**
   * `data`: `since` and `until` (ms), `step` (s), `label` in words, and `series`: each with `label`,
   * `slot` (its colour) and `points`, a map from the index of a step to `[sent, received]`.
   */
  set(data) {
    this.data = data;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.container;
    if (!this.data || width === 0) return;
    const { since, until, step, series, label } = this.data;
    this.count = Math.max(1, Math.ceil((until - since) / 1000 / step));
    this.stacks = stacks(series, this.count);
    const tallest = (side) => Math.max(0, ...this.stacks[side].map((stack) => stack.total)) / step;
    const inner = height - MARGIN.top - MARGIN.bottom;
    const { up, down } = shares(tallest("received"), tallest("sent"));
    const base = MARGIN.top + (inner * up) / (up + down);
    const scale = inner / (up + down);
    const left = MARGIN.left;
    const pitch = (width - left - MARGIN.right) / this.count;
    this.shape = { left, pitch, top: MARGIN.top, bottom: height - MARGIN.bottom, width, base };

    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("aria-label", label);
    const bar = Math.max(1, pitch - (pitch > 4 ? 1 : 0));
    const paths = series.map(({ slot }, place) => {
      let path = "";
      for (const [side, sign] of [["received", -1], ["sent", 1]]) {
        this.stacks[side].forEach((stack, index) => {
          const part = stack.parts[place];
          if (!part) return;
          const [from, to] = part.map((value) => base + (sign * value * scale) / step);
          const x = (left + index * pitch).toFixed(1);
          path += `M${x} ${from.toFixed(1)}H${(left + index * pitch + bar).toFixed(1)}`;
          path += `V${to.toFixed(1)}H${x}z`;
        });
      }
      return svg("path", { d: path, class: `area slot-${slot}` });
    });
    this.mark = svg("rect", { class: "mark", y: MARGIN.top, height: inner, width: pitch });
    this.mark.setAttribute("visibility", "hidden");
    this.svg.replaceChildren(
      ...this.grid(up, down, base, scale, width),
      ...this.times(width, height),
      this.mark,
      ...paths,
      svg("line", { class: "base", x1: left, x2: width - MARGIN.right, y1: base, y2: base }),
    );
    this.show(this.cursor);
  }

  /** Lines at round rates, named at the left. */
  grid(up, down, base, scale, width) {
    const unit = roundUp(Math.max(up, down) / 3.5);
    const lines = [];
    for (let value = -Math.floor(down / unit); value <= Math.floor(up / unit); value += 1) {
      const y = base - value * unit * scale;
      lines.push(
        svg("line", { class: "gridline", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
        svg(
          "text",
          { class: "tick", x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" },
          value === 0 ? "0" : axisRate(Math.abs(value) * unit),
        ),
      );
    }
    return lines;
  }

  times(width, height) {
    const { since, until } = this.data;
    const room = (width - MARGIN.left) / 64;
    const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440].find(
      (candidate) => (until - since) / 60000 / candidate <= room,
    ) ?? 1440;
    const gap = minutes * 60000;
    const labels = [];
    const offset = new Date(since).getTimezoneOffset() * 60000;
    for (let time = Math.ceil((since - offset) / gap) * gap + offset; time <= until; time += gap) {
      const x = this.x(time);
      if (x < MARGIN.left + 12 || x > width - 18) continue;
      labels.push(
        svg("text", { class: "tick", x, y: height - 5, "text-anchor": "middle" }, clock(new Date(time), false)),
      );
    }
    return labels;
  }

  x(time) {
    const { left, pitch } = this.shape;
    return left + ((time - this.data.since) / 1000 / this.data.step) * pitch;
  }

  point(event) {
    if (!this.shape) return;
    const { left, pitch } = this.shape;
    const index = Math.floor((event.clientX - this.svg.getBoundingClientRect().left - left) / pitch);
    this.show(index >= 0 && index < this.count ? index : null);
  }

  key(event) {
    const last = this.count - 1;
    const here = this.cursor ?? last + 1;
    const next = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape") this.show(null);
    if (next === undefined) return;
    event.preventDefault();
    this.show(Math.min(last, Math.max(0, next)));
  }

  /** Marks a step and tells what was moved in it. */
  show(index) {
    this.cursor = index;
    if (!this.shape || index === null || index >= this.count) {
      this.tip.hidden = true;
      this.mark?.setAttribute("visibility", "hidden");
      return;
    }
    const { left, pitch, width } = this.shape;
    const { since, step, series } = this.data;
    this.mark.setAttribute("x", left + index * pitch);
    this.mark.setAttribute("visibility", "visible");
    const start = new Date(since + index * step * 1000);
    const end = new Date(start.getTime() + step * 1000);
    const rows = series
      .map(({ label, slot, points }) => ({ label, slot, pair: points.get(index) }))
      .filter(({ pair }) => pair && pair[0] + pair[1] > 0)
      .map(({ label, slot, pair: [sent, received] }) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, h("i", { class: `swatch slot-${slot}` }), label),
          h("td", { class: "number received" }, rate(received / step)),
          h("td", { class: "number sent" }, rate(sent / step)),
        ),
      );
    const body = rows.length > 0 ? rows : [h("tr", {}, h("td", {}, "Nothing was moved."))];
    this.tip.replaceChildren(
      h("p", {}, `${clock(start)} – ${clock(end)}`),
      h("table", {}, h("tbody", {}, ...body)),
    );
    this.tip.hidden = false;
    const middle = left + (index + 0.5) * pitch;
    const tipWidth = this.tip.offsetWidth;
    const room = middle + 14 + tipWidth <= width ? middle + 14 : middle - 14 - tipWidth;
    this.tip.style.left = `${Math.max(0, room)}px`;
  }
}

/** For each side and step: its total, and where each series begins and ends. */
function stacks(series, count) {
  const empty = () => Array.from({ length: count }, () => ({ total: 0, parts: [] }));
  const sides = { sent: empty(), received: empty() };
  series.forEach(({ points }, place) => {
    for (const [index, [sent, received]] of points) {
      for (const [side, value] of [["sent", sent], ["received", received]]) {
        const stack = sides[side][index];
        if (!stack || value <= 0) continue;
        stack.parts[place] = [stack.total, stack.total + value];
        stack.total += value;
      }
    }
  });
  return sides;
}

/** Heights above and below the line, in bytes per second. */
function shares(up, down) {
  const whole = Math.max(up + down, 1000) * 1.06;
  return { up: Math.max(up * 1.06, whole * LEAST_SHARE), down: Math.max(down * 1.06, whole * LEAST_SHARE) };
}

/** The next of 1, 2, 5 times a power of ten. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((round) => round >= value);
}

/** The times of a series answer, in milliseconds; steps begin at whole multiples of their length. */
export function times({ since, until, step_secs: step }) {
  const gap = step * 1000;
  return { since: Math.floor(Date.parse(since) / gap) * gap, until: Date.parse(until), step };
}

/** Points of a series answer by the index of their step. */
export function indexed(points, { since, step }) {
  return new Map(
    points.map(({ start, sent_bytes: sent, received_bytes: received }) => [
      Math.floor((Date.parse(start) - since) / 1000 / step),
      [sent, received],
    ]),
  );
}
