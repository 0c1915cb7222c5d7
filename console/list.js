/**
 * Orders, newest first, page by page.
 */
import { filtersOf, go, toList, toOrder } from "./address.js";
import { get } from "./api.js";
import { el, show } from "./dom.js";
import { money } from "./money.js";
import { fresh, wrong } from "./notice.js";
import { time } from "./times.js";
import { onToken } from "./token.js";
import { watch } from "./watch.js";
import { attention, stateChip, statusChip } from "./words.js";

const REFRESH_MS = 5_000;
const ON_A_PAGE = "25";
const LOADING = "Loading …";
const STATUSES = ["PENDING", "CONFIRMED", "CANCELLED"];
const COLUMNS = ["Order", "State", "Status", "Customer", "Total", "Placed", "Why it failed"];

/** Show the list that the address names in `page`, until `signal`. */
export function listPage(page, signal) {
  const filters = filtersOf(location.search);
  document.title = "Orders · Order saga";
  const warning = el("p.warning", { hidden: true, role: "status" });
  const rows = el("tbody", { role: "rowgroup" });
  const nothing = el("p.nothing", {}, LOADING);
  const paging = el("nav.paging", { "aria-label": "Pages" });
  page.append(
    el("div.head", {}, el("h1", {}, "Orders"), filterForm(filters)),
    warning,
    el("table.orders", { role: "table" }, head(), rows),
    nothing,
    paging,
  );

  const asked = new URLSearchParams({ limit: ON_A_PAGE, ...filters });
  const load = async () => {
    const list = await get(`/orders?${asked}`);
    warning.hidden = list.warning === null;
    warning.textContent = list.warning === null ? "" : `${list.warning}.`;
    show(rows, list.orders, row);
    nothing.textContent = list.orders.length ? "" : emptiness(list, filters);
    nothing.hidden = list.orders.length > 0;
    show(paging, pages(list, filters), ([text, address]) => el("a", { href: address }, text));
    return REFRESH_MS;
  };
  const missed = (problem) => {
    if (nothing.textContent === LOADING) nothing.textContent = "Not loaded.";
    wrong(problem);
  };
  const soon = watch(load, { fresh, wrong: missed }, signal);
  onToken(soon, signal);
}

function head() {
  const cells = COLUMNS.map((name) => el("th", { scope: "col", role: "columnheader" }, name));
  return el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...cells));
}

function row(order) {
  const failure = order.failure ? `${order.failure.reason}: ${order.failure.message}` : "";
  const cells = [
    ["id", el("a", { href: toOrder(order.order_id) }, order.order_id)],
    ["state", el("span", {}, stateChip(order.state), " ", order.needs_attention && attention())],
    ["status", statusChip(order.status)],
    ["customer", order.customer_id ?? "–"],
    ["total", money(order.total_minor, order.currency)],
    ["placed", time(order.placed_at)],
    ["why", el("span", { title: failure || null }, failure)],
  ];
  const drawn = cells.map(([name, content], index) =>
    el(index ? `td.${name}` : `th.${name}`, { role: index ? "cell" : "rowheader", scope: index ? null : "row" }, content),
  );
  return el(order.needs_attention ? "tr.needy" : "tr", { role: "row" }, ...drawn);
}

/** Return where the list goes on, and where it begins. */
function pages(list, filters) {
  const older = list.next ? { ...filters, cursor: new URL(list.next, location.origin).searchParams.get("cursor") } : null;
  const newest = [["← Newest", toList({ ...filters, cursor: "" })]];
  return [...(filters.cursor ? newest : []), ...(older ? [["Older →", toList(older)]] : [])];
}

function emptiness(list, filters) {
  if (list.next) return "None on this page, but there are older ones.";
  return isFiltered(filters) ? "No order is like that." : "There are no orders yet. One that is placed appears here by itself.";
}

function isFiltered(filters) {
  return Boolean(filters.status || filters.customer_id || filters.needs_attention);
}

function filterForm(filters) {
  const option = (name) => el("option", { value: name, selected: filters.status === name }, name);
  const status = el("select", { id: "status" }, el("option", { value: "" }, "any"), ...STATUSES.map(option));
  const customer = el("input", { id: "customer", value: filters.customer_id ?? "", placeholder: "any", spellcheck: "false" });
  const needy = el("input", { id: "needy", type: "checkbox", checked: filters.needs_attention === "true" });
  const apply = () =>
    go(toList({ status: status.value, customer_id: customer.value.trim(), needs_attention: needy.checked ? "true" : "" }));
  return el(
    "form.filters",
    { "aria-label": "Filters", on: { submit: (event) => (event.preventDefault(), apply()) } },
    el("label", {}, "Status ", status),
    el("label", {}, "Customer ", customer),
    el("label", {}, needy, " Needs attention"),
    el("button", { id: "filter" }, "Filter"),
    isFiltered(filters) ? el("a", { href: "/" }, "Clear") : null,
  );
}
