/**
 * Orders, newest first, page by page, beneath the figures of how all of them stand.
 */
import { filtersOf, go, toList, toOrder } from "./address.js";
import { get } from "./api.js";
import { el, quoted, show } from "./dom.js";
import { money } from "./money.js";
import { fresh, wrong } from "./notice.js";
import { forgetOverview, Overview } from "./overview.js";
import { time } from "./times.js";
import { onToken } from "./token.js";
import { watch } from "./watch.js";
import { attention, stateChip, STATES_IN_ORDER, statusChip } from "./words.js";

const REFRESH_MS = 5_000;
const ON_A_PAGE = "25";
const LOADING = "Loading …";
const STATUSES = ["PENDING", "CONFIRMED", "CANCELLED"];
const FILTERS = ["state", "reason", "status", "customer_id", "needs_attention"];
const COLUMNS = ["Order", "State", "Status", "Customer", "Total", "Placed", "Why it failed"];

/** Show the list that the address names in `page`, until `signal`. */
export function listPage(page, signal) {
  const filters = filtersOf(location.search);
  document.title = "Orders · Order saga";
  const warning = el("p.warning", { hidden: true, role: "status" });
  const rows = el("tbody", { role: "rowgroup" });
  const nothing = el("p.nothing", {}, LOADING);
  const paging = el("nav.paging", { "aria-label": "Pages" });
  const overview = new Overview(filters);
  const form = filterForm(filters);
  form.offer(overview.failures);
  page.append(
    el("div.head", {}, el("h1", {}, "Orders")),
    overview.node,
    form.node,
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
    await overview.load();
    form.offer(overview.failures);
    return REFRESH_MS;
  };
  const missed = (problem) => {
    if (nothing.textContent === LOADING) nothing.textContent = "Not loaded.";
    wrong(problem);
  };
  const soon = watch(load, { fresh, wrong: missed }, signal);
  onToken(() => (forgetOverview(), soon()), signal);
}

function head() {
  const cells = COLUMNS.map((name) => el("th", { scope: "col", role: "columnheader" }, name));
  return el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...cells));
}

function row(order) {
  const failure = order.failure && `${order.failure.reason}: ${order.failure.message}`;
  const cells = [
    ["id", el("a", { href: toOrder(order.order_id) }, order.order_id)],
    ["state", el("span", {}, stateChip(order.state), " ", ...needs(order))],
    ["status", statusChip(order.status)],
    ["customer", order.customer_id ?? "–"],
    [
      "total",
      el("span", { title: lines(order.line_count) }, money(order.total_minor, order.currency)),
    ],
    ["placed", time(order.placed_at)],
    [
      "why",
      failure &&
        el("span", { title: failure }, order.failure.reason, ": ", quoted(order.failure.message)),
    ],
  ];
  const drawn = cells.map(([name, content], index) =>
    el(
      index ? `td.${name}` : `th.${name}`,
      { role: index ? "cell" : "rowheader", scope: index ? null : "row" },
      content,
    ),
  );
  return el(order.needs_attention ? "tr.needy" : "tr", { role: "row" }, ...drawn);
}

/** Return that an order needs a person, why, and since when as far as that is known. */
function needs({ needs_attention, attention: need }) {
  if (!needs_attention) return [];
  return [attention(need), need?.since && el("span.since", {}, " since ", time(need.since))];
}

/** Return how many lines an order has, where that is known. */
function lines(count) {
  return count ? `${count} line${count === 1 ? "" : "s"}` : null;
}

/** Return where the list goes on, and where it begins. */
function pages(list, filters) {
  const older = list.next
    ? { ...filters, cursor: new URL(list.next, location.origin).searchParams.get("cursor") }
    : null;
  const newest = [["← Newest", toList({ ...filters, cursor: "" })]];
  return [...(filters.cursor ? newest : []), ...(older ? [["Older →", toList(older)]] : [])];
}

function emptiness(list, filters) {
  if (list.next) return "None on this page, but there are older ones.";
  return isFiltered(filters)
    ? "No order is like that."
    : "There are no orders yet. One that is placed appears here by itself.";
}

function isFiltered(filters) {
  return FILTERS.some((name) => filters[name]);
}

/** Return the form of the filters, and what offers further reasons in it. */
function filterForm(filters) {
  const choice = (id, given, names) => {
    const offered = given && !names.includes(given) ? [given, ...names] : names; // also one that there is no order of now
    const options = offered.map((name) =>
      el("option", { value: name, selected: given === name }, name),
    );
    return el("select", { id }, el("option", { value: "" }, "any"), ...options);
  };
  const state = choice("state", filters.state, STATES_IN_ORDER);
  const reason = choice("reason", filters.reason, []);
  const status = choice("status", filters.status, STATUSES);
  const customer = el("input", {
    id: "customer",
    value: filters.customer_id ?? "",
    placeholder: "any",
    spellcheck: "false",
  });
  const needy = el("input", {
    id: "needy",
    type: "checkbox",
    checked: filters.needs_attention === "true",
  });
  const apply = () =>
    go(
      toList({
        ...{
          state: state.value,
          reason: reason.value,
          status: status.value,
          customer_id: customer.value.trim(),
        },
        needs_attention: needy.checked ? "true" : "",
      }),
    );
  const node = el(
    "form.filters",
    { "aria-label": "Filters", on: { submit: (event) => (event.preventDefault(), apply()) } },
    el("label", {}, "State ", state),
    el("label", {}, "Reason ", reason),
    el("label", {}, "Status ", status),
    el("label", {}, "Customer ", customer),
    el("label", {}, needy, " Needs attention"),
    el("button", { id: "filter" }, "Filter"),
    isFiltered(filters) ? el("a", { href: "/" }, "Clear") : null,
  );
  const offer = (reasons) => {
    const there = new Set([...reason.options].map((option) => option.value));
    for (const name of reasons)
      if (!there.has(name)) reason.append(el("option", { value: name }, name));
  };
  return { node, offer };
}
