/**
 * The form with the filters of a list.
 */
import { go, toList } from "./address.js";
import { el } from "./dom.js";
import { STATES_IN_ORDER } from "./words.js";

const STATUSES = ["PENDING", "CONFIRMED", "CANCELLED"];
const NAMES = ["state", "reason", "status", "customer_id", "needs_attention"];

/**
 * Tell whether a list has any filter.
 *
 * @param {Record<string, string>} filters
 */
export function isFiltered(filters) {
  return NAMES.some((name) => filters[name]);
}

/**
 * Return the form, and a function that adds reasons to choose from.
 *
 * @param {Record<string, string>} filters what is chosen at first
 * @returns {{node: HTMLElement, addReasons: (reasons: string[]) => void}}
 */
export function filterForm(filters) {
  const state = choice("state", filters.state, STATES_IN_ORDER);
  const reason = choice("reason", filters.reason, []);
  const status = choice("status", filters.status, STATUSES);
  const customer = el("input", {
    id: "customer",
    value: filters.customer_id ?? "",
    placeholder: "any",
    spellcheck: "false",
  });
  const isChecked = filters.needs_attention === "true";
  const attention = el("input", { id: "needs-attention", type: "checkbox", checked: isChecked });
  const apply = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const names = { state: state.value, reason: reason.value, status: status.value };
    const customer_id = customer.value.trim();
    go(toList({ ...names, customer_id, needs_attention: attention.checked ? "true" : "" }));
  };
  const node = el(
    "form.filters",
    { "aria-label": "Filters", on: { submit: apply } },
    el("label", {}, "State ", state),
    el("label", {}, "Reason ", reason),
    el("label", {}, "Status ", status),
    el("label", {}, "Customer ", customer),
    el("label", {}, attention, " Needs attention"),
    el("button", { id: "filter" }, "Filter"),
    isFiltered(filters) ? el("a", { href: "/" }, "Clear") : null,
  );
  return { node, addReasons: (reasons) => addOptions(reason, reasons) };
}

/**
 * Return a field with names to choose from; the current one too, although no order has it now.
 *
 * @param {string} id
 * @param {string|undefined} current
 * @param {string[]} names
 */
function choice(id, current, names) {
  const all = current && !names.includes(current) ? [current, ...names] : names;
  const options = all.map((name) =>
    el("option", { value: name, selected: current === name }, name),
  );
  return el("select", { id }, el("option", { value: "" }, "any"), ...options);
}

/**
 * @param {HTMLSelectElement} select
 * @param {string[]} names
 */
function addOptions(select, names) {
  const values = new Set([...select.options].map((option) => option.value));
  for (const name of names) {
    if (!values.has(name)) select.append(el("option", { value: name }, name));
  }
}
