// Keys that work everywhere but in a field.

import { byId } from "./dom.js";
import { view } from "./link.js";

const VIEWS = { n: "now", p: "past", s: "state" };

const SEARCH = { now: "search", past: "past-where" };

export function listen() {
  const help = byId("help");
  byId("help-open").addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (target.matches("input, select, textarea")) {
      if (key === "Escape") target.blur();
      return;
    }
    if (key === "?") help.showModal();
    else if (key === "/") byId(SEARCH[view()] ?? "")?.focus();
    else if (Object.hasOwn(VIEWS, key)) document.querySelector(`[data-view="${VIEWS[key]}"]`).click();
    else return;
    event.preventDefault();
  });
}
