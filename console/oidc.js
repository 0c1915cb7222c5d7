/**
 * Signing in at an OpenID provider, by the authorization code flow with PKCE: the page leaves for
 * the provider, which sends it back with a code, and the page gets a token for that.
 */
import { NAME_CLAIMS, PROVIDER } from "./provider.js";

export { NAME_CLAIMS };

/** Whether people can sign in. */
export const CAN_SIGN_IN = PROVIDER !== null;

/** What was begun in this tab is kept under this key until the provider sends it back. */
const PENDING_KEY = "order-saga-sign-in";
const LIMIT_MS = 10_000;

const NOT_BEGUN_HERE =
  "This sign-in was not begun in this tab, or is used already. Nobody is signed in by it: sign " +
  "in again.";
const INSECURE =
  "Signing in needs https, or an address of this machine: reach the console by one, or paste a " +
  "token.";

const NOT_LOADED = "A file of this page could not be loaded: reload the page, and sign in again.";

/**
 * What a sign-in gives. The token for renewals is kept in memory alone: it serves for long, and a
 * copy of this tab must not use it as well.
 *
 * @typedef {{accessToken: string, idToken?: string, refreshToken?: string}} Session
 */

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

/** The addresses of the provider, once they are known. @type {Promise<any>|null} */
let discovery = null;

/** Return the library, the provider's addresses, and what each of its calls is given. */
async function provider() {
  if (!isSecureContext) throw new SignInProblem(INSECURE);
  const library = await import("./vendor/oauth4webapi.js").catch(() => {
    throw new SignInProblem(NOT_LOADED, true);
  });
  const issuer = new URL(PROVIDER.issuer);
  const bare = { credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" };
  const options = () => ({
    [library.allowInsecureRequests]: issuer.protocol === "http:", // on this machine alone
    [library.customFetch]: (url, init) => fetch(url, { ...init, ...bare }),
    signal: AbortSignal.timeout(LIMIT_MS),
    additionalParameters: PROVIDER.resource ? { resource: PROVIDER.resource } : undefined,
  });
  discovery ??= library
    .discoveryRequest(issuer, options())
    .then((answer) => library.processDiscoveryResponse(issuer, answer));
  const server = await discovery.catch((problem) => {
    discovery = null; // ask again next time
    throw problem;
  });
  return { library, server, options, client: { client_id: PROVIDER.clientId } };
}

/** Return one of the provider's addresses for this page to go to. */
function address(server, name) {
  const url = URL.canParse(server[name]) ? new URL(server[name]) : null;
  const isSafe = url?.protocol === "https:" || url?.origin === new URL(PROVIDER.issuer).origin;
  if (!isSafe) throw new SignInProblem(`${PROVIDER.issuer} names no usable ${name}.`);
  return url;
}

/** Fail where this page's policy lets nothing through to the provider's token endpoint. */
function checkReach(server) {
  const { origin } = address(server, "token_endpoint");
  if (PROVIDER.origins.includes(origin)) return;
  throw new SignInProblem(
    `The provider gives tokens at ${origin}, which this page may not ask: the API's setting ` +
      "OIDC_ORIGINS must name it.",
  );
}

/** Run calls to the provider; an error of theirs becomes a SignInProblem. */
async function withProvider(run) {
  try {
    return await run(await provider());
  } catch (error) {
    throw error instanceof SignInProblem ? error : problemOf(error);
  }
}

/** Return why the provider gave no token. */
function problemOf(error) {
  const name = PROVIDER.issuer;
  if (error.name === "TimeoutError" || error.cause?.name === "TimeoutError") {
    return new SignInProblem(
      `The provider ${name} gives no answer within ${LIMIT_MS / 1000} s.`,
      true,
    );
  }
  if (error.error) {
    const why = [error.error, error.error_description].filter(Boolean).join(", ");
    return new SignInProblem(`The provider ${name} refuses: ${why}.`);
  }
  if (error.code) {
    const why = `gives an answer that cannot be used: ${error.message}.`;
    return new SignInProblem(`The provider ${name} ${why}`, true);
  }
  const why = `does not answer, or allows no calls from ${location.origin}.`;
  return new SignInProblem(`The provider ${name} ${why}`, true);
}

/**
 * Leave for the provider, which sends this tab back to where it is.
 *
 * @throws {SignInProblem}
 */
export function beginSignIn() {
  return withProvider(async ({ library, server }) => {
    checkReach(server);
    const pending = {
      state: library.generateRandomState(),
      nonce: library.generateRandomNonce(),
      verifier: library.generateRandomCodeVerifier(),
      address: location.pathname + location.search,
      history: history.state,
    };
    const url = address(server, "authorization_endpoint");
    const parameters = {
      client_id: PROVIDER.clientId,
      response_type: "code",
      redirect_uri: redirectUri(),
      scope: PROVIDER.scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await library.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: "S256",
      audience: PROVIDER.audience,
      resource: PROVIDER.resource,
    };
    for (const [name, value] of Object.entries(parameters)) {
      if (value) url.searchParams.set(name, value);
    }
    sessionStorage.setItem(PENDING_KEY, JSON.stringify(pending));
    location.assign(url);
  });
}

/** Tell whether a provider has sent this tab back: with a code, or with an error. */
export function isSentBack() {
  const parameters = new URLSearchParams(location.search);
  const isAnswer = parameters.has("code") || parameters.has("error");
  return CAN_SIGN_IN && isAnswer && parameters.has("state");
}

/**
 * Return what the provider gives for the code in the address, which is cleaned at once.
 *
 * @returns {Promise<Session>}
 * @throws {SignInProblem}
 */
export async function finishSignIn() {
  const parameters = new URLSearchParams(location.search);
  const pending = JSON.parse(sessionStorage.getItem(PENDING_KEY) ?? "null");
  sessionStorage.removeItem(PENDING_KEY);
  const isOurs = pending !== null && pending.state === parameters.get("state");
  history.replaceState(isOurs ? pending.history : null, "", isOurs ? pending.address : "/");
  if (!isOurs) throw new SignInProblem(NOT_BEGUN_HERE);
  return withProvider(async ({ library, server, client, options }) => {
    const grant = library.validateAuthResponse(server, client, parameters, pending.state);
    const more = [library.None(), grant, redirectUri(), pending.verifier, options()];
    const answer = await library.authorizationCodeGrantRequest(server, client, ...more);
    const checks = { expectedNonce: pending.nonce, requireIdToken: true };
    return session(await library.processAuthorizationCodeResponse(server, client, answer, checks));
  });
}

/**
 * Return what the provider gives for a refresh token; its next one is the only one from then on.
 *
 * @param {string} refreshToken
 * @returns {Promise<Session>}
 * @throws {SignInProblem}
 */
export function renewSession(refreshToken) {
  return withProvider(async ({ library, server, client, options }) => {
    const more = [library.None(), refreshToken, options()];
    const answer = await library.refreshTokenGrantRequest(server, client, ...more);
    const renewed = session(await library.processRefreshTokenResponse(server, client, answer));
    return { refreshToken, ...renewed };
  });
}

/**
 * Leave for the page where the provider signs people out, if it has one.
 *
 * @param {string|null} idToken
 * @throws {SignInProblem}
 */
export function endSession(idToken) {
  return withProvider(async ({ server }) => {
    if (!server.end_session_endpoint) return;
    const url = address(server, "end_session_endpoint");
    url.searchParams.set("client_id", PROVIDER.clientId);
    url.searchParams.set("post_logout_redirect_uri", redirectUri());
    if (idToken) url.searchParams.set("id_token_hint", idToken);
    location.assign(url);
  });
}

function redirectUri() {
  return `${location.origin}/`;
}

/** @returns {Session} */
function session(answer) {
  const tokens = { accessToken: answer.access_token };
  if (answer.id_token) tokens.idToken = answer.id_token;
  if (answer.refresh_token) tokens.refreshToken = answer.refresh_token;
  return tokens;
}
