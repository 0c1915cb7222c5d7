/**
 * The bearer token of the person at the page. It stays in this tab's session: closing the tab
 * forgets it.
 */
import { byId, printable } from "./dom.js";

const KEY = "order-saga-token";
const changes = new EventTarget();

/** Return the token, or null when there is none. */
export function token() {
  return sessionStorage.getItem(KEY);
}

/**
 * Call `listener` on each change of the token, until `signal`.
 *
 * @param {() => void} listener
 * @param {AbortSignal} signal
 */
export function onToken(listener, signal) {
  changes.addEventListener("token", listener, { signal });
}

/** What a header can carry; the curly quotes or the “…” of a copied mail cannot be sent. */
const SENDABLE = /^[\x21-\x7e]+$/;

const INVALID_TOKEN =
  "This is not a token: it is empty, or contains a space or a character like “…”. " +
  "Copy the whole token.";

/**
 * Open the dialog that asks for a token, and show the API's reason.
 *
 * @param {string} reason
 */
export function askForToken(reason) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("ask"));
  byId("ask-why").textContent = printable(reason);
  if (!dialog.open) dialog.showModal();
}

/** Make the dialog and the button that forgets the token work. */
export function serveToken() {
  const dialog = /** @type {HTMLDialogElement} */ (byId("ask"));
  const field = /** @type {HTMLInputElement} */ (byId("ask-token"));
  const error = byId("ask-wrong");
  byId("ask-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const value = field.value.trim().replace(/^Bearer(\s+|$)/i, "");
    if (SENDABLE.test(value)) {
      use(value);
      dialog.close();
    } else {
      error.textContent = INVALID_TOKEN;
    }
  });
  byId("ask-later").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => (field.value = error.textContent = ""));
  byId("forget").addEventListener("click", () => use(null));
  showSubject();
}

/** @param {string|null} value */
function use(value) {
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
  showSubject();
  changes.dispatchEvent(new Event("token"));
}

function showSubject() {
  byId("who").hidden = token() === null;
  byId("who-name").textContent = printable(claim("sub") ?? "with a token");
}

/** Return the customer for whom alone the token is, by the usual claim; "" where it names none. */
export function customerOfToken() {
  return claim("customer_id") ?? "";
}

/**
 * Return what the token says under a name. It is only shown: the API alone can verify it.
 *
 * @param {string} name
 * @returns {string|null}
 */
function claim(name) {
  try {
    const payload = atob((token() ?? "").split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(payload, (character) => character.charCodeAt(0));
    const value = JSON.parse(new TextDecoder().decode(bytes))[name];
    return value === undefined ? null : String(value);
  } catch {
    return null; // a token need not be readable
  }
}
