// The address of the page: what is selected and how rows are grouped, so that both can be linked
// and the back button works.

const parameters = () => new URLSearchParams(location.hash.slice(1));

/** What is chosen: `{ app }`, or `{ name, pid }` with `pid` null for all of that name; or null. */
export function selection() {
  const given = parameters();
  const [app, name] = [given.get("app"), given.get("process")];
  if (name !== null) {
    const pid = Number.parseInt(given.get("pid") ?? "", 10);
    return { name, pid: Number.isNaN(pid) ? null : pid };
  }
  return app === null ? null : { app };
}

/** What one row is: `app` or `process`. */
export const grouping = () => (parameters().get("by") === "process" ? "process" : "app");

export const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** The address for a selection and a grouping; what is not said stays as it is. */
function address({ choice = selection(), by = grouping() }) {
  const wanted = new URLSearchParams();
  if (by !== "app") wanted.set("by", by);
  if (choice?.app !== undefined) wanted.set("app", choice.app);
  if (choice?.name !== undefined) wanted.set("process", choice.name);
  if (typeof choice?.pid === "number") wanted.set("pid", choice.pid);
  return wanted.size === 0 ? location.pathname : `#${wanted}`;
}

/** A step that the back button takes back. */
export const select = (choice) => history.pushState(null, "", address({ choice }));

export const groupBy = (by) => history.replaceState(null, "", address({ by }));

/** Whether a process is meant by a selection. */
export const isChosen = (process, choice) =>
  choice !== null &&
  (choice.app !== undefined
    ? process.app === choice.app
    : process.process === choice.name && (choice.pid ?? process.pid) === process.pid);

/** The parameters of the API that mean a selection. */
export const conditions = ({ app, name, pid }) => ({ app, process: name, pid });
