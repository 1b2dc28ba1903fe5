// A chart of the size of a word: received up, sent down, one line for each window.

import { svg } from "./dom.js";
import { HISTORY } from "./model.js";

const HEIGHT = 24;

export class Spark {
  constructor() {
    this.received = svg("path", { class: "spark-received" });
    this.sent = svg("path", { class: "spark-sent" });
    this.element = svg(
      "svg",
      { viewBox: `0 0 ${HISTORY} ${HEIGHT}`, preserveAspectRatio: "none", class: "spark" },
      this.received,
      this.sent,
    );
    this.element.setAttribute("aria-hidden", "true");
  }

  draw(history) {
    const tallest = (side) => Math.max(0, ...history.map((pair) => pair?.[side] ?? 0));
    // The base line sits where both sides have the room they need.
    const up = tallest(1);
    const down = tallest(0);
    const base = up + down > 0 ? 1 + ((HEIGHT - 2) * up) / (up + down) : HEIGHT / 2;
    const scale = up + down > 0 ? (HEIGHT - 2) / (up + down) : 0;
    const first = HISTORY - history.length;
    const bars = (side, direction) => {
      let path = "";
      history.forEach((pair, index) => {
        const value = pair?.[side] ?? 0;
        if (value <= 0) return;
        const length = Math.max(0.75, value * scale) * direction;
        path += `M${first + index + 0.5} ${base.toFixed(1)}v${length.toFixed(1)}`;
      });
      return path;
    };
    this.received.setAttribute("d", bars(1, -1));
    this.sent.setAttribute("d", bars(0, 1));
  }
}
