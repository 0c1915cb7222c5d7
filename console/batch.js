/**
 * One batch operation: how far it has come, and what came of it at each order.
 */
import { batchPath, get, post } from "./api.js";
import { addressOf, parametersOf, toOrder } from "./address.js";
import { batchesPage } from "./batches.js";
import { batchChip, inWords, outcomeWords } from "./batchwords.js";
import { bdi, el, show } from "./dom.js";
import { showFigures } from "./figures.js";
import { filterText } from "./filters.js";
import { actForm } from "./form.js";
import { frame, keepLoading, newPages } from "./frame.js";
import { newTable } from "./table.js";
import { time } from "./times.js";
import { chip, number } from "./words.js";

const REFRESH_MS = 1_000;
const PAGE_SIZE = "50";

/** @type {import("./table.js").Column<Api.BatchResult>[]} */
const COLUMNS = [
  ["Order", "th", ({ order_id: id }) => el("a", { href: toOrder(id) }, el("code", {}, id))],
  ["Outcome", "td", ({ outcome }) => chip(inWords(outcome), outcomeWords(outcome))],
  ["When", "td", ({ at }) => time(at)],
  ["Why", "td", why],
];

/**
 * Show a batch operation in `page`, or without an id the latest ones, until `signal`.
 *
 * @param {HTMLElement} page
 * @param {string} id
 * @param {AbortSignal} signal
 */
export function batchPage(page, id, signal) {
  if (id === "") return batchesPage(page, signal);
  document.title = `Batch operation · Order saga`;
  const parameters = parametersOf(["outcome", "cursor"]);
  const { outcome = "" } = parameters;
  const query = new URLSearchParams({ limit: PAGE_SIZE, ...parameters });
  const parts = layOut(page, id);
  const stop = actForm(
    {
      title: "Stop",
      path: "stop",
      fields: ["by", "reason"],
      effect: "the orders whose turn is still to come are left as they are. What was done stays",
      is_final: true,
    },
    async (body, onSuccess) => {
      draw(await post(`${batchPath(id)}/stop`, body));
      onSuccess();
    },
  );
  parts.acts.append(stop.node);

  /** @param {Api.BatchView} batch */
  function draw(batch) {
    parts.arrive(inWords(batch.state), "batch operation · Order saga", "It");
    show(parts.chips, [batchChip(batch.state)]);
    show(parts.story, [story(batch)]);
    const waiting = batch.counts.WAITING ?? 0;
    parts.progress.max = batch.total;
    parts.progress.value = batch.total - waiting;
    const done = number(batch.total - waiting);
    parts.progressText.textContent = `${done} of ${number(batch.total)}`;
    showFigures(
      parts.counts,
      Object.entries(batch.counts).map(([name, count]) => {
        const [tone, title] = outcomeWords(name);
        const isCurrent = name === outcome;
        const href = addressOf({ batch: id, outcome: isCurrent ? "" : name });
        return { name: inWords(name), count, tone, href, title, isCurrent };
      }),
    );
    parts.acts.hidden = batch.state !== "RUNNING";
  }

  const load = async () => {
    /** @type {Api.BatchView} */
    const batch = await get(batchPath(id));
    /** @type {Api.BatchResults} */
    const page = await get(`${batchPath(id)}/results?${query}`);
    if (signal.aborted) return null;
    draw(batch);
    parts.results.showPage(page.results, page.next);
    return batch.ended_at ? null : REFRESH_MS;
  };
  keepLoading(load, parts.placeholder, signal, "There is no such batch operation.");
}

/**
 * Add the page's parts to `page`, and return them.
 *
 * @param {HTMLElement} page
 * @param {string} id
 */
function layOut(page, id) {
  const parts = {
    ...frame(page, [addressOf({ batch: "" }), "← Batch operations"], "Batch operation", id),
    story: el("section.story", { "aria-label": "What it does" }),
    progress: el("progress", { id: "progress", max: 1, value: 0 }),
    progressText: el("span", { id: "progress-text" }),
    counts: el("ul.figures", { "aria-label": "Orders by what came of it" }),
    acts: el("section.acts", { "aria-label": "Actions", hidden: true }),
    results: newPages(newTable("table.results", COLUMNS), "cursor", ["← First", "Next →"]),
  };
  const label = el("label", { for: "progress" }, "Orders that have a result: ", parts.progressText);
  parts.body.append(
    parts.story,
    el("section", {}, label, parts.progress, parts.counts),
    parts.acts,
    el("section", {}, el("h2", {}, "Results"), ...parts.results.nodes),
  );
  return parts;
}

/** @param {Api.BatchView} batch */
function story(batch) {
  const { act, step, by, reason, filter, evidence, stop } = batch;
  const what = step ? `${act} ${step}` : act;
  return el(
    "div",
    {},
    el("p.sentence", {}, `${what}: `, bdi(reason)),
    el("p.quiet", {}, "by ", bdi(by), ", ", time(batch.started_at)),
    evidence && el("p.quiet", {}, "evidence: ", bdi(evidence)),
    el("p.quiet", {}, "the orders with ", ...filterText(filter), ", as found at the start"),
    stop && el("p", {}, "Stopped by ", bdi(stop.by), ": ", bdi(stop.reason)),
  );
}

/** @param {Api.BatchResult} result */
function why({ outcome, message, tries }) {
  if (message) return bdi(message);
  return outcome === "WAITING" && tries > 1 ? `tried ${tries} times` : "";
}
