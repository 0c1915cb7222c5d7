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

/** Return the mark of an order that somebody has to look after. */
export function attention() {
  return el("span.chip.attention", { title: "somebody has to look after it" }, "⚠ Needs attention");
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
