/**
 * What needs a person: the headline, and the orders by reason and age.
 */
import { toList } from "./address.js";
import { bdi, el, show } from "./dom.js";
import { tableHead } from "./frame.js";
import { money } from "./money.js";
import { number } from "./series.js";
import { age, time } from "./times.js";
import { CAUSES } from "./words.js";

const COLUMNS = ["Cause", "Orders", "Longest", "< 1 h", "< 24 h", "Older", "What fails"];

/** What needs a person, in a headline and a table. */
export class Needs {
  constructor() {
    this.headline = el("p.needs-person");
    this.rows = el("tbody", { role: "rowgroup" });
    const label = "What needs a person, by reason and age";
    const head = tableHead(COLUMNS);
    this.table = el("table.needs", { role: "table", "aria-label": label }, head, this.rows);
    this.node = el("div.person-first", {}, this.headline, this.table);
  }

  /**
   * @param {Api.AttentionFigures} attention
   * @param {boolean} isShown whether the list shows these orders
   */
  draw(attention, isShown) {
    show(this.headline, headline(attention, isShown));
    const groups = attention.groups ?? [];
    show(this.rows, groups.map(groupRow));
    this.table.hidden = groups.length === 0;
  }
}

/** @param {Api.NeedGroup} group */
function groupRow(group) {
  const { cause, step, command, count, message, since } = group;
  const [word, meaning] = CAUSES[cause] ?? [cause, null];
  const longest = since && el("span", { title: `since ${since} (UTC)` }, age(since));
  const why = message ? [": ", bdi(message)] : [];
  const what = command
    ? el("span", {}, el("code", {}, command), ` of ${step}`, ...why)
    : meaning;
  const href = toList({ cause, step: step ?? "" });
  const ages = [group.within_hour, group.within_day, group.older];
  return el(
    "tr",
    { role: "row" },
    el("th", { scope: "row", role: "rowheader", title: meaning }, el("a", { href }, word)),
    cell("count", el("b", {}, number(count))),
    cell("longest", longest ?? "not known"),
    ...ages.map((orders) => cell("count.age", orders ? number(orders) : "–")),
    cell("what", what),
  );
}

/**
 * @param {string} name
 * @param {Node|string|null} content
 */
function cell(name, content) {
  return el(`td.${name}`, { role: "cell" }, content);
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
  const number = count.toLocaleString("en");
  const text = count === 1 ? "1 order needs a person" : `${number} orders need a person`;
  const href = toList({ needs_attention: "true" });
  const current = isShown && "true";
  return el("a.figure.bad", { href, "aria-current": current }, el("b", {}, `⚠ ${text}`));
}
