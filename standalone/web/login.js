// The token, where nettally needs one: asked for once, then kept by the browser where scripts cannot read it.

import { h, setText } from "./dom.js";

let dialog = null;

/** Asks for the token, unless that is being done; the page starts anew once it was right. */
export function askForToken() {
  if (dialog) return;
  const field = h("input", { type: "password", id: "token", autocomplete: "current-password", required: "" });
  const said = h("p", { class: "said", role: "alert" });
  const form = h(
    "form",
    { class: "login", "data-testid": "login" },
    h("h2", {}, "Token"),
    h("label", { for: "token" }, "This nettally asks for its token. At start it says which file the token is in."),
    field,
    said,
    h("button", { type: "submit" }, "Open"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    open(field.value).then((problem) => {
      if (problem === null) location.reload();
      else setText(said, problem);
    });
  });
  dialog = h("dialog", { "aria-label": "Token" }, form);
  document.body.append(dialog);
  dialog.showModal();
}

/** Why the token does not open it; null if it does. */
async function open(token) {
  try {
    const response = await fetch("/api/v1/session", { method: "POST", body: token });
    if (response.ok) return null;
    return response.status === 401 ? "That is not the token." : `unexpected answer ${response.status}`;
  } catch {
    return "nettally does not answer";
  }
}
