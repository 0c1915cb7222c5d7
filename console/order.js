/**
 * One order: where it stands and why, what can be done, the course of its saga, and its timeline as
 * it is written.
 */
import { Acts } from "./acts.js";
import { goInstead, listBefore, toList, toOrder, withoutPrefix } from "./address.js";
import { get, orderPath } from "./api.js";
import { el, linkOut, show, shown } from "./dom.js";
import { money } from "./money.js";
import { fresh, say, wrong } from "./notice.js";
import { sagaSteps, showCourse } from "./steps.js";
import { showStory } from "./story.js";
import { follow } from "./stream.js";
import { Timeline } from "./timeline.js";
import { lasting, time } from "./times.js";
import { onToken } from "./token.js";
import { watch } from "./watch.js";
import { attention, stateChip, statusChip } from "./words.js";

/** Tries under way are told by no entry of the timeline. */
const REFRESH_MS = 5_000;

/** Show an order in `page`, until `signal`. */
export function orderPage(page, id, signal) {
  document.title = `${shown(id)} · Order saga`;
  const parts = lay(page, id);
  const timeline = new Timeline(parts.timeline);
  const acts = new Acts(parts.acts, id, (view) => draw(view, timeline.mark));
  let state = null;
  let steps = [];
  let following = false;

  function draw(view, mark) {
    parts.body.hidden = false;
    parts.loading.remove();
    document.title = `${shown(view.state)} · ${id} · Order saga`;
    if (state && state !== view.state) say(`The order is ${shown(view.state)}`);
    state = view.state;
    showStory(parts.story, view);
    showCourse(parts.course, view, steps);
    show(
      parts.chips,
      [[view.state, view.status, view.needs_attention && (view.attention ?? {})]],
      chips,
    );
    show(parts.facts, [{ ...view, timeline: null, compensations: null }], facts);
    parts.json.textContent = shown(JSON.stringify({ ...view, timeline: undefined }, null, 2));
    timeline.tell(view.timeline, mark);
    acts.offer(view);
    if (!isOver(view)) listen();
    else if (!following)
      parts.live.textContent = view.closed_at ? "complete" : "ended from outside";
  }

  async function listen() {
    if (following) return;
    following = true;
    const live = (yes) => {
      parts.live.textContent = yes ? "live" : "reconnecting …";
      parts.live.classList.toggle("on", yes);
      if (yes) soon();
    };
    const heard = (entry) => timeline.hear(entry) && soon();
    try {
      if (await follow(id, { heard, live }, signal)) soon();
    } finally {
      following = false;
      parts.live.textContent = ""; // closed, or refused for good
    }
  }

  const load = async () => {
    const mark = timeline.mark;
    const [view, all] = await Promise.all([get(orderPath(id)), sagaSteps()]);
    steps = all;
    if (!signal.aborted) draw(view, mark);
    return view.closed_at ? null : REFRESH_MS;
  };
  const missed = (problem) => {
    const meant = problem.status === 404 && !state ? withoutPrefix(id) : null;
    if (meant) return goInstead(toOrder(meant)); // the workflow's id was given in place of the order's
    missing(parts, problem);
    wrong(problem);
  };
  const soon = watch(load, { fresh, wrong: missed }, signal);
  onToken(soon, signal);
}

/** Lay the page out, and return its parts. */
function lay(page, id) {
  const parts = {
    chips: el("p.chips"),
    loading: el("p.nothing", {}, "Loading …"),
    story: el("section.story", { "aria-label": "How it stands" }),
    acts: el("section.act-section", { "aria-label": "Act", hidden: true }),
    course: el("ol.course"),
    timeline: el("ol.timeline"),
    live: el("span.live"),
    facts: el("div"),
    json: el("pre", { tabindex: 0 }),
  };
  const json = el(
    "details.json",
    {},
    el("summary", {}, "The order as JSON, without its timeline"),
    parts.json,
  );
  const aside = el("aside.facts", { "aria-label": "The order" }, parts.facts, json);
  const told = el(
    "section.told-section",
    {},
    el("h2", {}, "Timeline ", parts.live),
    parts.timeline,
  );
  parts.body = el(
    "div.body",
    { hidden: true },
    ...[parts.story, parts.acts],
    el("section", {}, el("h2", {}, "Course of the saga"), parts.course),
    el("div.columns", {}, told, aside),
  );
  page.append(
    el("p.trail", {}, el("a", { href: listBefore() }, "← Orders")),
    el("div.head", {}, el("h1", {}, "Order ", el("code", {}, id)), parts.chips),
    parts.loading,
    parts.body,
  );
  return parts;
}

/** Say that there is nothing to wait for where nothing was shown yet. */
function missing(parts, problem) {
  parts.loading.textContent =
    problem.status === 404 ? "There is no such order, or it is not yours." : "Not loaded.";
}

/**
 * Tell whether nothing more is told of an order by itself: it is closed, or its saga was ended from
 * outside.
 */
function isOver(view) {
  return Boolean(view.closed_at || view.attention?.cause === "LEFT_OPEN");
}

function chips([state, status, need]) {
  return el(
    "span",
    {},
    "state ",
    stateChip(state),
    " status ",
    statusChip(status),
    " ",
    need && attention(need),
  );
}

function facts(view) {
  const rows = [
    [
      "Customer",
      view.customer_id
        ? el("a", { href: toList({ customer_id: view.customer_id }) }, view.customer_id)
        : "–",
    ],
    ["Total", money(view.total_minor, view.currency)],
    ["Placed", time(view.placed_at)],
    [
      "Closed",
      view.closed_at
        ? el("span", {}, time(view.closed_at), ` after ${lasting(view.placed_at, view.closed_at)}`)
        : "–",
    ],
    ...(view.links.temporal ? [["Temporal", linkOut(view.links.temporal, "Web UI ↗")]] : []), // none for a customer's token
  ];
  return el(
    "div",
    {},
    el("h2", {}, "Order"),
    el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    el("h2", {}, "Lines"),
    view.lines ? lines(view) : el("p.nothing", {}, "Not known: what was asked for is no order."),
  );
}

function lines(view) {
  const head = ["SKU", "Quantity", "Unit price", "Price"].map((name) =>
    el("th", { scope: "col" }, name),
  );
  const rows = view.lines.map((line) =>
    el(
      "tr",
      {},
      el("td", {}, line.sku),
      el("td.number", {}, String(line.quantity)),
      el("td.number", {}, money(line.unit_price_minor, view.currency)),
      el("td.number", {}, money(line.quantity * line.unit_price_minor, view.currency)),
    ),
  );
  return el("table.lines", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
}
