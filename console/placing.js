/**
 * What is kept in this tab's session until an order is placed: what was typed, and the key under
 * which it was sent. Sending the same content again is the same order; other content has a new key.
 */
import { newId, post } from "./api.js";
import { customerOfToken } from "./token.js";

/** @typedef {import("./body.js").Texts} Texts */

const TEXTS = "order-saga-draft";
const KEY = "order-saga-draft-key";

export const EMPTY_LINE = { sku: "", quantity: "", price: "" };

/**
 * Return what was typed before, or an empty order of whoever looks.
 *
 * @returns {Texts}
 */
export function savedTexts() {
  const text = sessionStorage.getItem(TEXTS);
  if (text !== null) return JSON.parse(text);
  const fields = { currency: "", order_id: "", deadline_seconds: "" };
  return { customer_id: customerOfToken(), ...fields, lines: [EMPTY_LINE] };
}

/** @param {Texts} texts */
export function saveTexts(texts) {
  sessionStorage.setItem(TEXTS, JSON.stringify(texts));
}

/**
 * Place an order, once for the same content; return it.
 *
 * @param {Api.OrderBody} body
 * @returns {Promise<Api.OrderView>}
 * @throws {Problem}
 */
export async function place(body) {
  const view = await post("/orders", body, { "Idempotency-Key": keyOf(JSON.stringify(body)) });
  sessionStorage.removeItem(TEXTS);
  sessionStorage.removeItem(KEY);
  return view;
}

/** @param {string} content */
function keyOf(content) {
  const last = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (last?.content === content) return last.key;
  const key = newId();
  sessionStorage.setItem(KEY, JSON.stringify({ content, key }));
  return key;
}
