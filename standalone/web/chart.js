// Bytes over time: stacked bars, received above the line and sent below, on one scale.
//
// Our own, because no crate has a chart library that may be used here, as of November 2026: plotly
// 0.14.1 embeds 4.7 MB of plotly.js (1.4 MB compressed) that builds code from text, which our policy
// forbids, and does not hand it out; rustlavel-chart 0.9.1 has Chart.js 4.5.1, but only as a part of a
// web framework with an HTTP server of its own, and without times on an axis or zoom; mdbook_uplot
// 0.2.0 downloads uPlot while it is built; echarts 0.1.2 is of 2023 and for WebAssembly; chart-js-rs
// 0.1.11 is too, and takes its script from a foreign server.

import { axisTimes } from "./axis.js";
import { h, svg } from "./dom.js";
import { axisRate, moment, rate } from "./format.js";
import { hasDates } from "./ranges.js";

const MARGIN = { left: 68, right: 8, top: 10, bottom: 22 };

/** Even a side without traffic keeps this share of the height, so that its label fits. */
const LEAST_SHARE = 0.14;

export class Chart {
  /** `onZoom`, if there is one, gets the two times (ms) between which somebody wants to look closer. */
  constructor(container, onZoom = null) {
    this.container = container;
    this.onZoom = onZoom;
    this.svg = svg("svg", { class: "chart-svg", role: "img", tabindex: "0" });
    this.tip = h("div", { class: "tip", hidden: "" });
    container.append(this.svg, this.tip);
    this.data = null;
    this.cursor = null;
    /** Where a selection began; the cursor is its other end. */
    this.anchor = null;
    this.isDragged = false;
    new ResizeObserver(() => this.draw()).observe(container);
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointerup", () => this.release());
    this.svg.addEventListener("pointercancel", () => this.clear());
    this.svg.addEventListener("pointerleave", () => this.isDragged || this.clear());
    this.svg.addEventListener("blur", () => this.clear());
    this.svg.addEventListener("keydown", (event) => this.key(event));
  }

  /**
   * `data`: `since` and `until` (ms), `step` (s), `label` in words, and `series`: each with `label`,
   * `slot` (its colour) and `points`, a map from the index of a step to `[sent, received]`; and
   * `ghost`, such points of the time before, drawn as a line, if there are any.
   */
  set(data) {
    this.data = data;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.container;
    if (!this.data || width <= MARGIN.left + MARGIN.right) return;
    const { since, until, step, series, label, ghost = null } = this.data;
    this.count = Math.max(1, Math.ceil((until - since) / 1000 / step));
    this.stacks = stacks(series, this.count);
    const before = (place) => (ghost ? [...ghost.values()].map((pair) => pair[place]) : []);
    const tallest = (side, place) =>
      Math.max(0, ...this.stacks[side].map((stack) => stack.total), ...before(place)) / step;
    const inner = height - MARGIN.top - MARGIN.bottom;
    const { up, down } = shares(tallest("received", 1), tallest("sent", 0));
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
      ...(ghost ? this.ghosts(ghost, base, scale) : []),
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
    return axisTimes(since, until, (width - MARGIN.left) / 64).flatMap(({ time, words }) => {
      const x = this.x(time);
      if (x < MARGIN.left + 12 || x > width - 18) return [];
      return [svg("text", { class: "tick", x, y: height - 5, "text-anchor": "middle" }, words)];
    });
  }

  /** The time before as a stepped line on each side. */
  ghosts(ghost, base, scale) {
    const { left, pitch } = this.shape;
    return [[1, -1], [0, 1]].map(([place, sign]) => {
      let path = "";
      for (let index = 0; index < this.count; index += 1) {
        const value = ghost.get(index)?.[place] ?? 0;
        const y = (base + (sign * value * scale) / this.data.step).toFixed(1);
        path += `${path === "" ? "M" : "L"}${(left + index * pitch).toFixed(1)} ${y}H${(left + (index + 1) * pitch).toFixed(1)}`;
      }
      return svg("path", { class: "ghost", d: path });
    });
  }

  x(time) {
    const { left, pitch } = this.shape;
    return left + ((time - this.data.since) / 1000 / this.data.step) * pitch;
  }

  /** The step below a pointer; null beside the chart. */
  at(event) {
    if (!this.shape) return null;
    const { left, pitch } = this.shape;
    const index = Math.floor((event.clientX - this.svg.getBoundingClientRect().left - left) / pitch);
    if (this.isDragged) return Math.min(this.count - 1, Math.max(0, index));
    return index >= 0 && index < this.count ? index : null;
  }

  point(event) {
    this.show(this.at(event));
  }

  press(event) {
    const index = this.at(event);
    if (this.onZoom && event.button === 0 && index !== null) {
      this.anchor = index;
      this.isDragged = true;
      this.svg.setPointerCapture(event.pointerId);
    }
    this.show(index);
  }

  release() {
    if (!this.isDragged) return;
    this.isDragged = false;
    if (this.anchor !== null && this.anchor !== this.cursor) this.zoom();
    else this.anchor = null;
  }

  clear() {
    this.isDragged = false;
    this.anchor = null;
    this.show(null);
  }

  /** Looks closer at the selection, or at some steps around the cursor. */
  zoom() {
    if (!this.onZoom || this.cursor === null) return;
    const around = this.anchor === null ? 5 : 0;
    const [from, to] = [this.anchor ?? this.cursor, this.cursor].sort((a, b) => a - b);
    const { since, until, step } = this.data;
    const time = (index) => Math.min(until, Math.max(since, since + index * step * 1000));
    this.anchor = null;
    this.onZoom(time(from - around), time(to + 1 + around));
  }

  key(event) {
    const last = this.count - 1;
    const here = this.cursor ?? last + 1;
    const next = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape") this.clear();
    if (event.key === "Enter" && this.onZoom) this.zoom();
    if (next === undefined) return;
    event.preventDefault();
    if (!event.shiftKey) this.anchor = null;
    else if (this.onZoom) this.anchor ??= Math.min(last, here);
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
    const { since, until, step, series } = this.data;
    const [from, to] = [this.anchor ?? index, index].sort((a, b) => a - b);
    this.mark.setAttribute("x", left + from * pitch);
    this.mark.setAttribute("width", (to - from + 1) * pitch);
    this.mark.setAttribute("visibility", "visible");
    const start = new Date(since + index * step * 1000);
    const end = new Date(start.getTime() + step * 1000);
    const dated = hasDates(since, until);
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
      h("p", {}, `${moment(start, dated)} – ${moment(end, dated)}`),
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
