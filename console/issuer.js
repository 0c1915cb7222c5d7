/**
 * Calls to the OpenID provider where people sign in: what each needs, and why one failed.
 */
import { PROVIDER } from "./provider.js";
import { SignInProblem } from "./token.js";

/** Where people sign in: nothing below is called where they cannot. */
export const SETTINGS = /** @type {NonNullable<typeof PROVIDER>} */ (PROVIDER);

const LIMIT_MS = 10_000;

const INSECURE =
  "Signing in needs https, or an address of this machine: reach the console by one, or paste a " +
  "token.";

const NOT_LOADED = "A file of this page could not be loaded: reload the page, and sign in again.";

/**
 * What the provider says of itself (OpenID Connect Discovery).
 *
 * @typedef {Record<string, string>} Metadata
 *
 * What a call to it needs.
 *
 * @typedef {object} Means
 * @property {typeof import("./vendor/oauth4webapi.js")} library
 * @property {Metadata} server
 * @property {{client_id: string}} client
 * @property {() => object} options
 */

/** What the provider says of itself, once it was asked. @type {Promise<Metadata>|null} */
let discovery = null;

/**
 * Return what a call to the provider needs.
 *
 * @returns {Promise<Means>}
 */
async function provider() {
  if (!isSecureContext) throw new SignInProblem(INSECURE);
  const library = await import("./vendor/oauth4webapi.js").catch(() => {
    throw new SignInProblem(NOT_LOADED, true);
  });
  const issuer = new URL(SETTINGS.issuer);
  /** @type {RequestInit} */
  const bare = { credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" };
  /** @type {(url: string, init: RequestInit) => Promise<Response>} */
  const bareFetch = (url, init) => fetch(url, { ...init, ...bare });
  const options = () => ({
    [library.allowInsecureRequests]: issuer.protocol === "http:", // on this machine alone
    [library.customFetch]: bareFetch,
    signal: AbortSignal.timeout(LIMIT_MS),
    additionalParameters: SETTINGS.resource ? { resource: SETTINGS.resource } : undefined,
  });
  discovery ??= library
    .discoveryRequest(issuer, options())
    .then((answer) => library.processDiscoveryResponse(issuer, answer));
  const server = await discovery.catch((problem) => {
    discovery = null; // ask again next time
    throw problem;
  });
  return { library, server, options, client: { client_id: SETTINGS.clientId } };
}

/**
 * Return one of the provider's addresses.
 *
 * @param {Metadata} server
 * @param {string} name
 */
export function address(server, name) {
  const url = URL.canParse(server[name]) ? new URL(server[name]) : null;
  const isSafe = url?.protocol === "https:" || url?.origin === new URL(SETTINGS.issuer).origin;
  if (url && isSafe) return url;
  throw new SignInProblem(`${SETTINGS.issuer} names no usable ${name}.`);
}

/**
 * Fail where this page's policy lets nothing through to the provider's token endpoint.
 *
 * @param {Metadata} server
 */
export function checkReach(server) {
  const { origin } = address(server, "token_endpoint");
  if (SETTINGS.origins.includes(origin)) return;
  throw new SignInProblem(
    `The provider gives tokens at ${origin}, which this page may not ask: the API's setting ` +
      "OIDC_ORIGINS must name it.",
  );
}

/**
 * Run calls to the provider; an error of theirs becomes a SignInProblem.
 *
 * @template T
 * @param {(means: Means) => Promise<T>} run
 */
export async function withProvider(run) {
  try {
    return await run(await provider());
  } catch (error) {
    throw error instanceof SignInProblem ? error : problemOf(error);
  }
}

/**
 * Return why the provider gave no token.
 *
 * @param {any} error of the library's, or of `fetch`
 */
function problemOf(error) {
  const name = SETTINGS.issuer;
  if (error.name === "TimeoutError" || error.cause?.name === "TimeoutError") {
    return new SignInProblem(
      `The provider ${name} gives no answer within ${LIMIT_MS / 1000} s.`,
      true,
    );
  }
  if (error.error) {
    const why = [error.error, error.error_description].filter(Boolean).join(", ");
    const isAway = ["server_error", "temporarily_unavailable"].includes(error.error);
    return new SignInProblem(`The provider ${name} refuses: ${why}.`, isAway);
  }
  if (error.code) {
    const why = `gives an answer that cannot be used: ${error.message}.`;
    return new SignInProblem(`The provider ${name} ${why}`, true);
  }
  const why = `does not answer, or allows no calls from ${location.origin}.`;
  return new SignInProblem(`The provider ${name} ${why}`, true);
}
