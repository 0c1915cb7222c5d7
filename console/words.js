/**
 * States in words and colours.
 */
import { el } from "./dom.js";

/** By state of the saga: its tone, and what it means. */
const STATES = {
  PENDING: ["going", "placed, and not paid yet"],
  AWAITING_REVIEW: ["waiting", "a person has to approve or reject it"],
  PAYMENT_COMPLETED: ["going", "paid, and not taken from stock yet"],
  COMPLETED: ["good", "paid and taken from stock: it will not be taken back"],
  ROLLING_BACK: ["waiting", "what was done is being taken back"],
  ROLLBACK_STUCK: ["bad", "something cannot be taken back, and is still tried"],
  FAILED: ["ended", "everything that was done is taken back"],
};

/** The states as a saga passes through them, and as people look for trouble in them. */
export const STATES_IN_ORDER = Object.keys(STATES);

/** Why an order needs a person: in a word, and what that means. */
export const CAUSES = {
  STUCK: ["stuck", "something that must be done keeps failing, and is still tried"],
  WEDGED: ["at a standstill", "the orchestrator's own code fails on it"],
  LEFT_OPEN: ["left open", "nobody works on it any more, and what was done until then is kept"],
};

/** By status of the order's own record. */
const STATUSES = {
  PENDING: ["quiet", "the order service has it on record as open"],
  CONFIRMED: ["good", "the order service has it on record as confirmed"],
  CANCELLED: ["ended", "the order service has it on record as cancelled"],
};

/** Return the mark of a saga's state. */
export function stateChip(state) {
  const [tone, meaning] = STATES[state] ?? ["quiet", ""];
  return el(`span.chip.${tone}`, { title: meaning || null }, state);
}

/** Return the mark of a record's status. */
export function statusChip(status) {
  const [tone, meaning] = STATUSES[status] ?? ["quiet", ""];
  return el(`span.chip.plain.${tone}`, { title: meaning || null }, status);
}

/**
 * Return the mark of an order that somebody has to look after, and why, as far as that is known.
 */
export function attention(need) {
  const [word, meaning] = CAUSES[need?.cause] ?? [null, "somebody has to look after it"];
  return el(
    "span.chip.attention",
    { title: need?.message ?? meaning },
    word ? `⚠ Needs attention: ${word}` : "⚠ Needs attention",
  );
}

/** Return the tone of a state. */
export function toneOf(state) {
  return (STATES[state] ?? ["quiet"])[0];
}

/** Return what a state means. */
export function meaningOf(state) {
  return (STATES[state] ?? ["", state])[1];
}

/** Return how many tries something took, when it is known. */
export function tries(count) {
  if (!count) return "";
  return count === 1 ? "1 try" : `${count} tries`;
}
