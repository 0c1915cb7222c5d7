/**
 * The batch operations, the newest first: `/?batch=`, and `/?batch=&before=ID` for older ones.
 */
import { addressOf, parametersOf } from "./address.js";
import { get } from "./api.js";
import { batchChip } from "./batchwords.js";
import { bdi, el, show } from "./dom.js";
import { keepLoading, newPages } from "./frame.js";
import { time } from "./times.js";
import { number } from "./words.js";

const REFRESH_MS = 5_000;
const NONE_YET =
  "There are none yet. Set filters in the list of orders, and act on what they find.";

/**
 * Show a page of the batch operations in `page`, until `signal`.
 *
 * @param {HTMLElement} page
 * @param {AbortSignal} signal
 */
export function batchesPage(page, signal) {
  document.title = "Batch operations · Order saga";
  const node = el("ul.batches");
  const showItems = (/** @type {Api.BatchView[]} */ batches) =>
    show(node, batches.map(batchItem));
  const pages = newPages({ node, show: showItems }, "before", ["← Newest", "Older →"]);
  page.append(el("div.head", {}, el("h1", {}, "Batch operations")), ...pages.nodes);
  const query = new URLSearchParams(parametersOf(["before"]));
  const load = async () => {
    /** @type {Api.BatchList} */
    const { batches, next } = await get(`/batch-operations?${query}`);
    pages.showPage(batches, next, NONE_YET);
    return REFRESH_MS;
  };
  keepLoading(load, pages.placeholder, signal);
}

/** @param {Api.BatchView} batch */
function batchItem(batch) {
  const count = number(batch.total);
  const what = `${batch.act} ${count} ${batch.total === 1 ? "order" : "orders"}`;
  return el(
    "li",
    {},
    el("a", { href: addressOf({ batch: batch.batch_id }) }, what),
    " ",
    batchChip(batch.state),
    el("span.quiet", {}, " by ", bdi(batch.by), ", ", time(batch.started_at), ": "),
    bdi(batch.reason),
  );
}
