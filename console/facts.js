/**
 * What was ordered: the customer, the total, the times and the lines of an order.
 */
import { addressOf, toOrder } from "./address.js";
import { el, linkOut } from "./dom.js";
import { money } from "./money.js";
import { newTable } from "./table.js";
import { duration, time } from "./times.js";

/**
 * Return an element with an order's own data.
 *
 * @param {Api.OrderView} view
 */
export function facts(view) {
  /** @type {[string, import("./dom.js").Child][]} */
  const rows = [
    ["Customer", customer(view.customer_id)],
    ["Total", money(view.total_minor, view.currency)],
    ["Placed", time(view.placed_at)],
    ["Closed", closing(view)],
  ];
  if (view.again_of) rows.push(["Again for", order(view.again_of)]);
  if (view.again_as) rows.push(["Again as", order(view.again_as)]);
  if (view.links.temporal) {
    // A customer's token gets neither.
    rows.push(["Temporal", linkOut(view.links.temporal, "Web UI ↗")]);
    const href = addressOf({ operations: "", order_id: view.order_id });
    rows.push(["Who did what", el("a", { href }, "Log")]);
  }
  return el(
    "div",
    {},
    el("h2", {}, "Order"),
    el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    el("h2", {}, "Lines"),
    view.lines
      ? lines(view.lines, view.currency)
      : el("p.placeholder", {}, "Not known: the order could not be read."),
  );
}

/** @param {string} id */
function order(id) {
  return el("a", { href: toOrder(id) }, id);
}

/** @param {string|null} id */
function customer(id) {
  return id ? el("a", { href: addressOf({ customer_id: id }) }, id) : "–";
}

/** @param {Api.OrderView} view */
function closing({ placed_at, closed_at }) {
  if (!closed_at) return "–";
  return el("span", {}, time(closed_at), ` after ${duration(placed_at, closed_at)}`);
}

/**
 * @param {Api.OrderLine[]} lines
 * @param {string|null} currency
 */
function lines(lines, currency) {
  /** @type {import("./table.js").Column<Api.OrderLine>[]} */
  const columns = [
    ["SKU", "td", ({ sku }) => sku],
    ["Quantity", "td.number", ({ quantity }) => quantity],
    ["Unit price", "td.number", ({ unit_price_minor: price }) => money(price, currency)],
    ["Price", "td.number", (line) => money(line.quantity * line.unit_price_minor, currency)],
  ];
  const table = newTable("table.lines", columns);
  table.show(lines);
  return table.node;
}
