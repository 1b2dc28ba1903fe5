// What is missed and what was lost, above every view; nothing to say hides it.

import { byId, h, setText } from "./dom.js";
import { bytes, plural, sentence, visible } from "./format.js";

/** What losses do to the numbers, the worst first. */
export const CLASSES = {
  bytes: "totals are off",
  delivery: "not all was delivered",
  detail: "detail is reduced",
};

/** Whether all that is wrong is that details are missing. */
export const isExact = ({ degradations, losses }) =>
  degradations.length === 0 && Object.values(losses).every(({ class: kind }) => kind === "detail");

/** What is said of a degradation. */
export const degradationItem = ({ summary, remedy }) =>
  h("li", {}, h("strong", {}, visible(summary)), remedy === "" ? "" : ` To see it: ${visible(remedy)}.`);

/** What is said of a reason of loss. */
export function lossItem([reason, loss]) {
  const { events, sent_bytes: sent, received_bytes: received, class: kind, meaning, remedy } = loss;
  const cost = sent + received > 0 ? `, ${bytes(received)} received and ${bytes(sent)} sent` : "";
  const words = `: ${meaning}. ${events} times${cost} (${reason}).`;
  const help = remedy === "" ? "" : ` What helps: ${remedy}.`;
  return h("li", { "data-loss": reason }, h("strong", {}, sentence(CLASSES[kind] ?? kind)), words, help);
}

/** Draws them; `troubles` are sentences about what fails beyond that, such as a sink. */
export function drawNotices({ degradations, losses }, troubles) {
  const reasons = Object.entries(losses);
  const notices = byId("notices");
  notices.hidden = degradations.length + reasons.length + troubles.length === 0;
  const items = [
    ...troubles.map((words) => h("li", {}, h("strong", {}, words))),
    ...reasons.map(lossItem),
    ...degradations.map(degradationItem),
  ];
  const text = items.map((item) => item.textContent).join("\n");
  if (notices.dataset.text === text) return;
  notices.dataset.text = text;
  const parts = [];
  if (troubles.length > 0) parts.push(plural(troubles.length, "failure"));
  for (const [kind, words] of Object.entries(CLASSES)) {
    if (reasons.some(([, loss]) => loss.class === kind)) parts.push(words);
  }
  if (degradations.length > 0) parts.push(plural(degradations.length, "limitation"));
  setText(byId("notices-summary"), sentence(parts.join(", ")));
  byId("notices-list").replaceChildren(...items);
}
