// Protocols as people read them, and the buttons that choose one.

import { setText } from "./dom.js";

/** In the order they are shown. Those without a button of their own at first get one once seen. */
const LABELS = {
  tcp: "TCP",
  udp: "UDP",
  udplite: "UDP-Lite",
  icmp: "ICMP",
  raw: "Raw IP",
  sctp: "SCTP",
  packet: "Packet",
};

export const PROTOCOLS = Object.keys(LABELS);

/** A protocol that this page does not know yet is shown as it is called. */
export const protocolName = (protocol) => LABELS[protocol] ?? protocol;

/** Frames of the link layer hold what other protocols count too, so no total has them. */
export const isInTotals = (protocol) => protocol !== "packet";

export class ProtocolButtons {
  constructor(buttons, onChoice) {
    this.buttons = buttons;
    for (const button of buttons) {
      const { protocol } = button.dataset;
      if (protocol !== "all") setText(button, protocolName(protocol));
      button.addEventListener("click", () => onChoice(protocol));
    }
  }

  /** Shows which is chosen; it may be one that has not been seen yet. */
  press(protocol) {
    for (const button of this.buttons) {
      const isChosen = button.dataset.protocol === protocol;
      button.setAttribute("aria-pressed", String(isChosen));
      if (isChosen) button.hidden = false;
    }
  }

  /** A protocol that never moved anything takes no place; one that did keeps its. */
  reveal(protocols) {
    const seen = new Set(protocols);
    for (const button of this.buttons) {
      if (seen.has(button.dataset.protocol)) button.hidden = false;
    }
  }
}
