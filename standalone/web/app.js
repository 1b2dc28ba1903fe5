// The page: a model fed by the live stream, and the views that show it or ask for the past.

import { follow } from "./api.js";
import { Header } from "./header.js";
import { listen } from "./keys.js";
import { onNavigation, view } from "./link.js";
import { Model } from "./model.js";
import { Now } from "./now.js";
import { Past } from "./past.js";
import { State } from "./state.js";

const model = new Model();
const header = new Header(model);
const now = new Now(model);
const past = new Past();
const state = new State((troubles) => {
  header.troubles = troubles;
  header.draw();
});

function show() {
  const shown = view();
  for (const main of document.querySelectorAll("[data-for]")) main.hidden = main.dataset.for !== shown;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === shown) {
      link.setAttribute("aria-current", "page");
      // Whoever comes back to a view finds it as it was.
      link.setAttribute("href", location.hash === "" ? "#now" : location.hash);
    } else link.removeAttribute("aria-current");
  }
  now.show();
  past.show();
  state.show();
}

follow(
  (name, event) => {
    model.apply(name, event);
    header.heard();
    now.heard();
  },
  (isOpen) => {
    if (header.connected(isOpen)) show();
  },
);
onNavigation(show);
document.addEventListener("visibilitychange", () => document.hidden || show());
listen();
show();
state.refresh();
