/**
 * States, statuses and causes: their colours and what they mean.
 */
import { el } from "./dom.js";

/**
 * By state of the saga: its tone, and what it means.
 *
 * @type {Record<string, [string, string]>}
 */
const STATES = {
  PENDING: ["active", "placed, not paid yet"],
  AWAITING_REVIEW: ["waiting", "a person has to approve or reject it"],
  AWAITING_CUSTOMER: ["waiting", "the customer has to answer their bank before it is paid"],
  PAYMENT_COMPLETED: ["active", "paid, not taken from stock yet"],
  COMPLETED: ["good", "paid and taken from stock; it can no longer roll back"],
  ROLLING_BACK: ["waiting", "the steps that took effect are being compensated"],
  ROLLBACK_STUCK: ["bad", "a compensation keeps failing and is still retried"],
  FAILED: ["failure", "every step that took effect is compensated"],
};

/** The states in the order in which a saga passes through them. */
export const STATES_IN_ORDER = Object.keys(STATES);

/**
 * By cause of attention: a word for it, and what it means.
 *
 * @type {Record<string, [string, string]>}
 */
export const CAUSES = {
  STUCK: ["stuck", "a step or a compensation keeps failing and is still retried"],
  WEDGED: ["wedged", "the orchestrator's own code fails at this order"],
  LEFT_OPEN: ["left open", "its saga ended before its end; what it did until then still stands"],
  REVIEW_EXPIRING: ["review expiring", "it fails when its review ends, unless it is approved"],
};

/**
 * By status of the order's own record.
 *
 * @type {Record<string, [string, string]>}
 */
const STATUSES = {
  PENDING: ["quiet", "open in the order service's records"],
  CONFIRMED: ["good", "confirmed in the order service's records"],
  CANCELLED: ["failure", "cancelled in the order service's records"],
};

/**
 * Return a mark.
 *
 * @param {string} text
 * @param {[tone: string, meaning: string|null]} [look]
 * @param {string} [kind]
 */
export function chip(text, [tone, title] = ["quiet", null], kind = "chip") {
  return el(`span.${kind}.${tone}`, { title }, text);
}

/**
 * Return a mark with a saga's state.
 *
 * @param {string} state
 */
export function stateChip(state) {
  return chip(state, STATES[state]);
}

/**
 * Return a mark with a record's status.
 *
 * @param {string} status
 */
export function statusChip(status) {
  return chip(status, STATUSES[status], "chip.plain");
}

/**
 * Return the mark of an order that needs a person, with the cause if it is known.
 *
 * @param {Partial<Api.Attention>|null} attention
 */
export function attentionChip(attention) {
  const [word, meaning] = CAUSES[attention?.cause ?? ""] ?? [null, "a person has to look at it"];
  const text = word ? `⚠ Needs attention: ${word}` : "⚠ Needs attention";
  return el("span.chip.attention", { title: attention?.message ?? meaning }, text);
}

/**
 * Return the tone of a state.
 *
 * @param {string} state
 */
export function toneOf(state) {
  return STATES[state]?.[0] ?? "quiet";
}

/**
 * Return what a state means.
 *
 * @param {string} state
 */
export function meaningOf(state) {
  return STATES[state]?.[1] ?? state;
}

/**
 * Return a number of attempts in words; nothing when it is not known.
 *
 * @param {number|null} count
 */
export function attemptsText(count) {
  if (!count) return "";
  return count === 1 ? "1 attempt" : `${count} attempts`;
}

/**
 * Return a sentence's text with a capital letter.
 *
 * @param {string} text
 */
export function capital(text) {
  return text && text[0].toUpperCase() + text.slice(1);
}

/**
 * Return a number with commas, like `1,530`.
 *
 * @param {number} value
 */
export function number(value) {
  return value.toLocaleString("en");
}
