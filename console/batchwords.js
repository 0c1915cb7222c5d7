/**
 * How batch operations stand, and what came of them: their colours and what they mean.
 */
import { chip } from "./words.js";

/**
 * By outcome: its tone, and what it means.
 *
 * @type {Record<string, [string, string]>}
 */
const OUTCOMES = {
  waiting: ["active", "its turn is still to come, or nobody answered and it is tried again"],
  done: ["good", "the order took the act"],
  refused: ["failure", "the order takes no such act"],
  "not reached": ["bad", "nobody answered; the order may have taken the act"],
  skipped: ["quiet", "it was stopped before its turn"],
};

/** @type {Record<string, string>} */
const TONES = { running: "active", stopping: "waiting", stopped: "failure", completed: "good" };

/**
 * Return a name as people read it.
 *
 * @param {string} name as the API has it
 */
export function inWords(name) {
  return name.toLowerCase().replaceAll("_", " ");
}

/**
 * Return the tone and the meaning of an outcome.
 *
 * @param {string} outcome
 */
export function outcomeWords(outcome) {
  return OUTCOMES[inWords(outcome)] ?? ["quiet", outcome];
}

/**
 * Return the mark of how a batch operation stands.
 *
 * @param {string} state
 */
export function batchChip(state) {
  return chip(inWords(state), [TONES[inWords(state)] ?? "quiet", null]);
}
