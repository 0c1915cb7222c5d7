/**
 * The list of orders, newest first, page by page, beneath the figures of all orders.
 */
import { filtersOf, toActOn, toList, toOrder } from "./address.js";
import { get } from "./api.js";
import { bdi, el, show } from "./dom.js";
import { exportButtons } from "./export.js";
import { filterForm, isFiltered } from "./filters.js";
import { headRow, keepLoading, newPaging, newPlaceholder, showPages } from "./frame.js";
import { money } from "./money.js";
import { forgetOverview, Overview } from "./overview.js";
import { time } from "./times.js";
import { onToken } from "./token.js";
import { attentionChip, stateChip, statusChip } from "./words.js";

const REFRESH_MS = 5_000;
const PAGE_SIZE = "25";

/** The columns, and by which field each sorts the list. */
const COLUMNS = [
  ["Order"],
  ["State"],
  ["Status"],
  ["Customer"],
  ["Total", "total_minor"],
  ["Placed", "placed_at"],
  ["Closed", "closed_at"],
  ["Why it failed"],
];

/** The currency in which totals are sorted where no filter says one: that of the last list. */
let listCurrency = "";

/**
 * Show the list that the address names in `page`, until `signal`.
 *
 * @param {HTMLElement} page
 * @param {AbortSignal} signal
 */
export function listPage(page, signal) {
  const filters = filtersOf(location.search);
  document.title = "Orders · Order saga";
  const warning = el("p.warning", { hidden: true, role: "status" });
  const rows = el("tbody", { role: "rowgroup" });
  const heads = head(filters);
  const placeholder = newPlaceholder();
  const paging = newPaging();
  const overview = new Overview(filters);
  const form = filterForm(filters);
  form.addReasons(overview.failureReasons);
  page.append(
    el("div.head", {}, el("h1", {}, "Orders")),
    overview.node,
    form.node,
    ...(isFiltered(filters) ? [actOnLink(filters)] : []),
    warning,
    el("table.orders", { role: "table" }, heads, rows),
    placeholder,
    paging,
    exportButtons(filters),
  );

  const query = new URLSearchParams({ limit: PAGE_SIZE, ...filters });
  const toPage = (/** @type {string} */ cursor) => toList({ ...filters, cursor });
  /** @type {[string, string]} */
  const pageTexts = filters.sort ? ["← First page", "Next →"] : ["← Newest", "Older →"];
  const load = async () => {
    /** @type {Api.OrderList} */
    const list = await get(`/orders?${query}`);
    warning.hidden = list.warning === null;
    warning.textContent = list.warning === null ? "" : `${list.warning}.`;
    show(rows, list.orders.map(row));
    listCurrency = list.orders.find((order) => order.currency)?.currency ?? listCurrency;
    const byTotal = heads.querySelector("#sort-total_minor");
    byTotal?.setAttribute("href", sortLink("total_minor", filters));
    placeholder.textContent = list.orders.length ? "" : emptyText(list, filters);
    placeholder.hidden = list.orders.length > 0;
    showPages(paging, list.next, "cursor", toPage, pageTexts);
    await overview.load();
    form.addReasons(overview.failureReasons);
    return REFRESH_MS;
  };
  keepLoading(load, placeholder, signal);
  onToken(forgetOverview, signal);
}

/** @param {Record<string, string>} filters */
function actOnLink(filters) {
  return el("p", {}, el("a", { id: "act-on", href: toActOn(filters) }, "Act on these orders …"));
}

/**
 * Return the heads of the columns; those with a field are links that sort by it.
 *
 * @param {Record<string, string>} filters
 */
function head(filters) {
  const sort = filters.sort ?? "-placed_at";
  const cells = COLUMNS.map(([name, field]) => {
    const attributes = { scope: "col", role: "columnheader" };
    if (!field) return el("th", attributes, name);
    const order = { [field]: "ascending", [`-${field}`]: "descending" }[sort] ?? null;
    const mark = order && (order === "ascending" ? " ▲" : " ▼");
    const arrow = mark && el("span", { "aria-hidden": "true" }, mark);
    const link = el("a", { id: `sort-${field}`, href: sortLink(field, filters) }, name, arrow);
    return el("th", { ...attributes, "aria-sort": order }, link, el("span.plain", {}, name));
  });
  return headRow(cells);
}

/**
 * Return the address of the list sorted by a field: the greatest first, or if it is so, the least.
 *
 * @param {string} field
 * @param {Record<string, string>} filters
 */
function sortLink(field, filters) {
  const isDescending = (filters.sort ?? "-placed_at") === `-${field}`;
  const sort = isDescending ? field : `-${field}`;
  const currency = field === "total_minor" ? filters.currency || listCurrency : filters.currency;
  return toList({
    ...filters,
    currency: currency ?? "",
    sort: sort === "-placed_at" ? "" : sort,
    cursor: "",
  });
}

/** @param {Api.ListedOrder} order */
function row(order) {
  const total = money(order.total_minor, order.currency);
  /** @type {[string, import("./dom.js").Child][]} */
  const columns = [
    ["id", el("a", { href: toOrder(order.order_id) }, order.order_id)],
    ["state", el("span", {}, stateChip(order.state), " ", ...attentionOf(order), againMark(order))],
    ["status", statusChip(order.status)],
    ["customer", order.customer_id ?? "–"],
    ["total", el("span", { title: lineCount(order.line_count) }, total)],
    ["placed", time(order.placed_at)],
    ["closed", time(order.closed_at)],
    ["why", order.failure && failureText(order.failure)],
  ];
  const cells = columns.map(([name, content], index) =>
    index === 0
      ? el(`th.${name}`, { role: "rowheader", scope: "row" }, content)
      : el(`td.${name}`, { role: "cell" }, content),
  );
  return el(order.needs_attention ? "tr.needs-attention" : "tr", { role: "row" }, ...cells);
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
 * Return how many lines an order has, where that is known.
 *
 * @param {number|null} count
 */
function lineCount(count) {
  return count ? `${count} line${count === 1 ? "" : "s"}` : null;
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
