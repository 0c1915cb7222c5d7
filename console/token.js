/**
 * The bearer token of the person at the page, from a sign-in or as it is pasted. It stays in this
 * tab's session: closing the tab forgets it.
 */
import { claimsIn, nameIn } from "./claims.js";
import { byId, printable } from "./dom.js";
import { PROVIDER } from "./provider.js";

/** @typedef {import("./oidc.js").Session} Session */

const KEY = "order-saga-token";

/** Under this key is what the provider wants to hear when somebody signs out. */
const ID_KEY = "order-saga-id-token";
const changes = new EventTarget();

/** Whether people can sign in. */
const CAN_SIGN_IN = PROVIDER !== null;

/** What gets the next token, in memory alone. @type {string|null} */
let refreshToken = null;

/** The token that was renewed last: a call with it may be sent again. @type {string|null} */
let formerToken = null;

/** @type {Promise<void>|null} */
let renewal = null;

/** A sign-in that failed; its message can be shown. */
export class SignInProblem extends Error {
  /**
   * @param {string} message
   * @param {boolean} [isAway] whether the provider may give a token later without anybody's help
   */
  constructor(message, isAway = false) {
    super(message);
    this.isAway = isAway;
  }
}

/** Load what signs people in; most pages are opened without. */
const signingIn = () => import("./oidc.js");

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

/**
 * Get the next token in place of one that the API does not accept, where a sign-in allows it.
 *
 * @param {string|null} bearer the token that is not accepted
 * @returns {Promise<boolean>} whether there is another of the same person
 * @throws {SignInProblem} the provider is away
 */
export async function renewed(bearer) {
  if (bearer === null) return false;
  if (bearer === token() && refreshToken !== null) {
    renewal ??= renew(refreshToken).finally(() => (renewal = null));
    await renewal;
  }
  return bearer === formerToken && token() !== null;
}

/** @param {string} current */
async function renew(current) {
  const former = token();
  try {
    const { renewSession } = await signingIn();
    const session = await renewSession(current);
    if (token() !== former) return; // somebody else is at the page by now
    formerToken = former;
    keep(session);
  } catch (problem) {
    if (!(problem instanceof SignInProblem) || problem.isAway) throw problem;
    if (token() === former) refreshToken = null; // it has run out: sign in again
  }
}

/** @param {Session} session */
function keep({ access_token, id_token, refresh_token }) {
  sessionStorage.setItem(KEY, access_token);
  if (id_token) sessionStorage.setItem(ID_KEY, id_token);
  refreshToken = refresh_token ?? null;
  showSubject();
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

/** Make the dialog and the buttons that sign in and forget the token work. */
export function serveToken() {
  const dialog = /** @type {HTMLDialogElement} */ (byId("ask"));
  const field = /** @type {HTMLInputElement} */ (byId("ask-token"));
  byId("ask-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const value = field.value.trim().replace(/^Bearer(\s+|$)/i, "");
    if (SENDABLE.test(value)) {
      use({ access_token: value });
      dialog.close();
    } else {
      sayWrong(INVALID_TOKEN);
    }
  });
  byId("ask-later").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    field.value = "";
    sayWrong("");
  });
  byId("forget").addEventListener("click", signOut);
  byId("sign-in").addEventListener("click", signIn);
  byId("ask-sign-in").addEventListener("click", signIn);
  byId("ask-provider").hidden = !CAN_SIGN_IN;
  byId("ask-title").textContent = CAN_SIGN_IN ? "Sign in" : "The API needs a token";
  showSubject();
}

/** Take the person in whom a provider has sent back with a code or an error, if one has. */
export async function serveSignIn() {
  const parameters = new URLSearchParams(location.search);
  const isAnswer = parameters.has("code") || parameters.has("error");
  if (!CAN_SIGN_IN || !isAnswer || !parameters.has("state")) return;
  try {
    const { finishSignIn } = await signingIn();
    use(await finishSignIn());
  } catch (problem) {
    explain(problem);
  }
}

async function signIn() {
  const buttons = ["sign-in", "ask-sign-in"].map(
    (id) => /** @type {HTMLButtonElement} */ (byId(id)),
  );
  for (const button of buttons) button.disabled = true;
  sayWrong("");
  try {
    const { beginSignIn } = await signingIn();
    await beginSignIn();
  } catch (problem) {
    explain(problem);
  }
  for (const button of buttons) button.disabled = false;
}

/**
 * Forget the token and what was typed, as the tab may be another person's next; who signed in is
 * signed out at the provider as well.
 */
async function signOut() {
  const idToken = sessionStorage.getItem(ID_KEY);
  sessionStorage.clear();
  use(null);
  if (idToken === null) return;
  try {
    const { endSession } = await signingIn();
    await endSession(idToken);
  } catch (problem) {
    explain(problem);
  }
}

/**
 * Show in the dialog why somebody is not signed in, or out.
 *
 * @param {unknown} problem
 */
function explain(problem) {
  if (!(problem instanceof SignInProblem)) throw problem;
  askForToken("");
  sayWrong(problem.message);
}

/** @param {string} text */
function sayWrong(text) {
  byId("ask-wrong").textContent = printable(text);
}

/** @param {Session|null} session */
function use(session) {
  sessionStorage.removeItem(KEY);
  sessionStorage.removeItem(ID_KEY);
  refreshToken = null;
  formerToken = null;
  if (session) keep(session);
  showSubject();
  changes.dispatchEvent(new Event("token"));
}

function showSubject() {
  const bearer = token();
  const isSignedIn = sessionStorage.getItem(ID_KEY) !== null;
  byId("who").hidden = bearer === null && !CAN_SIGN_IN;
  byId("sign-in").hidden = bearer !== null;
  byId("forget").hidden = bearer === null;
  byId("forget").textContent = isSignedIn ? "Sign out" : "Forget token";
  const name = nameIn(bearer) ?? claimsIn(bearer)?.sub ?? "with a token";
  byId("who-name").textContent = bearer && printable(String(name));
}

/** Whether the token in use says who acts: then nobody is asked for their name. */
export function isPersonKnown() {
  return nameIn(token()) !== null;
}

/** Return the customer for whom alone the token is, by the usual claim; "" where it names none. */
export function customerOfToken() {
  return String(claimsIn(token())?.customer_id ?? "");
}
