/**
 * The bearer token of whoever looks at the page. It is kept in this tab's session alone: closing
 * the tab forgets it.
 */
import { byId, shown } from "./dom.js";

const KEY = "order-saga-token";
const changed = new EventTarget();

/** Return the token, or null where none was given. */
export function token() {
  return sessionStorage.getItem(KEY);
}

/** Call `listener` whenever another token is used, or none, until `signal`. */
export function onToken(listener, signal) {
  changed.addEventListener("token", listener, { signal });
}

/** What can be sent as one; a curly quote or a "…" of somebody's mail cannot. */
const SENDABLE = /^[\x21-\x7e]+$/;

/** Ask for a token, and say why: the API wants one, or does not believe the one it was given. */
export function askForToken(why) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("ask"));
  byId("ask-why").textContent = shown(why);
  if (!dialog.open) dialog.showModal();
}

/** Serve the dialogue and the button that forgets. */
export function serveToken() {
  const dialog = /** @type {HTMLDialogElement} */ (byId("ask"));
  const field = /** @type {HTMLInputElement} */ (byId("ask-token"));
  const wrong = byId("ask-wrong");
  byId("ask-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const given = field.value.trim().replace(/^Bearer(\s+|$)/i, "");
    if (SENDABLE.test(given)) {
      use(given);
      dialog.close();
    } else {
      wrong.textContent =
        "This can be no token: it is empty, or holds a blank or a sign like “…”. Copy it whole.";
    }
  });
  byId("ask-later").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => (field.value = wrong.textContent = ""));
  byId("forget").addEventListener("click", () => use(null));
  tell();
}

function use(given) {
  if (given) sessionStorage.setItem(KEY, given);
  else sessionStorage.removeItem(KEY);
  tell();
  changed.dispatchEvent(new Event("token"));
}

function tell() {
  byId("who").hidden = token() === null;
  byId("who-name").textContent = shown(subject(token() ?? "") ?? "with a token");
}

/**
 * Return whom a token says it names. Only to be shown: whether that is true, the API alone can
 * tell.
 */
function subject(given) {
  try {
    const bytes = Uint8Array.from(
      atob(given.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")),
      (c) => c.charCodeAt(0),
    );
    return String(JSON.parse(new TextDecoder().decode(bytes)).sub);
  } catch {
    return null; // not every token is readable, and none has to be
  }
}
