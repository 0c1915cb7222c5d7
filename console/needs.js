/**
 * What needs a person: the headline, and the orders by reason and age.
 */
import { addressOf } from "./address.js";
import { bdi, el, show } from "./dom.js";
import { money } from "./money.js";
import { newTable } from "./table.js";
import { age, time } from "./times.js";
import { CAUSES, number } from "./words.js";

/** @type {import("./table.js").Column<Api.NeedGroup>[]} */
const COLUMNS = [
  ["Cause", "th", causeLink],
  ["Orders", "td.count", ({ count }) => el("b", {}, number(count))],
  ["Longest", "td.longest", ({ since }) => (since ? longest(since) : "not known")],
  ["< 1 h", "td.count.age", ({ within_hour: orders }) => orNone(orders)],
  ["< 24 h", "td.count.age", ({ within_day: orders }) => orNone(orders)],
  ["Older", "td.count.age", ({ older: orders }) => orNone(orders)],
  ["What fails", "td.what", failingPart],
];

/** What needs a person, in a headline and a table. */
export class Needs {
  constructor() {
    this.headline = el("p.needs-person");
    this.table = newTable("table.needs", COLUMNS);
    this.table.node.setAttribute("aria-label", "What needs a person, by reason and age");
    this.node = el("div.person-first", {}, this.headline, this.table.node);
  }

  /**
   * @param {Api.AttentionFigures} attention
   * @param {boolean} isShown whether the list shows these orders
   */
  draw(attention, isShown) {
    show(this.headline, headline(attention, isShown));
    const groups = attention.groups ?? [];
    this.table.show(groups);
    this.table.node.hidden = groups.length === 0;
  }
}

/** @param {Api.NeedGroup} group */
function causeLink({ cause, step }) {
  const [word, title] = CAUSES[cause] ?? [cause, null];
  return el("a", { href: addressOf({ cause, step: step ?? "" }), title }, word);
}

/** @param {string} since */
function longest(since) {
  return el("span", { title: `since ${since} (UTC)` }, age(since));
}

/** @param {number} orders */
function orNone(orders) {
  return orders ? number(orders) : "–";
}

/** @param {Api.NeedGroup} group */
function failingPart({ cause, step, command, message }) {
  if (!command) return CAUSES[cause]?.[1];
  const why = message ? [": ", bdi(message)] : [];
  return el("span", {}, el("code", {}, command), ` of ${step}`, ...why);
}

/**
 * Return how many orders need a person, why, since when, and what is at stake.
 *
 * @param {Api.AttentionFigures} figures
 * @param {boolean} isShown
 */
function headline({ count, by_cause, since, at_stake_minor }, isShown) {
  if (!count) return [attentionLink(count, isShown)];
  const stake = Object.entries(at_stake_minor).map(([currency, minor]) => money(minor, currency));
  const causes = Object.entries(by_cause)
    .filter(([, orders]) => orders)
    .map(([cause, orders]) => `${orders} ${CAUSES[cause]?.[0] ?? cause}`)
    .join(", ");
  const prefix = count === 1 ? "since " : "the longest since ";
  return [
    attentionLink(count, isShown),
    causes && el("span", {}, causes),
    since && el("span", {}, prefix, time(since), ` (for ${age(since)})`),
    stake.length > 0 && el("span", {}, "at stake: ", el("b", {}, stake.join(", "))),
  ];
}

/**
 * @param {number|null} count
 * @param {boolean} isShown
 */
function attentionLink(count, isShown) {
  if (count === null) {
    return el("span.unsure", {}, "How many orders need a person is not known now");
  }
  if (count === 0) return el("span.figure.good", {}, "No order needs a person");
  const text = count === 1 ? "1 order needs a person" : `${number(count)} orders need a person`;
  const href = addressOf({ needs_attention: "true" });
  const current = isShown && "true";
  return el("a.figure.bad", { href, "aria-current": current }, el("b", {}, `⚠ ${text}`));
}
