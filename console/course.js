/**
 * The steps of an order's saga as they are drawn: each with its compensation, and the review among
 * them. Without any drawing: made of an order and the saga's table of steps, as the API shows them.
 */

/**
 * A step or a compensation: its state by the API's names, and what its last attempt ended with.
 *
 * @typedef {{name: string, label: string, participant: string, command: string|null, state: string,
 *   attempts: number|null, message: string|null, settled: object|null}} Part
 * @typedef {Part & {isPivot: boolean, compensation: Part|null}} Place
 */

/**
 * A command that is stuck, or paused at Temporal. A command that closes the order's record stays
 * stuck after it was settled, until the record has the settlement.
 *
 * @typedef {{command: string, participant: string, opensRecord: boolean, error: string|null,
 *   settledBy: string|null, pause: string|null}} Trouble
 */

/**
 * Return the steps of an order's saga in order, a review among them if there was one.
 *
 * @param {object} view the order
 * @param {object[]} steps the saga's, in order
 * @returns {Place[]}
 */
export function placesOf(view, steps) {
  const pivot = steps.find((step) => step.after_pivot);
  const review = reviewOf(view);
  return rowsOf(view, steps).flatMap(([step, progress]) => {
    const compensation = progress.compensation;
    const place = {
      ...part(step, step.participant, progress),
      isPivot: step === pivot,
      compensation: compensation && part(step.compensation, step.participant, compensation),
    };
    return step.opens_record && review ? [place, review] : [place];
  });
}

/**
 * Return the commands that are stuck.
 *
 * @returns {Trouble[]}
 */
export function stuckCommands(view, steps) {
  return commandsOf(view, steps).filter(({ state }) => state === "STUCK");
}

/**
 * Return the commands that an operator paused at Temporal.
 *
 * @returns {Trouble[]}
 */
export function pausedCommands(view, steps) {
  return commandsOf(view, steps).filter(({ pause }) => pause !== null);
}

/**
 * Return the command that is stuck at a step, its own or its compensation's; undefined for a step
 * that the table does not have.
 *
 * @returns {Trouble|undefined}
 */
export function stuckAt(name, view, steps) {
  const step = steps.filter((one) => one.name === name);
  return stuckCommands(view, step)[0];
}

/** Return each step with its progress; while a release is replaced, one may have no partner. */
function rowsOf(view, steps) {
  const progressOf = (step) => view.steps.find((progress) => progress.step === step.name);
  return steps.map((step) => [step, progressOf(step)]).filter(([, progress]) => progress);
}

function part({ name, label }, participant, { state, attempts, message, paused, settled }) {
  return {
    ...{ name, label, participant, command: name },
    ...{ state, attempts, message: paused ?? message, settled },
  };
}

/** Return the command of each step, and of each compensation that there is. */
function commandsOf(view, steps) {
  return rowsOf(view, steps).flatMap(([step, progress]) => {
    const { participant } = step;
    const own = { ...command(step, progress), participant, opensRecord: step.opens_record };
    if (!progress.compensation) return [own];
    const compensation = command(step.compensation, progress.compensation);
    return [own, { ...compensation, participant, opensRecord: false }];
  });
}

function command({ name }, { state, message, paused, settled }) {
  const settledBy = settled?.by ?? null;
  return { command: name, state, error: message, settledBy, pause: paused };
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
