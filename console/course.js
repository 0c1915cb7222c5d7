/**
 * The steps of an order's saga as they are drawn: each with its compensation, and the review among
 * them. Without any drawing: made of an order and the saga's table of steps, as the API shows them.
 */

/**
 * A command, or a review: how far it has come, by the API's names. `opensRecord` marks the command
 * that opens the order's record.
 *
 * @typedef {{name: string, label: string, participant: string, isCommand: boolean,
 *   opensRecord: boolean, state: string, attempts: number|null, message: string|null,
 *   paused: string|null, settled: object|null}} Part
 * @typedef {Part & {isPivot: boolean, compensation: Part|null}} Place
 */

/**
 * Return the steps of an order's saga in order, a review among them if there was one. While a
 * release is replaced, a step of the table may have no progress: it is left out.
 *
 * @param {object} view the order
 * @param {object[]} steps the saga's, in order
 * @returns {Place[]}
 */
export function placesOf(view, steps) {
  const pivot = steps.find((step) => step.after_pivot);
  return steps.flatMap((step) => {
    const progress = view.steps.find((one) => one.step === step.name);
    if (!progress) return [];
    const { compensation } = progress;
    const place = {
      ...part(step, step, progress),
      isPivot: step === pivot,
      compensation: compensation && part(step.compensation, step, compensation),
    };
    return step.opens_record && view.review ? [place, reviewPlace(view.review)] : [place];
  });
}

/**
 * Return the command of each step, and of each compensation that there is. One that closes the
 * order's record stays `STUCK` after it was settled, until the record has the settlement.
 *
 * @returns {Part[]}
 */
export function commandsOf(view, steps) {
  const parts = placesOf(view, steps).flatMap((place) => [place, place.compensation]);
  return parts.filter((one) => one?.isCommand);
}

function part(activity, step, { state, attempts, message, paused, settled }) {
  const { label } = activity;
  const opensRecord = activity === step && step.opens_record;
  // Several steps may have one activity, each under a name of its own: so may what takes them back.
  const isOwnName = step.command !== `${step.name}Command`;
  const name = activity !== step && isOwnName ? `${activity.name} of ${step.name}` : activity.name;
  return {
    ...{ name, label, participant: step.participant, isCommand: true, opensRecord },
    ...{ state, attempts, message, paused, settled },
  };
}

function reviewPlace({ state, message }) {
  const place = { name: "Review", label: "Review", participant: "a person", isCommand: false };
  const rest = { opensRecord: false, attempts: null, paused: null, settled: null };
  return { ...place, ...rest, state, message, isPivot: false, compensation: null };
}
