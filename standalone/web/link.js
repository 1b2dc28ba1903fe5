// The address of the page: which view, and what it shows, so that all of it can be linked and the
// back button works. `#past?range=today&by=app` is a view with its parameters; without one it is Now.

const VIEWS = ["now", "past", "state"];

function split() {
  const text = location.hash.slice(1);
  const at = text.indexOf("?");
  const word = at < 0 ? text : text.slice(0, at);
  if (!VIEWS.includes(word)) return { view: "now", given: new URLSearchParams(text) };
  return { view: word, given: new URLSearchParams(at < 0 ? "" : text.slice(at + 1)) };
}

export const view = () => split().view;

export const parameters = () => split().given;

/** The address of a view; parameters that are null, undefined or empty are left out. */
export function address(name, wanted = {}) {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(wanted)) {
    if (value !== null && value !== undefined && value !== "") given.set(key, value);
  }
  if (name === "now" && given.size === 0) return location.pathname;
  return given.size === 0 ? `#${name}` : `#${name}?${given}`;
}

/** Goes to a view: a step that the back button takes back, unless it replaces the one before. */
export function navigate(name, wanted = {}, { replaces = false } = {}) {
  const to = address(name, wanted);
  if (replaces) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  window.dispatchEvent(new Event("navigate"));
}

/** The same view with some parameters changed. */
export function change(changes, options) {
  const { view: name, given } = split();
  navigate(name, { ...Object.fromEntries(given), ...changes }, options);
}

/** Calls back after every step, forth and back. */
export function onNavigation(callback) {
  for (const name of ["navigate", "popstate"]) window.addEventListener(name, () => callback());
}

/** What is chosen: `{ app }`, or `{ name, pid }` with `pid` null for all of that name; or null. */
export function selection() {
  const { view: name, given } = split();
  if (name !== "now") return null;
  const [app, process] = [given.get("app"), given.get("process")];
  if (process !== null) {
    const pid = Number.parseInt(given.get("pid") ?? "", 10);
    return { name: process, pid: Number.isNaN(pid) ? null : pid };
  }
  return app === null ? null : { app };
}

/** What one row is: `app` or `process`. */
export const grouping = () => (parameters().get("by") === "process" ? "process" : "app");

export const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Chooses an application or a process; null chooses nothing. */
export const select = (choice) =>
  change({ app: choice?.app, process: choice?.name, pid: choice?.pid });

export const groupBy = (by) => change({ by: by === "app" ? null : by }, { replaces: true });

/** Whether a process is meant by a selection. */
export const isChosen = (process, choice) =>
  choice !== null &&
  (choice.app !== undefined
    ? process.app === choice.app
    : process.process === choice.name && (choice.pid ?? process.pid) === process.pid);

/** The parameters of the API that mean a selection. */
export const conditions = ({ app, name, pid }) => ({ app, process: name, pid });
