// Talking to the daemon.

import { askForToken } from "./login.js";

const BASE = "/api/v1/";

/** An answer that is an error, or none at all. `code` is null if the daemon was not reached. */
export class ApiFailure extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

/** Asks for JSON; parameters that are null or undefined are left out. */
export async function get(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined) query.set(name, value);
  }
  let response;
  try {
    response = await fetch(`${BASE}${path}?${query}`);
  } catch {
    throw new ApiFailure("nettally does not answer", null);
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  const { message = `unexpected answer ${response.status}`, code = "unknown" } = body?.error ?? {};
  if (code === "token_required") askForToken();
  throw new ApiFailure(message, code);
}

const RETRY_MS = 3000;

/**
 * Follows the live events for as long as the page is open, through restarts of the daemon.
 * Calls `onEvent(name, data)` and `onConnection(isOpen)`.
 */
export function follow(onEvent, onConnection) {
  const source = new EventSource(`${BASE}live`);
  source.onopen = () => onConnection(true);
  for (const name of ["snapshot", "window"]) {
    source.addEventListener(name, (event) => onEvent(name, JSON.parse(event.data)));
  }
  source.onerror = () => {
    onConnection(false);
    // The browser retries a broken stream by itself, but gives up on an answer that is an error.
    if (source.readyState === EventSource.CLOSED) {
      // It does not say which error: if the token is missing, this asks for it.
      get("health").catch(() => {});
      setTimeout(() => follow(onEvent, onConnection), RETRY_MS);
    }
  };
}
