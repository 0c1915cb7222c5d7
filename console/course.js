/**
 * The course of a saga: its steps, how far each has come, and what takes it back. Pure: made out of
 * an order and the saga's table of steps, as the API shows them.
 */

/**
 * The command that must be obeyed before a rollback: its answer tells whether an earlier run,
 * before a reset, went further.
 */
export const FINDS_OUT = "RegisterOrder";
const UNDOING = ["ROLLING_BACK", "ROLLBACK_STUCK", "FAILED"];

/**
 * Where something stands: `ahead`, `running`, `done`, `refused`, `unknown` (no usable answer),
 * `stuck`, `settled` (put right by hand), `waiting` (for a person, or for its turn), `paused` (by
 * an operator, at Temporal), `skipped`.
 *
 * @typedef {{label: string, participant: string, command: string|null, state: string, tries:
 *   number|null, error: string|null, settled: object|null}} Part
 * @typedef {{name: string, label: string, command: string, event: string}} Activity
 * @typedef {Activity & {participant: string, refusal: string|null, compensation: Activity|null,
 *   after_pivot: boolean}} Step
 * @typedef {Part & {name: string, pivot: boolean, back: Part|null}} Place
 */

/**
 * Return the steps of an order's saga in their order, a review among them where there was one.
 *
 * @param {object} view the order
 * @param {Step[]} steps the saga's, in their order
 * @returns {Place[]}
 */
export function courseOf(view, steps) {
  const pivot = steps.find((step) => step.after_pivot);
  const places = steps.map((step) => ({
    ...forward(step, view, steps),
    pivot: step === pivot,
    back: backward(step, view),
  }));
  const review = reviewOf(view);
  return review ? [places[0], review, ...places.slice(1)] : places;
}

/** Return what is stuck, as the API calls the steps: what must be obeyed, and is not. */
export function stuckSteps(view) {
  if (view.closed_at) return [];
  return view.compensations.filter((duty) => duty.state === "STUCK").map((duty) => duty.step);
}

/**
 * Return what is commanded at a stuck step, like `RefundPayment`, what its last try ended with, and
 * who settled it already: what closes the order's record is stuck even then, as long as the record
 * has not heard of it.
 */
export function troubleAt(name, view) {
  const { command, settled } = view.compensations.find((duty) => duty.step === name);
  const sent = view.timeline.find((entry) => entry.kind === "command" && entry.name === command);
  const participant = sent?.participant ?? "the participant";
  const paused = pauseOf(command, view);
  return {
    command: bare(command),
    participant,
    error: errorOf(command, view),
    settledBy: settled?.by ?? null,
    paused,
  };
}

/**
 * Return what an operator paused at Temporal: each command, and what is told of who did it and why.
 */
export function pausesOf(view) {
  if (view.closed_at) return [];
  const names = new Set(
    view.timeline.filter((entry) => entry.kind === "command").map((entry) => entry.name),
  );
  const told = [...names].map((command) => ({
    command: bare(command),
    told: pauseOf(command, view),
  }));
  return told.filter((pause) => pause.told !== null);
}

/** Return who paused a command and why, as far as it is paused: the last time that it was sent. */
function pauseOf(command, view) {
  const sent = view.timeline.findLast(
    (entry) => entry.kind === "command" && entry.name === command,
  );
  return sent?.detail.paused ? String(sent.detail.message ?? "paused") : null;
}

function forward(step, view, steps) {
  const { name, label, participant } = step;
  const part = {
    name,
    label,
    participant,
    command: name,
    settled: null,
    ...(answered(step, view) ?? recorded(step, view, steps)),
  };
  const duty = view.compensations.find(
    (told) => told.step === name && told.command === step.command,
  );
  if (duty) part.settled = duty.settled;
  if (duty && ["STUCK", "SETTLED"].includes(duty.state)) part.state = duty.state.toLowerCase();
  if (part.state === "ahead" && (UNDOING.includes(view.state) || view.closed_at))
    part.state = "skipped";
  return part;
}

/**
 * Return what the timeline tells of a step's command: how it was answered, the last time it was
 * asked.
 */
function answered(step, view) {
  let state = "ahead";
  let [attempts, error] = [null, null];
  const { command } = step;
  for (const entry of view.timeline) {
    const { paused, message } = entry.detail;
    if (entry.name === command && paused)
      [state, attempts, error] = ["paused", entry.attempt, message ?? null];
    else if (entry.name === command)
      [state, attempts, error] = ["running", entry.attempt, entry.detail.error ?? null];
    else if (state !== "running") continue;
    else if (entry.name === step.event) [state, attempts, error] = ["done", entry.attempt, null];
    else if (entry.name === step.refusal)
      [state, attempts, error] = ["refused", entry.attempt, entry.detail.message];
    else if (isUnanswered(entry, command))
      [state, attempts, error] = ["unknown", entry.attempt, entry.detail.error ?? null];
  }
  return view.timeline.some((entry) => entry.kind === "command")
    ? { state, tries: attempts, error }
    : null;
}

/**
 * Return what the record tells of a step: its timeline is the moves between states alone, each with
 * the event that caused it. A step is done as well when a later one failed, and before the pivot
 * when the order completed.
 */
function recorded(step, view, steps) {
  const moves = new Set(view.timeline.map((entry) => entry.name));
  const causes = new Set(view.timeline.map((entry) => entry.detail.cause));
  const failed = steps.findIndex(({ name }) => name === view.failure?.step);
  const here = steps.indexOf(step);
  const sent = here === 0 || view.compensations.some((duty) => duty.step === step.name);
  let state = "ahead";
  if (here === failed) state = view.failure.event ? "refused" : "unknown";
  else if (step.after_pivot) state = view.status === "CONFIRMED" ? "done" : "ahead";
  else if (here < failed || moves.has("COMPLETED") || causes.has(step.event)) state = "done";
  else if (here === 0 && view.closed_at) state = "done";
  else if (sent && view.closed_at) state = "unknown";
  return { state, tries: null, error: null };
}

/**
 * Return what takes a step back, or null: a step that must be obeyed itself stands among the
 * compensations as well.
 */
function backOf(step, view) {
  return (
    view.compensations.find((duty) => duty.step === step.name && duty.command !== step.command) ??
    null
  );
}

function backward(step, view) {
  const told = backOf(step, view);
  if (!told) return null;
  const paused = told.state === "RUNNING" ? pauseOf(told.command, view) : null;
  return {
    label: step.compensation.label,
    participant: step.participant,
    command: bare(told.command),
    state: paused ? "paused" : told.state.toLowerCase(),
    tries: told.attempts,
    error:
      paused ??
      (told.state === "STUCK" || told.state === "RUNNING" ? errorOf(told.command, view) : null),
    settled: told.settled,
  };
}

function reviewOf(view) {
  if (!view.timeline.some((entry) => entry.name === "AWAITING_REVIEW")) return null;
  const decided = view.timeline.find(
    (entry) => entry.kind === "decision" && ["approve", "reject"].includes(entry.name),
  );
  const waits = view.state === "AWAITING_REVIEW" && !view.closed_at;
  const state = decided
    ? { approve: "done", reject: "refused" }[decided.name]
    : waits
      ? "waiting"
      : passed(view);
  const error = decided
    ? `${decided.name === "approve" ? "approved" : "rejected"} by ${decided.detail.by}`
    : null;
  return {
    ...{
      name: "Review",
      label: "Review",
      participant: "a person",
      command: null,
      state,
      tries: null,
      error,
    },
    ...{ settled: null, pivot: false, back: null },
  };
}

/** Return how a review ended that no decision on the timeline tells of. */
function passed(view) {
  return view.timeline.some((entry) => entry.name === "PAYMENT_COMPLETED") ? "done" : "skipped";
}

/** Return a command as people call it, like `RefundPayment`. */
function bare(command) {
  return command.replace(/Command$/, "");
}

/** Return what the last try of a command ended with, as far as anybody knows. */
function errorOf(command, view) {
  const heard = view.timeline.findLast(
    (entry) => entry.detail.error && (entry.name === command || isUnanswered(entry, command)),
  );
  return heard ? String(heard.detail.error) : null;
}

function isUnanswered(entry, command) {
  return entry.kind === "note" && entry.name.startsWith(`${command} `);
}
