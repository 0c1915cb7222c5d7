/**
 * How an order stands, in sentences: why it failed, what it waits for, what is stuck and what a
 * person can do about it.
 */
import { bdi, el, jsonToUnfold, show } from "./dom.js";
import { commandsOf } from "./steps.js";
import { age, time } from "./times.js";
import { capital, CAUSES, meaningOf, toneOf } from "./words.js";

/** @typedef {import("./steps.js").Command} Command */

/**
 * Show how an order stands in `section`.
 *
 * @param {Element} section
 * @param {Api.OrderView} view
 */
export function showStory(section, view) {
  const { failure, state, refund } = view;
  const commands = commandsOf(view.steps);
  const troubles = commands.filter((command) => command.state === "STUCK");
  const pauses = commands.filter(({ paused }) => paused);
  const attention = view.needs_attention ? view.attention : null;
  const meaning = (attention && standstill(attention)) ?? meaningOf(state);
  const tone = failure ? "failure" : toneOf(state);
  const box = el(
    `div.story-box.${attention || troubles.length > 0 ? "bad" : tone}`,
    {},
    failure ? reasonOf(failure) : el("p.sentence", {}, `${capital(meaning)}.`),
    refund && el("p.refund", {}, "Refund: ", bdi(refund.message), "."),
    jsonToUnfold("details", failure?.details),
    ...troubles.map(troubleText),
    ...pauses.map(pauseText),
  );
  show(section, [box, attention && attentionBox(attention, troubles.length > 0)]);
}

/**
 * Return why nothing of what the order's state means comes about by itself; null where it does.
 *
 * @param {Api.Attention} attention
 */
function standstill({ cause }) {
  return cause === "LEFT_OPEN" || cause === "WEDGED" ? CAUSES[cause][1] : null;
}

/**
 * Return why a person is needed and since when; and what to do, unless the story says it.
 *
 * @param {Api.Attention} attention
 * @param {boolean} isExplained whether the story says what to do
 */
function attentionBox({ cause, since, message }, isExplained) {
  const [word, meaning] = CAUSES[cause] ?? [cause, null];
  const start = since ? [" since ", time(since), ` (for ${age(since)})`] : [];
  return el(
    "div.person",
    {},
    el("p", {}, el("b", { title: meaning }, `Needs a person: ${word}`), ...start, "."),
    !isExplained && el("p.what-to-do", {}, capital(message)),
  );
}

/** @param {Api.FailureView} failure */
function reasonOf({ message, customer_message, reason, step, event }) {
  const at = step ? [" at ", el("b", {}, step)] : [];
  const answer = event ? [", which answered ", el("b", {}, event)] : [];
  const toCustomer = ["Message to the customer: “", bdi(customer_message), "”"];
  return el(
    "div",
    {},
    el("p.sentence", {}, message),
    el("p.reason", {}, "Reason: ", el("b", {}, reason), ...at, ...answer, "."),
    customer_message && el("p.for-customer", {}, ...toCustomer),
  );
}

/** @param {Command} command */
function pauseText({ name, paused }) {
  const advice =
    "It is not retried until somebody unpauses it, in the Temporal Web UI or with " +
    "temporal activity unpause.";
  return el(
    "div.stuck",
    {},
    el("p", {}, el("b", {}, name, " is paused"), ": ", bdi(paused), ". ", advice),
  );
}

/** @param {Command} command */
function troubleText({ name, participant, opens_record, message, settled, paused }) {
  const state = settled
    ? [" was settled by ", bdi(settled.by), ", but the order's record does not have it yet"]
    : [" is stuck"];
  const failing = settled ? ": writing that to the record keeps failing" : ": it keeps failing";
  const lastError = message ? [" with “", bdi(message), "”"] : [];
  const retry = `${adviceOn(message, participant)} It is retried until it succeeds. `;
  return el(
    "div.stuck",
    {},
    el("p", {}, el("b", {}, name, ...state), failing, ...lastError, "."),
    el("p", {}, paused ? "" : retry, whatFollows(opens_record)),
  );
}

/**
 * Return what the order does once a stuck command succeeds.
 *
 * @param {boolean|undefined} opensRecord
 */
function whatFollows(opensRecord) {
  return opensRecord
    ? "Until then the order waits: the order service must first say whether an earlier run of " +
        "it completed. If one did, the order completes; otherwise it rolls back."
    : "Then the order continues by itself.";
}

/**
 * Return what to look at by an attempt's error; docs/OPERATING.md has more.
 *
 * @param {string|null} error
 * @param {string} participant
 */
function adviceOn(error, participant) {
  if (error?.includes("ScheduleToStart timeout")) return `Start the ${participant} worker.`;
  if (error?.includes("StartToClose timeout")) {
    return (
      "A worker took the command and did not answer in time: " +
      `look at the ${participant} worker and its database.`
    );
  }
  return `Look at the ${participant} worker and its database.`;
}
