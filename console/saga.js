/**
 * One saga of any type: how it stands and why, its steps and what takes them back, what a person
 * can tell it, and its timeline. It is read only, and knows no word of what the saga is about.
 */
import { listBefore } from "./address.js";
import { get, sagaPath } from "./api.js";
import { bdi, el, jsonToUnfold, printable, show } from "./dom.js";
import { frame, keepLoading } from "./frame.js";
import { showSteps } from "./steps.js";
import { entryItems } from "./timeline.js";
import { attentionChip, chip, toneOf } from "./words.js";

const REFRESH_MS = 2_000;

/**
 * By state: what it means for a saga of any type.
 *
 * @type {Record<string, string>}
 */
const MEANINGS = {
  PENDING: "It goes forward, and can be cancelled",
  COMPLETED: "It is past its pivot: nothing is taken back any more",
  ROLLING_BACK: "What was done is taken back",
  ROLLBACK_STUCK: "What was done is taken back, and some of it waits for a person",
  FAILED: "Everything that was done is taken back",
};

/** The states of a saga that is under way. */
const UNDER_WAY = ["PENDING", "ROLLING_BACK", "ROLLBACK_STUCK"];

/**
 * By status of a workflow that did not complete: how it ended.
 *
 * @type {Record<string, string>}
 */
const ENDS = {
  CANCELED: "was cancelled",
  FAILED: "failed",
  TERMINATED: "was terminated",
  TIMED_OUT: "ran out of time",
};

/**
 * Show a saga in `page`, until `signal`.
 *
 * @param {HTMLElement} page
 * @param {string} id
 * @param {AbortSignal} signal
 */
export function sagaPage(page, id, signal) {
  document.title = `${printable(id)} · Saga`;
  const parts = layOut(page, id);

  /** @param {Api.SagaView} view */
  function draw(view) {
    parts.arrive(printable(view.state), `${printable(id)} · Saga`, "The saga");
    show(parts.chips, [chips(view)]);
    show(parts.story, [story(view)]);
    show(parts.acts, view.closed_at ? [] : view.acts.map(act));
    parts.actSection.hidden = parts.acts.childElementCount === 0;
    showSteps(parts.steps, { steps: view.steps, review: null });
    show(parts.timeline, entryItems(view.timeline));
  }

  const load = async () => {
    const view = await get(sagaPath(id));
    if (!signal.aborted) draw(view);
    return view.closed_at ? null : REFRESH_MS;
  };
  const absence = "There is no such saga, or you may not see it.";
  keepLoading(load, parts.placeholder, signal, absence);
}

/**
 * Add the page's parts to `page`, and return them.
 *
 * @param {HTMLElement} page
 * @param {string} id
 */
function layOut(page, id) {
  const parts = {
    ...frame(page, [listBefore(), "← Orders"], "Saga", id),
    story: el("section.story", { "aria-label": "How it stands" }),
    acts: el("ul"),
    steps: el("ol.course"),
    timeline: el("ol.timeline"),
    actSection: el("section", { hidden: true }, el("h2", {}, "What a person can tell it")),
  };
  parts.actSection.append(parts.acts);
  parts.body.append(
    parts.story,
    el("section", {}, el("h2", {}, "Steps of the saga"), parts.steps),
    parts.actSection,
    el("section", {}, el("h2", {}, "Timeline"), parts.timeline),
  );
  return parts;
}

/** @param {Api.SagaView} view */
function chips({ state, status, needs_attention }) {
  return el(
    "span",
    {},
    el("span", {}, "state ", chip(state, [toneOf(state), null])),
    el("span", {}, "workflow ", chip(status, undefined, "chip.plain")),
    needs_attention && attentionChip(null),
  );
}

/** @param {Api.SagaView} view */
function story(view) {
  const { state, failure } = view;
  const end = earlyEnd(view);
  const sentence = end ?? (failure ? null : (MEANINGS[state] ?? state));
  return el(
    end ? "div.story-box.bad" : failure ? "div.story-box.failure" : "div.story-box",
    {},
    sentence && el("p.sentence", {}, `${sentence}.`),
    ...(failure ? reasonOf(failure) : []),
  );
}

/**
 * Return how a workflow ended whose saga was not through; null of any other. One that fails, or is
 * cancelled by Temporal, may have completed its saga first.
 *
 * @param {Api.SagaView} view
 */
function earlyEnd({ state, status }) {
  const isFromOutside = status === "TERMINATED" || status === "TIMED_OUT";
  const isEarly = UNDER_WAY.includes(state) || (isFromOutside && state !== "FAILED");
  if (!isEarly || !ENDS[status]) return null;
  const what = "what was done and not taken back still stands";
  return `Its workflow ${ENDS[status]} before the saga was through: ${what}`;
}

/** @param {Api.Failure} failure */
function reasonOf({ message, reason, step, details }) {
  const at = step ? [" at ", el("b", {}, step)] : [];
  return [
    el("p.sentence", {}, message),
    el("p.reason", {}, "Reason: ", el("b", {}, reason), ...at, "."),
    jsonToUnfold("details", details),
  ];
}

/**
 * Return how to tell a saga something: the signal, and what is sent with it.
 *
 * @param {Api.SagaActView} act
 */
function act({ signal, step, fields }) {
  const at = step ? [" of ", el("b", {}, bdi(step))] : [];
  return el("li", {}, el("code", {}, signal), ...at, ` with ${fields.join(", ")}`);
}
