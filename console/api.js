/**
 * The one door to the API: each call carries the token, has a limit, and fails with a Problem that
 * can be told.
 */
import { IS_ID } from "./address.js";
import { token } from "./token.js";

const ANSWER_LIMIT_MS = 15_000;

/** What is told instead of a status when nobody answered at all. */
export const NO_ANSWER = 0;

/** In front of the API's own words. */
const BEFORE = {
  401: "The API asks who you are",
  403: "Your token does not allow this",
  404: "Not found",
  409: "Not possible",
  422: "The API does not take this",
  429: "Too many requests",
  503: "Not now",
};

/** An answer that is none of those hoped for. */
export class Problem extends Error {
  /**
   * @param {number} status the HTTP status, or NO_ANSWER
   * @param {string} detail what the API says of it
   * @param {number|null} [afterSeconds] when it wants to be asked again
   */
  constructor(status, detail, afterSeconds = null) {
    const before = BEFORE[status] ?? `The API answered ${status}`;
    super(status === NO_ANSWER ? detail : `${before}: ${detail}`);
    this.status = status;
    this.detail = detail;
    this.afterSeconds = afterSeconds;
  }

  /** Whether asking again may help although nobody does anything. */
  get passes() {
    return this.status === NO_ANSWER || this.status === 429 || this.status >= 500;
  }
}

/**
 * Return an order's path at the API; what can be no id, such as `..`, might be another path.
 *
 * @throws {Problem}
 */
export function orderPath(id) {
  if (!IS_ID.test(id)) throw new Problem(422, "an order's id is 1 to 64 letters, digits, _ or -");
  return `/orders/${id}`;
}

/**
 * Return the JSON that a path answers.
 *
 * @throws {Problem}
 */
export function get(path) {
  return json(path, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
}

/**
 * Post JSON, and return the JSON that answers.
 *
 * @throws {Problem}
 */
export function post(path, body) {
  return json(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
}

/**
 * Ask, and return the answer once its head is there.
 *
 * @throws {Problem} no answer, or one that is none of 2xx
 */
export async function ask(path, given = {}) {
  const bearer = token();
  const headers = {
    Accept: "application/json",
    ...given.headers,
    ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}),
  };
  let answer;
  try {
    answer = await fetch(path, { ...given, headers, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Problem(NO_ANSWER, "The API does not answer");
  }
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

async function json(path, given) {
  const answer = await ask(path, given);
  try {
    return await answer.json();
  } catch {
    throw new Problem(NO_ANSWER, "The API's answer broke off");
  }
}

async function problemOf(answer) {
  const after = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
  const told = await answer.json().catch(() => null);
  return new Problem(
    answer.status,
    String(told?.detail ?? answer.statusText),
    Number.isNaN(after) ? null : after,
  );
}
