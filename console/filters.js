/**
 * The filters of a list: what an address sets of them, their form, and the marks of those that are
 * set.
 */
import { addressOf, go, parametersOf } from "./address.js";
import { addOptions, offerSteps } from "./choices.js";
import { el } from "./dom.js";
import { AMOUNT, BOX, CURRENCY, FilterFields, moment, oneOf, words } from "./filterfields.js";
import { zone } from "./times.js";
import { CAUSES, STATES_IN_ORDER } from "./words.js";

/** @typedef {import("./filterfields.js").Filter} Filter */

/** The filters that are seen at first. @satisfies {Record<string, Filter>} */
const FIRST = {
  state: ["State", oneOf(STATES_IN_ORDER)],
  reason: ["Reason", oneOf([])],
  status: ["Status", oneOf(["PENDING", "CONFIRMED", "CANCELLED"])],
  customer_id: ["Customer", words()],
  needs_attention: ["Needs attention", BOX],
};

/** Those that unfold. @satisfies {Record<string, Filter>} */
const MORE = {
  cause: ["Why it needs a person", oneOf(Object.keys(CAUSES))],
  placed_again: ["Placed again", oneOf(["true", "false"])],
  step: ["Step", oneOf([])],
  text: ["Words of the failure", words({ maxlength: 200 })],
  sku: ["Product (SKU)", words({ maxlength: 64 })],
  currency: ["Currency", CURRENCY],
  min_total_minor: ["Total from", AMOUNT],
  max_total_minor: ["Total up to", AMOUNT],
  placed_from: ["Placed from", moment("any")],
  placed_to: ["Placed before", moment("any")],
  closed_from: ["Closed from", moment("any")],
  closed_to: ["Closed before", moment("any")],
};

/** By the API's names. @type {Record<string, Filter>} */
const FILTERS = { ...FIRST, ...MORE };

/**
 * Of filters that are so or not: how a sentence says either.
 *
 * @type {Record<string, Record<string, string>>}
 */
const SAYINGS = {
  needs_attention: { true: "a need of attention", false: "no need of attention" },
  placed_again: { true: "placed again", false: "not placed again" },
};

/** By value of `sort`: what it is called. */
const SORTS = {
  "": "newest first",
  placed_at: "oldest first",
  "-closed_at": "last closed first",
  closed_at: "first closed first",
  "-total_minor": "greatest total first",
  total_minor: "smallest total first",
};

/** Return the filters that the address sets. */
export function currentFilters() {
  return parametersOf(Object.keys(FILTERS));
}

/**
 * Tell whether a list has any filter.
 *
 * @param {Record<string, string>} filters
 */
export function isFiltered(filters) {
  return Object.keys(FILTERS).some((name) => filters[name]);
}

/**
 * Return filters as people read them in a sentence.
 *
 * @param {Record<string, unknown>} filters by the API's names, as it has their values
 */
export function filterText(filters) {
  const values = /** @type {Record<string, string>} */ (filters);
  return Object.entries(filters).flatMap(([name, value], index) => {
    const comma = index ? ", " : "";
    const saying = SAYINGS[name]?.[String(value)];
    if (saying) return [comma, el("b", {}, saying)];
    const [label, kind] = FILTERS[name] ?? [name.replaceAll("_", " ")];
    const isOne = kind && value !== null && !Array.isArray(value);
    const one = { ...values, [name]: String(value) };
    const text = isOne ? kind.show(one, name) : [value].flat().join(", ") || "none";
    const what = label.charAt(0).toLowerCase() + label.slice(1);
    return [`${comma}${what} `, el("b", {}, text)];
  });
}

/**
 * Return the form, and a function that adds reasons to choose from.
 *
 * @param {Record<string, string>} filters what is chosen at first
 * @returns {{node: HTMLElement, addReasons: (reasons: string[]) => void}}
 */
export function filterForm(filters) {
  const fields = new FilterFields(FILTERS, filters);
  const { step, reason } = fields.byName;
  const sort = sortField(filters.sort ?? "");
  const apply = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const values = fields.read();
    if (values) go(addressOf({ ...values, sort: sort.value, limit: filters.limit ?? "" }));
  };
  // A sort by total sets the currency by itself.
  const isOpen = Object.keys(MORE).some((name) => filters[name] && name !== "currency");
  const more = el(
    "details.more",
    { open: isOpen },
    el("summary", { id: "more-filters" }, "More filters"),
    el("div.filters", {}, ...fields.labels((name) => name in MORE)),
    el("p.hint", {}, `Times are those of your zone, ${zone()}.`),
  );
  const addSteps = () => void offerSteps(/** @type {HTMLSelectElement} */ (step));
  more.addEventListener("toggle", addSteps);
  if (isOpen) addSteps();
  const node = el(
    "form",
    { "aria-label": "Filters", on: { submit: apply } },
    el(
      "div.filters",
      {},
      ...fields.labels((name) => name in FIRST),
      el("label", {}, "Sort ", sort),
      el("button", { id: "filter" }, "Filter"),
      isFiltered(filters) ? el("a", { href: "/" }, "Clear") : null,
    ),
    more,
    chips(filters),
  );
  const addReasons = (/** @type {string[]} */ reasons) =>
    addOptions(/** @type {HTMLSelectElement} */ (reason), reasons);
  return { node, addReasons };
}

/**
 * Return the filters that are set, each as a link to the list without it.
 *
 * @param {Record<string, string>} filters
 */
function chips(filters) {
  const names = Object.keys(FILTERS).filter((name) => filters[name]);
  const links = names.map((name) => {
    const [label, kind] = FILTERS[name];
    const href = addressOf({ ...filters, [name]: "", ...goneWith(name, filters), cursor: "" });
    const link = el("a.chip.plain.quiet", { href, title: "remove this filter" });
    link.append(`${label}: `, el("b", {}, kind.show(filters, name)), " ✕");
    return el("li", {}, link);
  });
  if (!links.length) return null;
  return el("ul.filter-marks", { "aria-label": "Filters that are set" }, ...links);
}

/**
 * Return what means nothing without a filter, as no filters.
 *
 * @param {string} name
 * @param {Record<string, string>} filters
 * @returns {Record<string, string>}
 */
function goneWith(name, { sort = "" }) {
  if (name !== "currency") return {};
  const isByTotal = sort.endsWith("total_minor");
  return { min_total_minor: "", max_total_minor: "", sort: isByTotal ? "" : sort };
}

/** @param {string} current */
function sortField(current) {
  const options = Object.entries(SORTS).map(([value, name]) =>
    el("option", { value, selected: value === current }, name),
  );
  return el("select", { id: "sort" }, ...options);
}
