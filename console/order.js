/**
 * One order: how it stands and why, what a person can do, its steps, and its timeline as it is
 * written.
 */
import { Acts } from "./acts.js";
import { goInstead, listBefore, toOrder, withoutPrefix } from "./address.js";
import { get, orderPath } from "./api.js";
import { el, printable, show } from "./dom.js";
import { facts } from "./facts.js";
import { frame, keepLoading } from "./frame.js";
import { showSteps } from "./steps.js";
import { showStory } from "./story.js";
import { follow } from "./stream.js";
import { Timeline } from "./timeline.js";
import { attentionChip, stateChip, statusChip } from "./words.js";

/** The stream has no entry for another attempt of the same command, so the order is loaded too. */
const REFRESH_MS = 5_000;

/**
 * Show an order in `page`, until `signal`.
 *
 * @param {HTMLElement} page
 * @param {string} id
 * @param {AbortSignal} signal
 */
export function orderPage(page, id, signal) {
  document.title = `${printable(id)} · Order saga`;
  const parts = layOut(page, id);
  const timeline = new Timeline(parts.timeline);
  const acts = new Acts(parts.acts, id, (view) => draw(view, timeline.mark));
  let isFollowing = false;

  /**
   * @param {Api.OrderView} view
   * @param {number} mark
   */
  function draw(view, mark) {
    parts.arrive(printable(view.state), `${id} · Order saga`, "The order");
    showStory(parts.story, view);
    showSteps(parts.steps, view);
    show(parts.chips, [chips(view)]);
    show(parts.facts, [facts(view)]);
    parts.json.textContent = printable(JSON.stringify({ ...view, timeline: undefined }, null, 2));
    timeline.replace(view.timeline, mark);
    acts.offer(view);
    if (!isOver(view)) listen();
    else if (!isFollowing)
      parts.live.textContent = view.closed_at ? "complete" : "saga ended early";
  }

  function listen() {
    if (isFollowing) return;
    isFollowing = true;
    const onConnection = (/** @type {boolean} */ isOpen) => {
      parts.live.textContent = isOpen ? "live" : "reconnecting …";
      parts.live.classList.toggle("on", isOpen);
      if (isOpen) reloadSoon();
    };
    const onEntry = (/** @type {Api.TimelineEntry} */ entry) => {
      if (timeline.add(entry)) reloadSoon();
    };
    const onEnd = (/** @type {boolean} */ hasClosed) => {
      isFollowing = false;
      parts.live.textContent = "";
      if (hasClosed) reloadSoon();
    };
    follow(id, { onEntry, onConnection, onEnd }, signal);
  }

  const load = async () => {
    const mark = timeline.mark;
    const view = await get(orderPath(id)).catch(openByWorkflow);
    if (!signal.aborted) draw(view, mark);
    return view.closed_at && !canBePlacedAgain(view) ? null : REFRESH_MS;
  };
  /** @param {import("./api.js").Problem} problem */
  function openByWorkflow(problem) {
    // The address may have the workflow's id in place of the order's.
    const orderId = problem.status === 404 && parts.body.hidden ? withoutPrefix(id) : null;
    if (orderId && !signal.aborted) goInstead(toOrder(orderId));
    throw problem;
  }
  const absence = "There is no such order, or you may not see it.";
  const reloadSoon = keepLoading(load, parts.placeholder, signal, absence);
}

/**
 * Add the page's parts to `page`, and return them.
 *
 * @param {HTMLElement} page
 * @param {string} id
 */
function layOut(page, id) {
  const parts = {
    ...frame(page, [listBefore(), "← Orders"], "Order", id),
    story: el("section.story", { "aria-label": "How it stands" }),
    acts: el("section.act-section", { "aria-label": "Actions", hidden: true }),
    steps: el("ol.course"),
    timeline: el("ol.timeline"),
    live: el("span.live"),
    facts: el("div"),
    json: el("pre", { tabindex: 0 }),
  };
  const jsonTitle = el("summary", {}, "The order as JSON, without its timeline");
  const json = el("details.json", {}, jsonTitle, parts.json);
  const aside = el("aside.facts", { "aria-label": "The order" }, parts.facts, json);
  const history = el("section", {}, el("h2", {}, "Timeline ", parts.live), parts.timeline);
  parts.body.append(
    ...[parts.story, parts.acts],
    el("section", {}, el("h2", {}, "Steps of the saga"), parts.steps),
    el("div.columns", {}, history, aside),
  );
  return parts;
}

/**
 * Tell whether an order changes no more by itself: it is closed, or its saga ended early.
 *
 * @param {Api.OrderView} view
 */
function isOver(view) {
  return Boolean(view.closed_at || view.attention?.cause === "LEFT_OPEN");
}

/**
 * Tell whether a closed order may still be linked to another: somebody may place it again, or just
 * did, and the new order is not on record yet.
 *
 * @param {Api.OrderView} view
 */
function canBePlacedAgain({ acts }) {
  return acts.some(({ act, refusal }) => act === "place-again" && refusal === null);
}

/** @param {Api.OrderView} view */
function chips({ state, status, needs_attention, attention }) {
  return el(
    "span",
    {},
    el("span", {}, "state ", stateChip(state)),
    el("span", {}, "status ", statusChip(status)),
    needs_attention && attentionChip(attention),
  );
}
