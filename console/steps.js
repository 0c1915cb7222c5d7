/**
 * The course of a saga, drawn: the steps from left to right, and beneath each what takes it back.
 */
import { get } from "./api.js";
import { courseOf } from "./course.js";
import { el, show } from "./dom.js";
import { tries } from "./words.js";

/** By where something stands: its tone, its sign and its word. */
const LOOKS = {
  ahead: ["quiet", "○", "ahead"],
  skipped: ["quiet", "–", "not reached"],
  running: ["going", "◔", "under way"],
  waiting: ["waiting", "○", "waits"],
  paused: ["waiting", "‖", "paused"],
  done: ["good", "✓", "done"],
  refused: ["ended", "✕", "refused"],
  unknown: ["waiting", "?", "no usable answer"],
  stuck: ["bad", "⚠", "stuck"],
  settled: ["settled", "✓", "settled by hand"],
};

let table = null;

/**
 * Return the steps of the saga, in their order. They are the same for every order, and asked for
 * once.
 *
 * @throws {Problem}
 */
export async function sagaSteps() {
  table ??= (await get("/steps")).steps;
  return table;
}

/** Show an order's course in `list`, given the steps of the saga. */
export function showCourse(list, view, steps) {
  show(list, courseOf(view, steps), place);
}

function place(step) {
  return el(
    step.pivot ? "li.after-pivot" : "li",
    { "data-step": step.name },
    step.pivot &&
      el("p.pivot", { title: "before it the saga may roll back, after it only goes on" }, "pivot"),
    card(step, "step"),
    step.back ? card(step.back, "back") : el("div.gap"),
  );
}

function card(part, kind) {
  const [tone, sign, word] = LOOKS[part.state] ?? ["quiet", "", part.state];
  return el(
    `div.card.${kind}.${tone}`,
    { "data-state": part.state },
    el(
      "p.label",
      {},
      el("span.sign", { "aria-hidden": "true" }, sign),
      kind === "back" ? `↩ ${part.label}` : part.label,
    ),
    el(
      "p.fate",
      {},
      el("b", {}, word),
      part.tries > 1 || (kind === "back" && part.tries) ? ` · ${tries(part.tries)}` : "",
    ),
    el("p.code", {}, [part.command, part.participant].filter(Boolean).join(" · ")),
    part.error && el("p.told", {}, part.error),
    part.settled && settlement(part.settled),
  );
}

/** Return who put something right by hand, why, and what shows it. */
function settlement(told) {
  return el(
    "dl.settlement",
    {},
    ...[el("dt", {}, "by"), el("dd", {}, told.by)],
    ...[el("dt", {}, "reason"), el("dd", {}, told.reason)],
    ...[el("dt", {}, "evidence"), el("dd", {}, told.evidence)],
  );
}
