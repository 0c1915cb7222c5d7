/**
 * One saga of any type: how it stands and why, its steps and what takes them back, what a person
 * can tell it, and its timeline. It is read only, and knows no word of what the saga is about.
 */
import { listBefore } from "./address.js";
import { get, sagaPath } from "./api.js";
import { bdi, el, jsonToUnfold, printable, show } from "./dom.js";
import { frame, keepLoading } from "./frame.js";
import { showSteps } from "./steps.js";
import { entryItem } from "./timeline.js";
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
    show(parts.timeline, view.timeline.map(entryItem));
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
function story({ state, failure }) {
  if (!failure) {
    return el("div.story-box", {}, el("p.sentence", {}, `${MEANINGS[state] ?? state}.`));
  }
  const at = failure.step ? [" at ", el("b", {}, failure.step)] : [];
  return el(
    "div.story-box.failure",
    {},
    el("p.sentence", {}, failure.message),
    el("p.reason", {}, "Reason: ", el("b", {}, failure.reason), ...at, "."),
    jsonToUnfold("details", failure.details),
  );
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
