/**
 * How an order stands, in one sentence: why it failed, what it waits for, and what is stuck and
 * what to do about it.
 */
import { FINDS_OUT, pausesOf, stuckSteps, troubleAt } from "./course.js";
import { el, folded, quoted, show } from "./dom.js";
import { age, time } from "./times.js";
import { CAUSES, meaningOf } from "./words.js";

/** Show how an order stands in `section`. */
export function showStory(section, view) {
  const { failure, state } = view;
  const stuck = stuckSteps(view).map((step) => troubleAt(step, view));
  const need = view.needs_attention && view.attention;
  const needed = need
    ? [{ need, passed: need.since && age(need.since), isTold: stuck.length > 0 }]
    : [];
  const pauses = pausesOf(view);
  const refund = view.refund?.message ?? null;
  show(
    section,
    [{ failure, state, stuck, pauses, refund, bad: Boolean(need) }, ...needed],
    (part) => (part.need ? person(part) : story(part)),
  );
}

function story({ failure, state, stuck, pauses, refund, bad }) {
  const tone =
    stuck.length || bad
      ? "bad"
      : failure
        ? "ended"
        : ({ COMPLETED: "good", AWAITING_REVIEW: "waiting" }[state] ?? "going");
  return el(
    `div.sentence-box.${tone}`,
    {},
    failure ? why(failure, state) : el("p.sentence", {}, `${capital(meaningOf(state))}.`),
    refund && el("p.refund", {}, "The money: ", quoted(refund), "."),
    ...stuck.map(trouble),
    ...pauses.map(pause),
  );
}

/**
 * Return why a person is needed and since when; and what can be done, where the story does not tell
 * it already.
 */
function person({ need: { cause, since, message }, passed, isTold }) {
  const [word, meaning] = CAUSES[cause] ?? [cause, null];
  const when = since ? [", since ", time(since), ` (${passed})`] : [];
  return el(
    "div.person",
    {},
    el("p", {}, el("b", { title: meaning }, `It needs a person: it is ${word}`), ...when, "."),
    !isTold && el("p.what-to-do", {}, capital(message)),
  );
}

function why(failure, state) {
  const where = failure.step ? [" at ", el("b", {}, failure.step)] : [];
  const answer = failure.event ? [", which answered ", el("b", {}, failure.event)] : [];
  const ended = state === "FAILED" ? "Failed" : "Fails";
  return el(
    "div",
    {},
    el("p.sentence", {}, failure.message),
    failure.customer_message &&
      el("p.for-customer", {}, "The customer is told: “", quoted(failure.customer_message), "”"),
    el("p.reason", {}, `${ended} for `, el("b", {}, failure.reason), ...where, ...answer),
    folded("details", failure.details),
  );
}

function pause({ command, told }) {
  const then =
    "It is not tried until it is unpaused, in the Temporal Web UI or by temporal activity unpause.";
  return el(
    "div.stuck",
    {},
    el("p", {}, el("b", {}, command, " is paused"), ": ", quoted(told), ". ", then),
  );
}

function trouble({ command, participant, error, settledBy, paused }) {
  const by =
    settledBy !== null
      ? [" was settled by ", quoted(settledBy), ", and is not on record yet"]
      : [" is stuck"];
  const then =
    command === FINDS_OUT
      ? "the order waits as it is until the order service answers whether an earlier run of it went further: then it rolls back, " +
        "or completes if an earlier run had completed it."
      : "the order goes on by itself when it succeeds.";
  return el(
    "div.stuck",
    {},
    el(
      "p",
      {},
      el("b", {}, command, ...by),
      ": it keeps failing",
      ...(error ? [" with “", quoted(error), "”"] : []),
      ".",
    ),
    el(
      "p",
      {},
      paused
        ? capital(then)
        : `${advice(error, participant)} It is still tried, without end, and ${then}`,
    ),
  );
}

/** Return what an error of a try means, and what to look at; docs/OPERATING.md has it at length. */
function advice(error, participant) {
  if (error?.includes("ScheduleToStart timeout"))
    return `No worker took the command: is the worker of ${participant} running?`;
  if (error?.includes("StartToClose timeout")) {
    return `A worker took it and did not come back in time: look at the worker of ${participant} and its database.`;
  }
  return `Look at the worker of ${participant} and its database.`;
}

function capital(text) {
  return text && text[0].toUpperCase() + text.slice(1);
}
