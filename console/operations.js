/**
 * The log of operations: who did, tried and was refused what, the newest first. The address has the
 * filters: `/?operations=&person=ann&outcome=REFUSED`.
 */
import { ACT_NAMES } from "./actnames.js";
import { addressOf, go, parametersOf, toOrder } from "./address.js";
import { get } from "./api.js";
import { bdi, el } from "./dom.js";
import { FilterFields, moment, oneOf, words } from "./filterfields.js";
import { keepLoading, newPages } from "./frame.js";
import { newTable } from "./table.js";
import { time } from "./times.js";
import { chip } from "./words.js";

const REFRESH_MS = 5_000;
const PAGE_SIZE = "50";

/** By outcome: its tone, and what it means. @type {Record<string, [string, string]>} */
const OUTCOMES = {
  DONE: ["good", "it was taken"],
  TRIED: ["waiting", "it was sent, and no outcome is noted: it may have taken effect, or not"],
  REFUSED: ["failure", "it changed nothing"],
};

/** By door: what it is. @type {Record<string, string>} */
const DOORS = {
  http: "a program, by the API",
  console: "the console",
  mcp: "an assistant",
  batch: "a batch operation",
  temporal: "Temporal itself: its command line, its Web UI, or another client of it",
  unknown: "an update that no front door has a note of",
};

/** By the API's names. @type {Record<string, import("./filterfields.js").Filter>} */
const FILTERS = {
  person: ["Who", words()],
  act: ["What", oneOf(ACT_NAMES)],
  outcome: ["Outcome", oneOf(Object.keys(OUTCOMES))],
  order_id: ["Order", words()],
  door: ["Door", oneOf(Object.keys(DOORS))],
  since: ["Since", moment(1)],
  until: ["Until", moment(1)],
};

/** @type {import("./table.js").Column<Api.Operation>[]} */
const COLUMNS = [
  ["When", "td.placed", ({ at }) => time(at)],
  ["Who", "td.actor", person],
  ["What", "td.what", ({ act, step }) => el("span", {}, act, step && ` ${step}`)],
  ["Outcome", "td.outcome", ({ outcome }) => chip(outcome, OUTCOMES[outcome])],
  ["Order", "td.subject", subject],
  ["Why", "td.why", why],
  ["From", "td.from", origin],
];

/**
 * Show the log in `page`, until `signal`.
 *
 * @param {HTMLElement} page
 * @param {string} _value of the parameter that names the page
 * @param {AbortSignal} signal
 */
export function operationsPage(page, _value, signal) {
  document.title = "Operations · Order saga";
  const filters = parametersOf([...Object.keys(FILTERS), "batch_id", "before"]);
  const table = newTable("table.orders.operations", COLUMNS);
  const pages = newPages(table, "before", ["← Newest", "Older →"]);
  page.append(
    el("div.head", {}, el("h1", {}, "Operations")),
    filterForm(filters),
    ...pages.nodes,
  );
  const query = new URLSearchParams({ limit: PAGE_SIZE, ...filters });
  const load = async () => {
    /** @type {Api.OperationList} */
    const list = await get(`/operations?${query}`);
    const isFiltered = Object.keys(filters).some((name) => name !== "before");
    const noMatch = `Nothing matches the filters${list.next ? " in this part of the log." : "."}`;
    const emptyText = isFiltered ? noMatch : "Nothing is noted yet.";
    pages.showPage(list.operations, list.next, emptyText);
    return REFRESH_MS;
  };
  keepLoading(load, pages.placeholder, signal);
}

/** @param {Record<string, string>} filters */
function filterForm(filters) {
  const fields = new FilterFields(FILTERS, filters);
  const apply = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const values = fields.read();
    if (values) go(addressOf({ operations: "", batch_id: filters.batch_id ?? "", ...values }));
  };
  return el(
    "form.filters",
    { "aria-label": "Filters", on: { submit: apply } },
    ...fields.labels(),
    el("button", {}, "Filter"),
    Object.keys(filters).length > 0 && el("a", { href: addressOf({ operations: "" }) }, "Clear"),
  );
}

/** @param {Api.Operation} entry */
function person({ by, subject }) {
  return el("b", { title: subject && `token of ${subject}` }, by || "–");
}

/**
 * Return what an entry is about: an order, or else in words.
 *
 * @param {Api.Operation} entry
 */
function subject({ order_id, about }) {
  return order_id ? el("a", { href: toOrder(order_id) }, order_id) : bdi(about ?? "–");
}

/**
 * Return why it was done, and why it was refused.
 *
 * @param {Api.Operation} entry
 */
function why({ reason, message }) {
  const both = reason && message ? " – " : null;
  return el("span", {}, reason && bdi(reason), both, message && el("i", {}, message));
}

/**
 * Return where an entry comes from; pointed at it says that in words.
 *
 * @param {Api.Operation} entry
 */
function origin({ door, address, agent, batch_id }) {
  const whole = [DOORS[door] ?? door, agent, batch_id && `batch ${batch_id}`];
  return el("span", { title: whole.filter(Boolean).join(", ") }, door, " ", address);
}
