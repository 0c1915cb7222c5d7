/**
 * The only module that calls the API. Each call carries the token, has a time limit, and fails with
 * a Problem whose message can be shown.
 */
import { IS_ID } from "./address.js";
import { renewed, SignInProblem, token } from "./token.js";

const ANSWER_LIMIT_MS = 15_000;

/** Stands for the HTTP status when there was no answer. */
export const NO_ANSWER = 0;

/**
 * By status: what stands in front of the API's own sentence.
 *
 * @type {Record<number, string>}
 */
const TITLES = {
  401: "The API needs a token",
  403: "Your token does not allow this",
  404: "Not found",
  409: "Not possible",
  422: "The API rejects this request",
  429: "Too many requests",
  503: "Not available now",
};

/** A call without a successful answer. */
export class Problem extends Error {
  /**
   * @param {number} status the HTTP status, or NO_ANSWER
   * @param {string} detail the API's own sentence
   * @param {number|null} [afterSeconds] the answer's Retry-After
   * @param {Api.FieldProblem[]} [errors] what is wrong with which field of the body
   */
  constructor(status, detail, afterSeconds = null, errors = []) {
    const title = TITLES[status] ?? `The API answered ${status}`;
    super(status === NO_ANSWER ? detail : `${title}: ${detail}`);
    this.status = status;
    this.detail = detail;
    this.afterSeconds = afterSeconds;
    this.errors = errors;
    /** Whether another token is in use by now: the answer says nothing of that one. */
    this.isOutdated = false;
  }

  /** Whether the same call may succeed later without anybody's help. */
  get isTransient() {
    return this.status === NO_ANSWER || this.status === 429 || this.status >= 500;
  }
}

/**
 * Return an order's path at the API. Text that is no id, such as `..`, might be another path.
 *
 * @param {string} id
 * @throws {Problem}
 */
export function orderPath(id) {
  if (!IS_ID.test(id)) throw new Problem(422, "an order's id is 1 to 64 letters, digits, _ or -");
  return `/orders/${id}`;
}

/**
 * Return a saga's path at the API, by its workflow's id.
 *
 * @param {string} id
 * @throws {Problem}
 */
export function sagaPath(id) {
  if (!id || /^\.{1,2}$/.test(id)) throw new Problem(422, "this is no workflow's id");
  return `/sagas/${encodeURIComponent(id)}`;
}

/**
 * Return a batch operation's path at the API.
 *
 * @param {string} id
 * @throws {Problem}
 */
export function batchPath(id) {
  if (!IS_ID.test(id)) throw new Problem(422, "this is no batch operation's id");
  return `/batch-operations/${id}`;
}

/**
 * Return the JSON at a path.
 *
 * @param {string} path
 * @param {AbortSignal} [signal] ends the call, as without an answer
 * @returns {Promise<any>}
 * @throws {Problem}
 */
export function get(path, signal) {
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
  return json(path, { signal: signal ? AbortSignal.any([signal, limit]) : limit });
}

/**
 * Post JSON, and return the answer's JSON.
 *
 * @param {string} path
 * @param {object} body
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 * @throws {Problem}
 */
export function post(path, body, headers = {}) {
  return json(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", ...headers },
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
}

/**
 * Return an id that nobody else draws: what is sent again under it is the same thing.
 * `crypto.randomUUID` is not there where the page comes from another machine without TLS.
 */
export function newId() {
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Send a request, and return the answer once its headers are there.
 *
 * @param {string} path
 * @param {RequestInit} [options]
 * @throws {Problem} no answer, or one whose status is not 2xx
 */
export async function request(path, options = {}) {
  let bearer = token();
  let answer = await send(path, options, bearer);
  if (answer.status === 401 && (await canSendAgain(bearer))) {
    bearer = token();
    answer = await send(path, options, bearer);
  }
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  problem.isOutdated = token() !== bearer;
  throw problem;
}

/**
 * @param {string} path
 * @param {RequestInit} options
 * @param {string|null} bearer
 */
async function send(path, options, bearer) {
  const headers = new Headers(options.headers);
  if (!headers.has("Accept")) headers.set("Accept", "application/json");
  headers.set("X-Door", "console"); // for the log of operations
  if (bearer) headers.set("Authorization", `Bearer ${bearer}`);
  try {
    return await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Problem(NO_ANSWER, "The API does not answer");
  }
}

/**
 * Tell whether there is another token in place of one that the API does not accept.
 *
 * @param {string|null} bearer
 */
async function canSendAgain(bearer) {
  try {
    return await renewed(bearer);
  } catch (problem) {
    if (!(problem instanceof SignInProblem)) throw problem;
    throw new Problem(NO_ANSWER, problem.message.replace(/\.$/, ""));
  }
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function json(path, options) {
  const answer = await request(path, options);
  try {
    return await answer.json();
  } catch {
    throw new Problem(NO_ANSWER, "The API's answer is incomplete");
  }
}

/** @param {Response} answer */
async function problemOf(answer) {
  const after = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
  const body = await answer.json().catch(() => null);
  const detail = String(body?.detail ?? answer.statusText);
  const errors = Array.isArray(body?.errors) ? body.errors : [];
  return new Problem(answer.status, detail, Number.isNaN(after) ? null : after, errors);
}
