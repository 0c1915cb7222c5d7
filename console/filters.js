/**
 * The form with the filters of a list, and the marks of those that are set.
 */
import { go, toList } from "./address.js";
import { addOptions, choice, offerSteps } from "./choices.js";
import { el } from "./dom.js";
import { inputOf, minorUnits, money } from "./money.js";
import { fromInput, time, toInput, zone } from "./times.js";
import { CAUSES, STATES_IN_ORDER } from "./words.js";

const STATUSES = ["PENDING", "CONFIRMED", "CANCELLED"];

/** By name of a filter: what it is called. Those behind the first ones unfold. */
const NAMES = {
  state: "State",
  reason: "Reason",
  status: "Status",
  customer_id: "Customer",
  needs_attention: "Needs attention",
  cause: "Why it needs a person",
  placed_again: "Placed again",
  step: "Step",
  text: "Words of the failure",
  sku: "Product (SKU)",
  currency: "Currency",
  min_total_minor: "Total from",
  max_total_minor: "Total up to",
  placed_from: "Placed from",
  placed_to: "Placed before",
  closed_from: "Closed from",
  closed_to: "Closed before",
};

/** @typedef {keyof typeof NAMES} Name */

const ALL = /** @type {Name[]} */ (Object.keys(NAMES));
const FIRST = ["state", "reason", "status", "customer_id", "needs_attention"];
const TIMES = ["placed_from", "placed_to", "closed_from", "closed_to"];
const TOTALS = ["min_total_minor", "max_total_minor"];

/** By value of `sort`: what it is called. */
const SORTS = {
  "": "newest first",
  placed_at: "oldest first",
  "-closed_at": "last closed first",
  closed_at: "first closed first",
  "-total_minor": "greatest total first",
  total_minor: "smallest total first",
};

const NO_AMOUNT = "An amount like 15.30, in the currency that is given";

/**
 * Tell whether a list has any filter.
 *
 * @param {Record<string, string>} filters
 */
export function isFiltered(filters) {
  return ALL.some((name) => filters[name]);
}

/**
 * Return the form, and a function that adds reasons to choose from.
 *
 * @param {Record<string, string>} filters what is chosen at first
 * @returns {{node: HTMLElement, addReasons: (reasons: string[]) => void}}
 */
export function filterForm(filters) {
  const fields = fieldsOf(filters);
  const sort = sortField(filters.sort ?? "");
  const apply = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const values = valuesOf(fields);
    if (values) go(toList({ ...values, sort: sort.value, limit: filters.limit ?? "" }));
  };
  const labels = ALL.map((name) => label(name, fields[name]));
  const first = labels.filter((_, index) => FIRST.includes(ALL[index]));
  const others = labels.filter((_, index) => !FIRST.includes(ALL[index]));
  const always = [...FIRST, "currency"]; // a sort by total sets that by itself
  const isOpen = ALL.some((name) => filters[name] && !always.includes(name));
  const more = el(
    "details.more",
    { open: isOpen },
    el("summary", { id: "more-filters" }, "More filters"),
    el("div.filters", {}, ...others),
    el("p.hint", {}, `Times are those of your zone, ${zone()}.`),
  );
  const step = /** @type {HTMLSelectElement} */ (fields.step);
  more.addEventListener("toggle", () => void offerSteps(step));
  if (isOpen) void offerSteps(step);
  const node = el(
    "form",
    { "aria-label": "Filters", on: { submit: apply } },
    el(
      "div.filters",
      {},
      ...first,
      el("label", {}, "Sort ", sort),
      el("button", { id: "filter" }, "Filter"),
      isFiltered(filters) ? el("a", { href: "/" }, "Clear") : null,
    ),
    more,
    chips(filters),
  );
  const reason = /** @type {HTMLSelectElement} */ (fields.reason);
  return { node, addReasons: (reasons) => addOptions(reason, reasons) };
}

/**
 * @param {Record<string, string>} filters
 * @returns {Record<Name, HTMLInputElement|HTMLSelectElement>}
 */
function fieldsOf(filters) {
  const input = (/** @type {Name} */ name, attributes = {}) =>
    el("input", {
      id: name === "customer_id" ? "customer" : `filter-${name}`,
      value: filters[name] ?? "",
      placeholder: "any",
      spellcheck: "false",
      autocomplete: "off",
      ...attributes,
    });
  const at = (/** @type {Name} */ name) =>
    input(name, { type: "datetime-local", step: "any", value: toInput(filters[name]) });
  const total = (/** @type {Name} */ name) => {
    const value = inputOf(filters[name], filters.currency);
    return input(name, { value, inputmode: "decimal", size: 9 });
  };
  const isChecked = filters.needs_attention === "true";
  return {
    state: choice("state", filters.state, STATES_IN_ORDER),
    reason: choice("reason", filters.reason, []),
    status: choice("status", filters.status, STATUSES),
    customer_id: input("customer_id"),
    needs_attention: el("input", {
      id: "needs-attention",
      type: "checkbox",
      checked: isChecked,
    }),
    cause: choice("filter-cause", filters.cause, Object.keys(CAUSES)),
    placed_again: choice("filter-placed_again", filters.placed_again, ["true", "false"]),
    step: choice("filter-step", filters.step, []),
    text: input("text", { maxlength: 200 }),
    sku: input("sku", { maxlength: 64 }),
    currency: input("currency", {
      pattern: "[A-Za-z]{3}",
      maxlength: 3,
      size: 4,
      title: "three letters, like GBP",
    }),
    min_total_minor: total("min_total_minor"),
    max_total_minor: total("max_total_minor"),
    placed_from: at("placed_from"),
    placed_to: at("placed_to"),
    closed_from: at("closed_from"),
    closed_to: at("closed_to"),
  };
}

/**
 * Return the filters that the form has now, or null: then the form says what is wrong.
 *
 * @param {Record<Name, HTMLInputElement|HTMLSelectElement>} fields
 * @returns {Record<string, string>|null}
 */
function valuesOf(fields) {
  const currency = fields.currency.value.trim().toUpperCase();
  /** @type {Record<string, string>} */
  const values = {};
  for (const name of ALL) {
    const field = fields[name];
    const text = field.value.trim();
    field.setCustomValidity("");
    if (field instanceof HTMLInputElement && field.type === "checkbox") {
      values[name] = field.checked ? "true" : "";
    } else if (TOTALS.includes(name) && text) {
      const minor = currency ? minorUnits(text, currency) : null;
      field.setCustomValidity(minor === null ? NO_AMOUNT : "");
      values[name] = String(minor);
    } else {
      values[name] = TIMES.includes(name) ? fromInput(text) : text;
    }
    if (!field.reportValidity()) {
      field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
      return null;
    }
  }
  return { ...values, currency };
}

/**
 * @param {Name} name
 * @param {HTMLElement} field
 */
function label(name, field) {
  const text = NAMES[name];
  if (name === "needs_attention") return el("label", {}, field, ` ${text}`);
  return el("label", {}, `${text} `, field);
}

/**
 * Return the filters that are set, each as a link to the list without it.
 *
 * @param {Record<string, string>} filters
 */
function chips(filters) {
  const links = ALL.filter((name) => filters[name]).map((name) => {
    const without = { ...filters, [name]: "", cursor: "" };
    if (name === "currency") {
      TOTALS.forEach((total) => (without[total] = "")); // they mean nothing without it
      if (filters.sort?.endsWith("total_minor")) without.sort = "";
    }
    const value = TIMES.includes(name)
      ? time(filters[name])
      : TOTALS.includes(name)
        ? money(Number(filters[name]), filters.currency ?? null)
        : filters[name];
    const title = "remove this filter";
    const link = el("a.chip.plain.quiet", { href: toList(without), title });
    link.append(`${NAMES[name]}: `, el("b", {}, value), " ✕");
    return el("li", {}, link);
  });
  if (!links.length) return null;
  return el("ul.filter-marks", { "aria-label": "Filters that are set" }, ...links);
}

/** @param {string} current */
function sortField(current) {
  const options = Object.entries(SORTS).map(([value, name]) =>
    el("option", { value, selected: value === current }, name),
  );
  return el("select", { id: "sort" }, ...options);
}
