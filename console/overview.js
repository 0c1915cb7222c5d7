/**
 * All orders in figures, above their list: how many need a person, since when and how much money is
 * at stake; how many are in each state, and why orders failed. Each figure is a link to the orders
 * that it counts.
 */
import { toList } from "./address.js";
import { get, Problem } from "./api.js";
import { bdi, el, show } from "./dom.js";
import { money } from "./money.js";
import { age, time } from "./times.js";
import { CAUSES, meaningOf, STATES_IN_ORDER, toneOf } from "./words.js";

/** The figures are loaded with the list, and no more often than this. */
const REFRESH_MS = 15_000;

/**
 * @typedef {[string, number|null, string]} Figure name, count (null: not known) and tone
 * @typedef {{time?: string, prefix?: string, text?: string}} Footnote
 * @typedef {{draw: () => Element, [shown: string]: unknown}} Piece of what is shown of the orders
 *   that need a person
 */

/**
 * The last figures, also those of the page before: another page of the list loads none.
 *
 * @type {{figures: Api.Overview|null, problem: string|null}}
 */
let cache = { figures: null, problem: null };
let dueAt = 0;

/** Forget the figures: another person looks. */
export function forgetOverview() {
  cache = { figures: null, problem: null };
  dueAt = 0;
}

/** The figures, in a section of their own. */
export class Overview {
  /** @param {Record<string, string>} filters the list's: the figure that it shows is marked */
  constructor(filters) {
    this.filters = filters;
    this.attention = el("p.needs-person");
    this.states = new Figures("Orders by state", "state", filters.state);
    this.reasons = new Figures("Failures by reason", "reason", filters.reason);
    this.footnotes = el("p.footnotes");
    const parts = [this.attention, this.states.node, this.reasons.node, this.footnotes];
    this.node = el("section.overview", { "aria-label": "All orders", hidden: true }, ...parts);
    this.draw();
  }

  /** Load the figures, if that is due; a problem leaves the list alone. */
  async load() {
    if (performance.now() < dueAt) return;
    dueAt = performance.now() + REFRESH_MS;
    try {
      cache = { figures: await get("/overview"), problem: null };
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      cache.problem = problem.message;
      dueAt = Math.max(dueAt, performance.now() + (problem.afterSeconds ?? 0) * 1000);
    }
    this.draw();
  }

  /** The reasons for which orders failed, as far as they are known. */
  get failureReasons() {
    return Object.keys(cache.figures?.reasons ?? {});
  }

  draw() {
    const { figures, problem } = cache;
    this.node.hidden = figures === null && problem === null;
    if (figures !== null) this.drawFigures(figures);
    /** @type {Footnote[]} */
    const footnotes = [];
    if (figures) footnotes.push({ time: figures.as_of });
    if (figures?.warning) footnotes.push({ text: figures.warning });
    if (problem) footnotes.push({ prefix: "No newer figures: ", text: problem });
    show(this.footnotes, footnotes, footnote);
  }

  /** @param {Api.Overview} figures */
  drawFigures({ states, reasons, needs_attention: attention }) {
    const isShown = this.filters.needs_attention === "true";
    show(this.attention, attentionPieces(attention, isShown), (piece) => piece.draw());
    /** @type {Figure[]} */
    const byState = STATES_IN_ORDER.map((state) => [state, states[state] ?? null, toneOf(state)]);
    this.states.draw(byState);
    const mostFirst = Object.entries(reasons).sort(([, one], [, other]) => other - one);
    this.reasons.draw(mostFirst.map(([reason, count]) => [reason, count, "failure"]));
  }
}

/** @param {Footnote} footnote */
function footnote({ time: iso, prefix = "", text }) {
  if (iso) return el("span", {}, "as of ", time(iso));
  return el("span.unsure", {}, prefix, bdi(text), ".");
}

/**
 * Return what is shown of the orders that need a person; `draw` is called again on a change.
 *
 * @param {Api.AttentionFigures} figures
 * @param {boolean} isShown
 * @returns {Piece[]}
 */
function attentionPieces({ count, by_cause, since, at_stake_minor }, isShown) {
  const link = { count, isShown, draw: () => attentionLink(count, isShown) };
  if (!count) return [link];
  const stake = Object.entries(at_stake_minor).map(([currency, minor]) => money(minor, currency));
  const causes = Object.entries(by_cause)
    .filter(([, orders]) => orders)
    .map(([cause, orders]) => `${orders} ${CAUSES[cause]?.[0] ?? cause}`)
    .join(", ");
  const duration = since && age(since);
  const prefix = count === 1 ? "since " : "the longest since ";
  const longest = () => el("span", {}, prefix, time(since), ` (for ${duration})`);
  const amounts = () => el("span", {}, "at stake: ", el("b", {}, stake.join(", ")));
  return [
    link,
    ...(causes ? [{ causes, draw: () => el("span", {}, causes) }] : []),
    ...(since ? [{ since, duration, draw: longest }] : []),
    ...(stake.length ? [{ stake, draw: amounts }] : []),
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

/** A row of figures, each a link to its orders. A link with the focus keeps it when it changes. */
class Figures {
  /**
   * @param {string} title
   * @param {string} filter the one that its links set
   * @param {string|undefined} current
   */
  constructor(title, filter, current) {
    this.filter = filter;
    this.current = current;
    this.list = el("ul.figures", { "aria-label": title });
    this.node = el("div.figure-row", {}, el("span.figure-title", {}, title), this.list);
  }

  /** @param {Figure[]} figures */
  draw(figures) {
    const names = figures.map(([name]) => name);
    show(this.list, names, (name) => el("li", {}, this.link(name)));
    figures.forEach(([, count, tone], index) => {
      const link = /** @type {Element} */ (this.list.children[index].firstElementChild);
      const number = /** @type {Element} */ (link.firstElementChild);
      link.className = `figure ${count === 0 ? "quiet" : tone}`;
      number.textContent = count === null ? "?" : count.toLocaleString("en");
    });
    this.node.hidden = figures.length === 0;
  }

  /** @param {string} name */
  link(name) {
    const href = toList({ [this.filter]: name });
    const title = this.filter === "state" ? meaningOf(name) : null;
    const current = this.current === name && "true";
    return el("a", { href, title, "aria-current": current }, el("b"), " ", name);
  }
}
