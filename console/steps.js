/**
 * The steps of a saga, drawn from left to right, and beneath each its compensation.
 */
import { get } from "./api.js";
import { placesOf } from "./course.js";
import { el, show } from "./dom.js";
import { attemptsText } from "./words.js";

/** By state of a step or a compensation: its tone, its sign and its word. */
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

const PIVOT = "pivot: no rollback from here on";

let table = [];

/**
 * Return the saga's table of steps, in order. It is the same for every order, and loaded again only
 * when an order has other steps: a newer release answers.
 *
 * @throws {Problem}
 */
export async function tableOf(view) {
  const names = view.steps.map(({ step }) => step).join();
  if (table.map(({ name }) => name).join() !== names) table = (await get("/steps")).steps;
  return table;
}

/** Show an order's steps in `list`, by the saga's table of steps. */
export function showSteps(list, view, steps) {
  show(list, placesOf(view, steps), place);
}

function place(step) {
  return el(
    step.isPivot ? "li.after-pivot" : "li",
    { "data-step": step.name },
    step.isPivot && el("p.pivot", {}, PIVOT),
    card(step, "step"),
    step.compensation ? card(step.compensation, "compensation") : el("div.gap"),
  );
}

function card(part, kind) {
  const isCompensation = kind === "compensation";
  const [tone, sign, word] = LOOKS[part.state] ?? ["quiet", "", part.state];
  const message = part.paused ?? part.message;
  const isCounted = part.attempts > 1 || (isCompensation && part.attempts);
  return el(
    `div.card.${kind}.${tone}`,
    { "data-state": part.state },
    el(
      "p.label",
      {},
      el("span.sign", { "aria-hidden": "true" }, sign),
      isCompensation ? `↩ ${part.label}` : part.label,
    ),
    el("p.state", {}, el("b", {}, word), isCounted ? ` · ${attemptsText(part.attempts)}` : ""),
    el("p.code", {}, [part.isCommand && part.name, part.participant].filter(Boolean).join(" · ")),
    message && el("p.message", {}, message),
    part.settled && settlement(part.settled),
  );
}

/** Return who settled a step, why, and what shows that it was put right. */
function settlement({ by, reason, evidence }) {
  const rows = Object.entries({ by, reason, evidence });
  return el(
    "dl.settlement",
    {},
    ...rows.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]),
  );
}
