/**
 * The steps of a saga, drawn from left to right, and beneath each its compensation.
 */
import { el, show } from "./dom.js";
import { attemptsText } from "./words.js";

/**
 * @typedef {Api.CommandProgress & {opens_record?: boolean}} Command of a step, or its compensation
 * @typedef {Partial<Api.StepProgress> & {isPivot?: boolean}} Place a step, or the review
 */

/**
 * By state of a step or a compensation: its tone, its sign and its word.
 *
 * @type {Record<string, [string, string, string]>}
 */
const LOOKS = {
  AHEAD: ["quiet", "○", "not yet"],
  SKIPPED: ["quiet", "–", "not reached"],
  RUNNING: ["active", "◔", "in progress"],
  WAITING: ["waiting", "○", "waiting"],
  PAUSED: ["waiting", "‖", "paused"],
  DONE: ["good", "✓", "done"],
  REFUSED: ["failure", "✕", "refused"],
  UNKNOWN: ["waiting", "?", "outcome unknown"],
  STUCK: ["bad", "⚠", "stuck"],
  SETTLED: ["settled", "✓", "settled by hand"],
};

/** The review as a place among the steps. */
const REVIEW = { step: "Review", label: "Review", participant: "a person" };

const PIVOT = "pivot: no rollback from here on";

/**
 * Return the command of each step of an order, and of each compensation that there is. One that
 * closes the order's record stays `STUCK` after it was settled, until the record has that word.
 *
 * @param {Api.StepProgress[]} steps
 * @returns {Command[]}
 */
export function commandsOf(steps) {
  return steps.flatMap((step) => (step.compensation ? [step, step.compensation] : [step]));
}

/**
 * Show an order's steps in `list`, and a review among them if there was one.
 *
 * @param {Element} list
 * @param {{steps: Api.StepProgress[], review: Api.ReviewProgress|null}} view
 */
export function showSteps(list, { steps, review }) {
  const pivot = steps.find((step) => step.after_pivot);
  const places = steps.flatMap((step) => {
    /** @type {Place} */
    const one = { ...step, isPivot: step === pivot };
    return step.opens_record && review ? [one, { ...REVIEW, ...review }] : [one];
  });
  show(list, places.map(place));
}

/** @param {Place} step */
function place(step) {
  return el(
    step.isPivot ? "li.after-pivot" : "li",
    { "data-step": step.step },
    step.isPivot && el("p.pivot", {}, PIVOT),
    card(step, "step"),
    step.compensation ? card(step.compensation, "compensation") : el("div.gap"),
  );
}

/**
 * @param {Partial<Api.CommandProgress>} part
 * @param {"step"|"compensation"} kind
 */
function card(part, kind) {
  const isCompensation = kind === "compensation";
  const [tone, sign, word] = LOOKS[part.state ?? ""] ?? ["quiet", "", part.state];
  const message = part.paused ?? part.message;
  const attempts = part.attempts ?? 0;
  const isCounted = attempts > 1 || (isCompensation && attempts);
  return el(
    `div.card.${kind}.${tone}`,
    { "data-state": part.state },
    el(
      "p.label",
      {},
      el("span.sign", { "aria-hidden": "true" }, sign),
      isCompensation ? `↩ ${part.label}` : part.label,
    ),
    el("p.state", {}, el("b", {}, word), isCounted ? ` · ${attemptsText(attempts)}` : ""),
    el("p.code", {}, [part.name, part.participant].filter(Boolean).join(" · ")),
    message && el("p.message", {}, message),
    part.settled && settlement(part.settled),
  );
}

/**
 * Return who settled a step, why, and what shows that it was put right.
 *
 * @param {Api.Settlement} settlement
 */
function settlement({ by, reason, evidence }) {
  const rows = Object.entries({ by, reason, evidence });
  return el(
    "dl.settlement",
    {},
    ...rows.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]),
  );
}
