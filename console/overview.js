/**
 * The first look at all orders, above their list: what needs a person, how many are in each state
 * and why orders failed, what closed lately, and who works. Each figure is a link to its orders.
 */
import { addressOf } from "./address.js";
import { get, Problem } from "./api.js";
import { bdi, el, show } from "./dom.js";
import { showFigures } from "./figures.js";
import { forgetLately, Lately } from "./lately.js";
import { Needs } from "./needs.js";
import { Roles } from "./roles.js";
import { time } from "./times.js";
import { meaningOf, STATES_IN_ORDER, toneOf } from "./words.js";

/** The figures are loaded with the list, and no more often than this. */
const REFRESH_MS = 15_000;

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
  forgetLately();
  dueAt = 0;
}

/** The figures, in a section of their own. */
export class Overview {
  /** @param {Record<string, string>} filters the list's: the figure that it shows is marked */
  constructor(filters) {
    this.filters = filters;
    this.needs = new Needs();
    this.states = new FigureRow("Orders by state", "state", filters.state);
    this.reasons = new FigureRow("Failures by reason", "reason", filters.reason);
    this.lately = new Lately(() => this.loadAll([() => this.lately.load()]));
    this.roles = new Roles();
    this.footnotes = el("p.footnotes");
    const panels = el("div.panels", {}, this.lately.node, this.roles.node);
    const parts = [this.needs.node, this.states.node, this.reasons.node, panels, this.footnotes];
    this.node = el("section.overview", { "aria-label": "All orders", hidden: true }, ...parts);
    this.draw();
  }

  /** Load the figures, if that is due; a problem leaves the list alone. */
  async load() {
    if (performance.now() < dueAt) return;
    dueAt = performance.now() + REFRESH_MS;
    await this.loadAll([() => this.loadFigures(), () => this.lately.load()]);
  }

  async loadFigures() {
    cache.figures = await get("/overview");
  }

  /**
   * Load each part, and show what came; a problem leaves the others alone.
   *
   * @param {(() => Promise<void>)[]} parts
   */
  async loadAll(parts) {
    cache.problem = null;
    const attempts = parts.map(async (load) => {
      try {
        await load();
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        cache.problem = problem.message;
        dueAt = Math.max(dueAt, performance.now() + (problem.afterSeconds ?? 0) * 1000);
      }
    });
    await Promise.all(attempts);
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
    show(this.footnotes, [
      figures && el("span", {}, "as of ", time(figures.as_of)),
      figures?.warning && el("span.unsure", {}, bdi(figures.warning), "."),
      problem && el("span.unsure", {}, "No newer figures: ", bdi(problem), "."),
    ]);
  }

  /** @param {Api.Overview} figures */
  drawFigures({ states, reasons, needs_attention: attention, roles, warning }) {
    this.needs.draw(attention, this.filters.needs_attention === "true");
    this.roles.draw(roles ?? null, !warning);
    this.states.draw(
      STATES_IN_ORDER.map((state) => [state, states[state] ?? null, toneOf(state)]),
    );
    const mostFirst = Object.entries(reasons).sort(([, one], [, other]) => other - one);
    this.reasons.draw(mostFirst.map(([reason, count]) => [reason, count, "failure"]));
  }
}

/** A row of figures, each a link to its orders. */
class FigureRow {
  /**
   * @param {string} title
   * @param {"state"|"reason"} filter the one that its links set
   * @param {string|undefined} current
   */
  constructor(title, filter, current) {
    this.filter = filter;
    this.current = current;
    this.list = el("ul.figures", { "aria-label": title });
    this.node = el("div.figure-row", {}, el("span.figure-title", {}, title), this.list);
  }

  /** @param {[name: string, count: number|null, tone: string][]} figures */
  draw(figures) {
    const links = figures.map(([name, count, tone]) => ({
      ...{ name, count, tone, href: addressOf({ [this.filter]: name }) },
      title: this.filter === "state" ? meaningOf(name) : null,
      isCurrent: this.current === name,
    }));
    showFigures(this.list, links);
    this.node.hidden = figures.length === 0;
  }
}
