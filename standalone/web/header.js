// The top of every view: whether this is live, how much moves, and what is wrong.

import { byId, setText } from "./dom.js";
import { bytes, clock, duration, rate, visible } from "./format.js";
import { drawNotices, isExact } from "./notices.js";

export class Header {
  isOpen = false;
  hasOpened = false;
  lastEvent = null;
  /** When the daemon was last known to be there, since it is not. */
  goneSince = null;
  /** What fails, in sentences. */
  troubles = [];

  constructor(model) {
    this.model = model;
    setInterval(() => this.draw(), 1000);
  }

  heard() {
    this.lastEvent = Date.now();
    this.draw();
  }

  /** Whether it is back after it was away. */
  connected(isOpen) {
    const isBack = isOpen && this.hasOpened && !this.isOpen;
    if (isOpen) this.goneSince = null;
    else this.goneSince ??= this.lastEvent ?? Date.now();
    this.isOpen = isOpen;
    this.hasOpened ||= isOpen;
    this.draw();
    return isBack;
  }

  get state() {
    const { event, seconds } = this.model;
    if (!this.isOpen) {
      if (!this.hasOpened && this.goneSince === null) return { name: "starting", word: "Connecting", note: "" };
      return { name: "offline", word: "Reconnecting", note: this.absence };
    }
    if (event === null || event.window === null) return { name: "starting", word: "Starting", note: "" };
    const silence = this.lastEvent === null ? 0 : (Date.now() - this.lastEvent) / 1000;
    if (silence > 5 + 3 * seconds) {
      const note = `No window for ${duration(silence)}, since ${clock(new Date(this.lastEvent))}. The numbers below are from then.`;
      return { name: "offline", word: "Silent", note };
    }
    if (this.troubles.length > 0) return { name: "degraded", word: "Live, something fails", note: "" };
    if (event.health.status === "degraded") {
      const word = isExact(event.health) ? "Live, detail reduced" : "Live, degraded";
      return { name: "degraded", word, note: "" };
    }
    return { name: "live", word: "Live", note: "" };
  }

  get absence() {
    const since = new Date(this.goneSince);
    const from = `since ${clock(since)} (${duration((Date.now() - since) / 1000)})`;
    const numbers = this.lastEvent === null ? "" : ` The numbers below are from ${clock(new Date(this.lastEvent))}.`;
    return `nettally does not answer ${from}. It may have been stopped; this page reconnects by itself.${numbers}`;
  }

  draw() {
    const { name, word, note } = this.state;
    byId("state").dataset.state = name;
    setText(byId("state-word"), word);
    document.body.classList.toggle("offline", name === "offline");
    byId("banner").hidden = note === "";
    setText(byId("banner"), note);
    const { event } = this.model;
    if (event === null) return;
    const { backend, kernel } = event.health;
    setText(byId("backend"), backend === null ? "" : `${visible(backend)} · Linux ${visible(kernel ?? "")}`);
    const [received, sent] = [event.received_bytes_per_second, event.sent_bytes_per_second];
    setText(byId("total-received"), rate(received));
    setText(byId("total-sent"), rate(sent));
    setText(byId("since-received"), `${bytes(event.since_start.received_bytes)} since start`);
    setText(byId("since-sent"), `${bytes(event.since_start.sent_bytes)} since start`);
    document.title = name === "offline" ? "(offline) nettally" : `↓ ${rate(received)} ↑ ${rate(sent)} · nettally`;
    drawNotices(event.health, this.troubles);
  }
}
