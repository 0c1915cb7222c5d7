/**
 * Signing in at an OpenID provider, by the authorization code flow with PKCE: the page leaves for
 * the provider, which sends it back with a code, and the page gets a token for that.
 */
import { keepDrafts, restoreDrafts } from "./drafts.js";
import { address, checkReach, SETTINGS, withProvider } from "./issuer.js";
import { SignInProblem } from "./token.js";

/** What was begun in this tab is kept under this key until the provider sends it back. */
const PENDING_KEY = "order-saga-sign-in";

const NOT_BEGUN_HERE =
  "This sign-in was not begun in this tab, or is used already. Nobody is signed in by it: sign " +
  "in again.";

/**
 * What a sign-in gives, as the token endpoint calls it. The token for renewals is kept in memory
 * alone: it serves for long, and a copy of this tab must not use it as well.
 *
 * @typedef {{access_token: string, id_token?: string, refresh_token?: string}} Session
 */

/**
 * Leave for the provider, which sends this tab back to where it is; what is typed is kept.
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
      client_id: SETTINGS.clientId,
      response_type: "code",
      redirect_uri: redirectUri(),
      scope: SETTINGS.scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await library.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: "S256",
      audience: SETTINGS.audience,
      resource: SETTINGS.resource,
    };
    for (const [name, value] of Object.entries(parameters)) {
      if (value) url.searchParams.set(name, value);
    }
    sessionStorage.setItem(PENDING_KEY, JSON.stringify(pending));
    keepDrafts();
    location.assign(url);
  });
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
  restoreDrafts();
  if (!isOurs) throw new SignInProblem(NOT_BEGUN_HERE);
  return withProvider(async ({ library, server, client, options }) => {
    const grant = library.validateAuthResponse(server, client, parameters, pending.state);
    const more = [library.None(), grant, redirectUri(), pending.verifier, options()];
    const answer = await library.authorizationCodeGrantRequest(server, client, ...more);
    const checks = { expectedNonce: pending.nonce, requireIdToken: true };
    return library.processAuthorizationCodeResponse(server, client, answer, checks);
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
    const session = await library.processRefreshTokenResponse(server, client, answer);
    return { ...session, refresh_token: session.refresh_token ?? refreshToken };
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
    url.searchParams.set("client_id", SETTINGS.clientId);
    url.searchParams.set("post_logout_redirect_uri", redirectUri());
    if (idToken) url.searchParams.set("id_token_hint", idToken);
    location.assign(url);
  });
}

function redirectUri() {
  return `${location.origin}/`;
}
