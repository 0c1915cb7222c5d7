/**
 * The form of an act on many orders, those that a list's filters find: how many these are and some
 * of them come first, then who acts and why. Nothing begins before the number was seen.
 */
import { addressOf, go, listBefore, toOrder } from "./address.js";
import { get, newId, post, Problem } from "./api.js";
import { choice, offerSteps } from "./choices.js";
import { bdi, el, show } from "./dom.js";
import { currentFilters, filterText } from "./filters.js";
import { actForm } from "./form.js";
import { keepLoading, newPlaceholder } from "./frame.js";
import { money } from "./money.js";
import { time } from "./times.js";
import { capital, number, stateChip } from "./words.js";

/**
 * Show the form in `page`, for the orders that the address's filters find.
 *
 * @param {HTMLElement} page
 * @param {string} name of the act that is chosen at first; "" for what fits the filters
 * @param {AbortSignal} signal
 */
export function actOnPage(page, name, signal) {
  document.title = "Act on many orders · Order saga";
  const filters = currentFilters();
  const placeholder = newPlaceholder();
  const parts = el("div");
  page.append(
    el("p.trail", {}, el("a", { href: listBefore() }, "← Orders")),
    el("div.head", {}, el("h1", {}, "Act on many orders")),
    el("p", {}, "The orders with ", ...filterText(filters), "."),
    placeholder,
    parts,
  );
  const load = async () => {
    /** @type {Api.BatchList} */
    const { acts } = await get("/batch-operations");
    placeholder.hidden = acts.length > 0;
    placeholder.textContent = "Your token allows no act on orders.";
    show(parts, [acts.length > 0 && choiceOfAct(acts, name, filters)]);
    return null;
  };
  keepLoading(load, placeholder, signal);
}

/**
 * Return the form that chooses an act, and beneath it the orders that it would be done to.
 *
 * @param {Api.ActOffer[]} acts
 * @param {string} name
 * @param {Record<string, string>} filters
 */
function choiceOfAct(acts, name, filters) {
  const names = acts.map(({ act }) => String(act));
  const first = [name, fittingAct(filters)].find((one) => names.includes(one)) ?? "";
  const kind = choice("act-on", first, first ? names : ["", ...names], false);
  const step = choice("act-step", filters.step, [""], false);
  kind.required = true;
  const stepLabel = el("label", {}, "Step ", step);
  const orders = el("section", { "aria-live": "polite" });
  const current = () => acts[names.indexOf(kind.value)];
  const onSubmit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    preview(orders, filters, current(), stepLabel.hidden ? null : step.value);
  };
  const onChange = () => {
    step.required = current()?.fields.includes("step") ?? false;
    stepLabel.hidden = !step.required;
    orders.replaceChildren();
  };
  kind.addEventListener("change", onChange);
  step.addEventListener("change", onChange);
  onChange();
  void offerSteps(step);
  return el(
    "div",
    { "data-acts": JSON.stringify(acts) }, // whoever is offered others has another form
    el(
      "form.filters",
      { "aria-label": "Act", on: { submit: onSubmit } },
      ...[el("label", {}, "Act ", kind), stepLabel],
      el("button.main", {}, "Show how many these are"),
    ),
    orders,
  );
}

/** @param {Record<string, string>} filters */
function fittingAct(filters) {
  if (filters.state === "COMPLETED" || filters.status === "CONFIRMED") return "";
  if (filters.state === "AWAITING_REVIEW" || filters.cause === "REVIEW_EXPIRING") return "approve";
  if (filters.state === "FAILED" || filters.reason || filters.status === "CANCELLED") {
    return "place-again";
  }
  return filters.needs_attention === "true" || filters.cause || filters.state === "ROLLBACK_STUCK"
    ? "retry"
    : "cancel";
}

/**
 * Show how many orders an act would be done to, and some of them; then ask who acts and why.
 *
 * @param {HTMLElement} section
 * @param {Record<string, string>} filters
 * @param {Api.ActOffer} offer
 * @param {string|null} step
 */
async function preview(section, filters, offer, step) {
  section.replaceChildren(newPlaceholder());
  const { act } = offer;
  /** @type {Api.BatchPreview} */
  let answer;
  try {
    answer = await post("/batch-operations/preview", { act, step, filter: filters });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    section.replaceChildren(el("p.answer", { role: "alert" }, bdi(problem.message), "."));
    return;
  }
  const { count, most, sample, again_count: again } = answer;
  const isTooMany = count > most;
  const limit = number(most);
  const orderCount = isTooMany ? `more than ${limit}` : number(count);
  const orders = `${orderCount} ${count === 1 ? "order" : "orders"}`;
  const at = step ? `, that are stuck at ${step}` : "";
  const others = number(again);
  const canStart = count > 0 && !isTooMany;
  show(section, [
    el("h2", {}, orders),
    el("p.quiet", {}, "These are the orders with ", ...filterText(answer.filter), at, "."),
    again > 0 && el("p.quiet", {}, `Left out are ${others} that were placed again already.`),
    sample.length > 0 && sampleList(sample),
    sample.length < count && el("p.quiet", {}, `The newest ${sample.length} are shown.`),
    isTooMany && el("p.answer", {}, `At most ${limit} can be acted on at once.`),
    canStart && startForm(offer, { act, step, filter: filters, count }, orders),
  ]);
}

/** @param {Api.ListedOrder[]} orders */
function sampleList(orders) {
  const items = orders.map((order) =>
    el(
      "li",
      {},
      el("a", { href: toOrder(order.order_id) }, el("code", {}, order.order_id)),
      " ",
      stateChip(order.state),
      ` ${money(order.total_minor, order.currency)} `,
      el("span.quiet", {}, order.customer_id ?? "", " ", time(order.placed_at)),
    ),
  );
  return el("ul.sample", { "aria-label": "Some of them" }, ...items);
}

/**
 * @param {Api.ActOffer} offer
 * @param {{act: string, step: string|null, filter: object, count: number}} content
 * @param {string} orders how many, in words
 */
function startForm(offer, content, orders) {
  const at = content.step ? ` ${content.step} of` : "";
  const act = {
    ...offer,
    title: `${capital(content.act).replaceAll("-", " ")}${at} ${orders}`,
    path: "batch",
    fields: offer.fields.filter((name) => name !== "step"), // it is chosen by now
    effect: `at each order: ${offer.effect}`,
  };
  const batchId = newId(); // sent again after no answer, it is the same one
  const form = actForm(act, async (body, onSuccess) => {
    /** @type {Api.BatchView} */
    const batch = await post("/batch-operations", { ...content, ...body, batch_id: batchId });
    onSuccess();
    go(addressOf({ batch: batch.batch_id }));
  });
  form.node.open = true;
  return el("div.acts", {}, form.node);
}
