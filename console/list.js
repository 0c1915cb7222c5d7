/**
 * The list of orders, newest first, page by page, beneath the figures of all orders.
 */
import { addressOf, parametersOf, toOrder } from "./address.js";
import { get } from "./api.js";
import { bdi, el } from "./dom.js";
import { exportButtons } from "./export.js";
import { currentFilters, filterForm, isFiltered } from "./filters.js";
import { keepLoading, newPages } from "./frame.js";
import { money } from "./money.js";
import { forgetOverview, Overview } from "./overview.js";
import { newTable } from "./table.js";
import { time } from "./times.js";
import { onToken } from "./token.js";
import { attentionChip, stateChip, statusChip } from "./words.js";

const REFRESH_MS = 5_000;
const PAGE_SIZE = "25";

/** The sort of a list that says none. */
const NEWEST_FIRST = "-placed_at";

/** @type {import("./table.js").Column<Api.ListedOrder>[]} */
const COLUMNS = [
  ["Order", "th.id", ({ order_id: id }) => el("a", { href: toOrder(id) }, id)],
  ["State", "td.state", stateMarks],
  ["Status", "td.status", ({ status }) => statusChip(status)],
  ["Customer", "td.customer", ({ customer_id: id }) => id ?? "–"],
  ["Total", "td.total", total],
  ["Placed", "td.placed", ({ placed_at: at }) => time(at)],
  ["Closed", "td.closed", ({ closed_at: at }) => time(at)],
  ["Why it failed", "td.why", ({ failure }) => failure && failureText(failure)],
];

/** By head of a column: by which field it sorts the list. */
const SORTS = { Total: "total_minor", Placed: "placed_at", Closed: "closed_at" };

/** The currency in which totals are sorted where no filter says one: that of the last list. */
let listCurrency = "";

/**
 * Show the list that the address names in `page`, until `signal`.
 *
 * @param {HTMLElement} page
 * @param {AbortSignal} signal
 */
export function listPage(page, signal) {
  const filters = { ...currentFilters(), ...parametersOf(["sort", "limit", "cursor"]) };
  document.title = "Orders · Order saga";
  const warning = el("p.warning", { hidden: true, role: "status" });
  const table = newTable("table.orders", COLUMNS, rowKind);
  addSorts(table.node, filters);
  const pages = newPages(
    table,
    "cursor",
    filters.sort ? ["← First page", "Next →"] : ["← Newest", "Older →"],
  );
  const overview = new Overview(filters);
  const form = filterForm(filters);
  form.addReasons(overview.failureReasons);
  page.append(
    el("div.head", {}, el("h1", {}, "Orders")),
    overview.node,
    form.node,
    ...(isFiltered(filters) ? [actOnLink(filters)] : []),
    warning,
    ...pages.nodes,
    exportButtons(filters),
  );

  const query = new URLSearchParams({ limit: PAGE_SIZE, ...filters });
  const load = async () => {
    /** @type {Api.OrderList} */
    const list = await get(`/orders?${query}`);
    warning.hidden = list.warning === null;
    warning.textContent = list.warning === null ? "" : `${list.warning}.`;
    pages.showPage(list.orders, list.next, emptyText(list, filters));
    listCurrency = list.orders.find((order) => order.currency)?.currency ?? listCurrency;
    const byTotal = table.node.querySelector("#sort-total_minor");
    byTotal?.setAttribute("href", sortLink("total_minor", filters));
    await overview.load();
    form.addReasons(overview.failureReasons);
    return REFRESH_MS;
  };
  keepLoading(load, pages.placeholder, signal);
  onToken(forgetOverview, signal);
}

/** @param {Record<string, string>} filters */
function actOnLink(filters) {
  const href = addressOf({ act_on: "", ...filters, cursor: "" });
  return el("p", {}, el("a", { id: "act-on", href }, "Act on these orders …"));
}

/**
 * Make the heads of columns links that sort the list.
 *
 * @param {HTMLElement} table
 * @param {Record<string, string>} filters
 */
function addSorts(table, filters) {
  for (const [name, field] of Object.entries(SORTS)) {
    const head = table.querySelectorAll("th")[COLUMNS.findIndex((column) => column[0] === name)];
    const order = { [field]: "ascending", [`-${field}`]: "descending" }[sortOf(filters)];
    const mark = order && (order === "ascending" ? " ▲" : " ▼");
    const arrow = mark && el("span", { "aria-hidden": "true" }, mark);
    const link = el("a", { id: `sort-${field}`, href: sortLink(field, filters) }, name, arrow);
    head.replaceChildren(link, el("span.plain", {}, name));
    if (order) head.setAttribute("aria-sort", order);
  }
}

/** @param {Record<string, string>} filters */
function sortOf(filters) {
  return filters.sort ?? NEWEST_FIRST;
}

/**
 * Return the address of the list sorted by a field: the greatest first, or if it is so, the least.
 *
 * @param {string} field
 * @param {Record<string, string>} filters
 */
function sortLink(field, filters) {
  const isDescending = sortOf(filters) === `-${field}`;
  const sort = isDescending ? field : `-${field}`;
  const currency = field === "total_minor" ? filters.currency || listCurrency : filters.currency;
  return addressOf({
    ...filters,
    currency: currency ?? "",
    sort: sort === NEWEST_FIRST ? "" : sort,
    cursor: "",
  });
}

/** @param {Api.ListedOrder} order */
function rowKind({ needs_attention }) {
  return needs_attention ? "tr.needs-attention" : "tr";
}

/**
 * Return what an order costs; pointed at it says how many lines that are, where it is known.
 *
 * @param {Api.ListedOrder} order
 */
function total({ total_minor, currency, line_count: count }) {
  const title = count ? `${count} line${count === 1 ? "" : "s"}` : null;
  return el("span", { title }, money(total_minor, currency));
}

/** @param {Api.ListedOrder} order */
function stateMarks(order) {
  return el("span", {}, stateChip(order.state), " ", ...attentionOf(order), againMark(order));
}

/** @param {Api.FailureView} failure */
function failureText({ reason, message }) {
  return el("span", { title: `${reason}: ${message}` }, reason, ": ", bdi(message));
}

/**
 * Return that an order needs a person, why, and since when as far as that is known.
 *
 * @param {Api.ListedOrder} order
 */
function attentionOf({ needs_attention, attention }) {
  if (!needs_attention) return [];
  const since = attention?.since && el("span.since", {}, " since ", time(attention.since));
  return [attentionChip(attention), since];
}

/**
 * Return the order that an order was placed again as, or for, as a link.
 *
 * @param {Api.ListedOrder} order
 */
function againMark({ again_of, again_as }) {
  const other = again_as ?? again_of;
  if (!other) return null;
  const attributes = { href: toOrder(other), title: other };
  return el("a.again", attributes, again_as ? "placed again" : "again for another");
}

/**
 * @param {Api.OrderList} list
 * @param {Record<string, string>} filters
 */
function emptyText(list, filters) {
  if (list.next) return "No order on this page; others may follow on the next one.";
  if (isFiltered(filters)) return "No order matches the filters.";
  return "There are no orders yet. A new order appears here without a reload.";
}
