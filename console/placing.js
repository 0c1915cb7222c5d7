/**
 * What is kept in this tab's session until an order is placed: what was typed, and the key under
 * which each content was sent. Sending the same content again is the same order.
 */
import { addressOf } from "./address.js";
import { newId, post, Problem } from "./api.js";
import { el } from "./dom.js";
import { customerOfToken } from "./token.js";

/**
 * @typedef {import("./body.js").Texts} Texts
 * @typedef {{content: string, key: string}} Attempt which may have placed an order
 */

const TEXTS = "order-saga-draft";
const ATTEMPTS = "order-saga-draft-attempts";

/** The oldest of more attempts is forgotten. */
const MOST_ATTEMPTS = 20;

export const EMPTY_LINE = { sku: "", quantity: "", price: "" };

/**
 * Return what was typed before, or an empty order; its customer is whoever looks.
 *
 * @returns {Texts}
 */
export function savedTexts() {
  const fields = { customer_id: "", currency: "", order_id: "", deadline_seconds: "" };
  const text = sessionStorage.getItem(TEXTS);
  const texts = text === null ? { ...fields, lines: [EMPTY_LINE] } : JSON.parse(text);
  texts.customer_id ||= customerOfToken();
  return texts;
}

/** @param {Texts} texts */
export function saveTexts(texts) {
  sessionStorage.setItem(TEXTS, JSON.stringify(texts));
}

/** Return what there is to say where other content than this may have placed an order. */
export function attemptWarning() {
  return el(
    "p.warning",
    { role: "status" },
    "An order with other content was sent, and its answer is lost: it may have been placed. ",
    el("a", { href: addressOf({}) }, "Look at the latest orders"),
    " before you place this one as well.",
  );
}

/**
 * Tell whether other content than this may have placed an order.
 *
 * @param {Api.OrderBody} body
 */
export function hasOtherAttempt(body) {
  return attemptsBut(JSON.stringify(body)).length > 0;
}

/**
 * Place an order, once for the same content; return it.
 *
 * @param {Api.OrderBody} body
 * @returns {Promise<Api.OrderView>}
 * @throws {Problem}
 */
export async function place(body) {
  const content = JSON.stringify(body);
  const former = attempts().find((attempt) => attempt.content === content);
  const key = former?.key ?? newId();
  save([...attemptsBut(content), { content, key }]);
  try {
    const view = await post("/orders", body, { "Idempotency-Key": key });
    sessionStorage.removeItem(TEXTS);
    sessionStorage.removeItem(ATTEMPTS);
    return view;
  } catch (problem) {
    const isRefused = problem instanceof Problem && problem.status >= 400 && problem.status < 500;
    if (isRefused && !former) save(attemptsBut(content)); // it has placed nothing
    throw problem;
  }
}

/** @returns {Attempt[]} */
function attempts() {
  return JSON.parse(sessionStorage.getItem(ATTEMPTS) ?? "[]");
}

/** @param {string} content */
function attemptsBut(content) {
  return attempts().filter((attempt) => attempt.content !== content);
}

/** @param {Attempt[]} list */
function save(list) {
  sessionStorage.setItem(ATTEMPTS, JSON.stringify(list.slice(-MOST_ATTEMPTS)));
}
