/**
 * The latest batch operations.
 */
import { addressOf } from "./address.js";
import { get } from "./api.js";
import { batchChip } from "./batchwords.js";
import { bdi, el, show } from "./dom.js";
import { keepLoading, newPlaceholder } from "./frame.js";
import { time } from "./times.js";
import { number } from "./words.js";

const REFRESH_MS = 5_000;

/**
 * Show the latest batch operations in `page`, until `signal`.
 *
 * @param {HTMLElement} page
 * @param {AbortSignal} signal
 */
export function latestPage(page, signal) {
  document.title = "Batch operations · Order saga";
  const list = el("ul.batches");
  const placeholder = newPlaceholder();
  page.append(el("div.head", {}, el("h1", {}, "Batch operations")), placeholder, list);
  const load = async () => {
    /** @type {Api.BatchList} */
    const { batches } = await get("/batch-operations");
    show(list, batches.map(latestItem));
    placeholder.textContent =
      "There are none yet. Set filters in the list of orders, and act on what they find.";
    placeholder.hidden = batches.length > 0;
    return REFRESH_MS;
  };
  keepLoading(load, placeholder, signal);
}

/** @param {Api.BatchView} batch */
function latestItem(batch) {
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
