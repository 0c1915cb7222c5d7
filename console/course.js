/**
 * How far each step of an order's saga and each compensation has come. Without any drawing: made of
 * an order and the saga's table of steps, as the API shows them.
 */

/** The command that is sent again before a rollback: an earlier run may have gone further. */
export const OPENS_RECORD = "RegisterOrder";
const ROLLBACK_STATES = ["ROLLING_BACK", "ROLLBACK_STUCK", "FAILED"];

/**
 * A step or a compensation: its state (`AHEAD`, `WAITING`, `RUNNING`, `PAUSED`, `DONE`, `REFUSED`,
 * `UNKNOWN`, `STUCK`, `SETTLED`, `SKIPPED`), and what its last attempt ended with.
 *
 * @typedef {{label: string, participant: string, command: string|null, state: string,
 *   attempts: number|null, message: string|null, settled: object|null}} Part
 * @typedef {{name: string, label: string, command: string, event: string}} Activity
 * @typedef {Activity & {participant: string, refusal: string|null, compensation: Activity|null,
 *   after_pivot: boolean}} Step
 * @typedef {Part & {name: string, isPivot: boolean, compensation: Part|null}} Place
 */

/**
 * Return the steps of an order's saga in order, a review among them if there was one.
 *
 * @param {object} view the order
 * @param {Step[]} steps the saga's, in order
 * @returns {Place[]}
 */
export function placesOf(view, steps) {
  const pivot = steps.find((step) => step.after_pivot);
  const places = steps.map((step) => ({
    ...forward(step, view, steps),
    isPivot: step === pivot,
    compensation: compensationOf(step, view),
  }));
  const review = reviewOf(view);
  return review ? [places[0], review, ...places.slice(1)] : places;
}

/** Return the names of the steps that are stuck, or whose compensation is. */
export function stuckSteps(view) {
  if (view.closed_at) return [];
  return view.compensations.filter((call) => call.state === "STUCK").map((call) => call.step);
}

/**
 * Return the command that is stuck at a step, what its last attempt ended with, and who settled it:
 * a command that closes the order's record stays stuck until the record has the settlement.
 */
export function troubleAt(name, view) {
  const { command, settled } = view.compensations.find((call) => call.step === name);
  const entry = view.timeline.find((other) => other.kind === "command" && other.name === command);
  return {
    command: withoutSuffix(command),
    participant: entry?.participant ?? "the participant",
    error: errorOf(command, view),
    settledBy: settled?.by ?? null,
    pause: pauseOf(command, view),
  };
}

/** Return each command that an operator paused at Temporal, with who did it and why. */
export function pausesOf(view) {
  if (view.closed_at) return [];
  const commands = view.timeline.filter((entry) => entry.kind === "command");
  const names = [...new Set(commands.map((entry) => entry.name))];
  return names
    .map((name) => ({ command: withoutSuffix(name), pause: pauseOf(name, view) }))
    .filter(({ pause }) => pause !== null);
}

/** Return who paused a command and why, as far as its last attempt is paused. */
function pauseOf(command, view) {
  const entry = view.timeline.findLast((one) => one.kind === "command" && one.name === command);
  return entry?.detail.paused ? String(entry.detail.message ?? "paused") : null;
}

function forward(step, view, steps) {
  const { name, label, participant } = step;
  const outcome = fromTimeline(step, view) ?? fromMoves(step, view, steps);
  const part = { name, label, participant, command: name, settled: null, ...outcome };
  const call = view.compensations.find(
    (other) => other.step === name && other.command === step.command,
  );
  if (call) part.settled = call.settled;
  if (call && ["STUCK", "SETTLED"].includes(call.state)) part.state = call.state;
  const isOver = ROLLBACK_STATES.includes(view.state) || view.closed_at;
  if (part.state === "AHEAD" && isOver) part.state = "SKIPPED";
  return part;
}

/** Return how a step's command ended by the timeline, the last time that it was sent. */
function fromTimeline(step, view) {
  let outcome = { state: "AHEAD", attempts: null, message: null };
  const { command } = step;
  for (const entry of view.timeline) {
    const { paused, message = null, error = null } = entry.detail;
    const attempts = entry.attempt;
    if (entry.name === command && paused) outcome = { state: "PAUSED", attempts, message };
    else if (entry.name === command) outcome = { state: "RUNNING", attempts, message: error };
    else if (outcome.state !== "RUNNING") continue;
    else if (entry.name === step.event) outcome = { state: "DONE", attempts, message: null };
    else if (entry.name === step.refusal) outcome = { state: "REFUSED", attempts, message };
    else if (hasNoAnswer(entry, command)) outcome = { state: "UNKNOWN", attempts, message: error };
  }
  return view.timeline.some((entry) => entry.kind === "command") ? outcome : null;
}

/**
 * Return how a step ended by the record, whose timeline is the moves between states. A step is done
 * as well when a later one failed, and before the pivot when the order completed.
 */
function fromMoves(step, view, steps) {
  const moves = new Set(view.timeline.map((entry) => entry.name));
  const causes = new Set(view.timeline.map((entry) => entry.detail.cause));
  const failure = steps.findIndex(({ name }) => name === view.failure?.step);
  const here = steps.indexOf(step);
  const isOnRecord = here === 0 || view.compensations.some((call) => call.step === step.name);
  let state = "AHEAD";
  if (here === failure) state = view.failure.event ? "REFUSED" : "UNKNOWN";
  else if (step.after_pivot) state = view.status === "CONFIRMED" ? "DONE" : "AHEAD";
  else if (here < failure || moves.has("COMPLETED") || causes.has(step.event)) state = "DONE";
  else if (here === 0 && view.closed_at) state = "DONE";
  else if (isOnRecord && view.closed_at) state = "UNKNOWN";
  return { state, attempts: null, message: null };
}

function compensationOf(step, view) {
  const call = view.compensations.find(
    (other) => other.step === step.name && other.command !== step.command,
  );
  if (!call) return null;
  const isOpen = ["STUCK", "RUNNING"].includes(call.state);
  const pause = call.state === "RUNNING" ? pauseOf(call.command, view) : null;
  return {
    label: step.compensation.label,
    participant: step.participant,
    command: withoutSuffix(call.command),
    state: pause ? "PAUSED" : call.state,
    attempts: call.attempts,
    message: pause ?? (isOpen ? errorOf(call.command, view) : null),
    settled: call.settled,
  };
}

/** Return the review as a place among the steps, or null where there was none. */
function reviewOf(view) {
  if (!view.timeline.some((entry) => entry.name === "AWAITING_REVIEW")) return null;
  const place = { name: "Review", label: "Review", participant: "a person", command: null };
  const rest = { attempts: null, settled: null, isPivot: false, compensation: null };
  return { ...place, ...verdictOf(view), ...rest };
}

function verdictOf(view) {
  const decision = view.timeline.find(
    (entry) => entry.kind === "decision" && ["approve", "reject"].includes(entry.name),
  );
  if (decision?.name === "approve") {
    return { state: "DONE", message: `approved by ${decision.detail.by}` };
  }
  if (decision) return { state: "REFUSED", message: `rejected by ${decision.detail.by}` };
  const isOpen = view.state === "AWAITING_REVIEW" && !view.closed_at;
  if (isOpen) return { state: "WAITING", message: null };
  const isPaid = view.timeline.some((entry) => entry.name === "PAYMENT_COMPLETED");
  return { state: isPaid ? "DONE" : "SKIPPED", message: null };
}

/** Return a command's name without `Command`, like `RefundPayment`. */
function withoutSuffix(command) {
  return command.replace(/Command$/, "");
}

/** Return what the last attempt of a command ended with, if that is known. */
function errorOf(command, view) {
  const isOfCommand = (entry) => entry.name === command || hasNoAnswer(entry, command);
  const entry = view.timeline.findLast((other) => other.detail.error && isOfCommand(other));
  return entry ? String(entry.detail.error) : null;
}

function hasNoAnswer(entry, command) {
  return entry.kind === "note" && entry.name.startsWith(`${command} `);
}
