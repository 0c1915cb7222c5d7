/**
 * The form of an act on many orders, those that a list's filters find: how many these are and some
 * of them come first, then who acts and why. Nothing begins before the number was seen.
 */
import { filtersOf, go, listBefore, toBatch, toOrder } from "./address.js";
import { get, newId, post, Problem } from "./api.js";
import { bdi, el } from "./dom.js";
import { actForm } from "./form.js";
import { money } from "./money.js";
import { showProblem } from "./notice.js";
import { time } from "./times.js";
import { stateChip } from "./words.js";

/** Of a list's parameters those that choose no orders. */
const OF_PAGES = ["limit", "cursor", "sort"];

const STEP_ACTS = ["retry", "settle"];

/**
 * By act: what is done to each order, and whether it cannot be undone.
 *
 * @type {Record<string, [string, boolean]>}
 */
const ACTS = {
  approve: ["Each order goes on with the payment.", false],
  reject: ["Each order is rolled back.", true],
  retry: ["The stuck step is tried at each order at once.", false],
  settle: ["The stuck step counts at each order as put right by hand, in your name.", true],
  "place-again": ["Each order that failed is placed again, as a new order, once.", false],
  cancel: ["Each order is rolled back as soon as its current step has ended.", true],
};

/**
 * Show the form in `page`, for the orders that the address's filters find.
 *
 * @param {HTMLElement} page
 * @param {string} act what is chosen at first; "" for what fits the filters
 * @param {AbortSignal} signal
 */
export function actOnPage(page, act, signal) {
  document.title = "Act on many orders · Order saga";
  const filters = chosenFilters();
  const kind = choice("act-on", Object.keys(ACTS), act in ACTS ? act : fittingAct(filters));
  const step = choice("act-step", [], "");
  const stepLabel = el("label", { hidden: true }, "Step ", step);
  const shown = el("section.seen", { "aria-live": "polite" });
  const onSubmit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    preview(shown, filters, kind.value, STEP_ACTS.includes(kind.value) ? step.value : null);
  };
  const onChange = () => {
    stepLabel.hidden = !STEP_ACTS.includes(kind.value);
    shown.replaceChildren();
  };
  kind.addEventListener("change", onChange);
  step.addEventListener("change", onChange);
  onChange();
  page.append(
    el("p.trail", {}, el("a", { href: listBefore() }, "← Orders")),
    el("div.head", {}, el("h1", {}, "Act on many orders")),
    el("p", {}, "The orders with ", ...filterText(filters), "."),
    el(
      "form.filters",
      { "aria-label": "Act", on: { submit: onSubmit } },
      ...[el("label", {}, "Act ", kind), stepLabel],
      el("button.main", {}, "Show how many these are"),
    ),
    shown,
  );
  offerSteps(step, signal);
}

/** Return the filters of the address that choose orders. */
function chosenFilters() {
  const filters = Object.entries(filtersOf(location.search));
  return Object.fromEntries(filters.filter(([name]) => !OF_PAGES.includes(name)));
}

/** @param {Record<string, string>} filters */
function fittingAct(filters) {
  if (filters.state === "AWAITING_REVIEW" || filters.cause === "REVIEW_EXPIRING") return "approve";
  if (filters.state === "FAILED" || filters.reason || filters.status === "CANCELLED") {
    return "place-again";
  }
  return filters.needs_attention === "true" || filters.cause || filters.state === "ROLLBACK_STUCK"
    ? "retry"
    : "cancel";
}

/**
 * Return filters as people read them.
 *
 * @param {Record<string, unknown>} filters
 */
export function filterText(filters) {
  return Object.entries(filters).flatMap(([name, value], index) => [
    index ? ", " : "",
    `${name.replaceAll("_", " ")} `,
    el("b", {}, String(value)),
  ]);
}

/**
 * @param {string} id
 * @param {string[]} names
 * @param {string} current
 */
function choice(id, names, current) {
  const options = names.map((name) =>
    el("option", { value: name, selected: name === current }, name),
  );
  return el("select", { id }, ...options);
}

/**
 * Offer the saga's steps to choose from.
 *
 * @param {HTMLSelectElement} select
 * @param {AbortSignal} signal
 */
async function offerSteps(select, signal) {
  try {
    /** @type {Api.StepList} */
    const { steps } = await get("/steps");
    if (signal.aborted) return;
    select.append(...steps.map(({ name }) => el("option", { value: name }, name)));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (!signal.aborted) showProblem(problem);
  }
}

/**
 * Show how many orders an act would be done to, and some of them; then ask who acts and why.
 *
 * @param {HTMLElement} shown
 * @param {Record<string, string>} filters
 * @param {string} act
 * @param {string|null} step
 */
async function preview(shown, filters, act, step) {
  shown.replaceChildren(el("p.placeholder", {}, "Loading …"));
  /** @type {Api.BatchPreview} */
  let seen;
  try {
    seen = await post("/batch-operations/preview", { act, filter: filters });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    shown.replaceChildren(el("p.answer", { role: "alert" }, bdi(problem.message), "."));
    return;
  }
  const { count, most, sample } = seen;
  const isTooMany = count > most;
  const limit = most.toLocaleString("en");
  const number = isTooMany ? `more than ${limit}` : count.toLocaleString("en");
  const orders = count === 1 ? "order" : "orders";
  shown.replaceChildren(
    el("h2", {}, `${number} ${orders}`),
    el("p.quiet", {}, "These are the orders with ", ...filterText(seen.filter), "."),
  );
  if (sample.length) {
    shown.append(el("ul.sample", { "aria-label": "Some of them" }, ...sample.map(sampleItem)));
  }
  if (sample.length < count) {
    shown.append(el("p.quiet", {}, `The newest ${sample.length} are shown.`));
  }
  if (isTooMany) {
    shown.append(el("p.answer", {}, `At most ${limit} can be acted on at once.`));
  } else if (count) {
    shown.append(startForm({ act, step, filter: filters, count }, `${number} ${orders}`));
  }
}

/** @param {Api.ListedOrder} order */
function sampleItem(order) {
  return el(
    "li",
    {},
    el("a", { href: toOrder(order.order_id) }, el("code", {}, order.order_id)),
    " ",
    stateChip(order.state),
    ` ${money(order.total_minor, order.currency)} `,
    el("span.quiet", {}, order.customer_id ?? "", " ", time(order.placed_at)),
  );
}

/**
 * @param {{act: string, step: string|null, filter: object, count: number}} content
 * @param {string} orders how many, in words
 */
function startForm(content, orders) {
  const [hint, isFinal] = ACTS[content.act];
  const verb = content.act[0].toUpperCase() + content.act.slice(1).replaceAll("-", " ");
  const at = content.step ? ` ${content.step} of` : "";
  const texts = {
    title: `${verb}${at} ${orders}`,
    hint: isFinal ? `${hint} This cannot be undone.` : hint,
    path: "batch",
    isFinal,
    fields: ["by", "reason", ...(content.act === "settle" ? ["evidence"] : [])],
  };
  const batchId = newId(); // sent again after no answer, it is the same one
  const form = actForm(texts, async (body, onSuccess) => {
    const filled = { ...content, ...body, batch_id: batchId };
    /** @type {Api.BatchView} */
    const batch = await post("/batch-operations", filled);
    onSuccess();
    go(toBatch(batch.batch_id));
  });
  form.node.open = true;
  return el("div.acts", {}, form.node);
}
