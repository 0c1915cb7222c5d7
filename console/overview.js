/**
 * How all orders stand, above their list: what needs a person, since when and at what stake; how
 * many are in each state, and why orders failed. Each figure is a link to the orders that it
 * counts.
 */
import { toList } from "./address.js";
import { get, Problem } from "./api.js";
import { el, quoted, show } from "./dom.js";
import { money } from "./money.js";
import { age, time } from "./times.js";
import { CAUSES, meaningOf, STATES_IN_ORDER, toneOf } from "./words.js";

/** It is asked for with the list, and no more often than this. */
const FRESH_MS = 15_000;

/** What was told last, also on the page before: who turns a page asks for no figures. */
let known = { figures: null, missed: null };
let dueAt = 0;

/** Forget what was told: somebody else looks. */
export function forgetOverview() {
  known = { figures: null, missed: null };
  dueAt = 0;
}

/** The figures, in a section of their own. */
export class Overview {
  /**
   * @param {Record<string, string>} filters those of the list beneath: the figure that it shows is
   *   marked
   */
  constructor(filters) {
    this.filters = filters;
    this.need = el("p.need");
    this.states = new Figures("How many are where", "state", filters.state);
    this.reasons = new Figures("Why orders failed", "reason", filters.reason);
    this.asOf = el("p.as-of");
    const parts = [this.need, this.states.list, this.reasons.list, this.asOf];
    this.node = el(
      "section.overview",
      { "aria-label": "How orders stand", hidden: true },
      ...parts,
    );
    this.draw();
  }

  /** Ask again, if that is due; what cannot be had leaves the list alone. */
  async load() {
    if (performance.now() < dueAt) return;
    dueAt = performance.now() + FRESH_MS;
    try {
      known = { figures: await get("/overview"), missed: null };
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      known.missed = problem.message;
      dueAt = Math.max(dueAt, performance.now() + (problem.afterSeconds ?? 0) * 1000);
    }
    this.draw();
  }

  /** The reasons for which orders failed, as far as they are known. */
  get failures() {
    return Object.keys(known.figures?.reasons ?? {});
  }

  draw() {
    const { figures, missed } = known;
    this.node.hidden = figures === null && missed === null;
    if (figures !== null) {
      const { states, reasons, needs_attention: need } = figures;
      const often = Object.entries(reasons).sort(([, one], [, other]) => other - one);
      show(this.need, pieces(need, this.filters.needs_attention === "true"), (piece) =>
        piece.draw(),
      );
      this.states.draw(
        STATES_IN_ORDER.map((state) => [state, states[state] ?? null, toneOf(state)]),
      );
      this.reasons.draw(often.map(([reason, count]) => [reason, count, "ended"]));
    }
    const told = [figures && ["as of", figures.as_of], figures?.warning && ["", figures.warning]];
    show(
      this.asOf,
      [...told, missed && ["No newer figures: ", missed]].filter(Boolean),
      ([title, of]) =>
        title === "as of"
          ? el("span", {}, "as of ", time(of))
          : el("span.unsure", {}, title, quoted(of), "."),
    );
  }
}

/**
 * Return what is told of orders that need a person, piece by piece: each is drawn anew when it says
 * something else.
 */
function pieces({ count, by_cause, since, at_stake_minor }, isShown) {
  const link = { count, isShown, draw: () => needLink(count, isShown) };
  if (!count) return [link];
  const causes = Object.entries(by_cause).filter(([, of]) => of);
  const stake = Object.entries(at_stake_minor).map(([currency, minor]) => money(minor, currency));
  const what = causes.map(([cause, of]) => `${of} ${CAUSES[cause]?.[0] ?? cause}`).join(", ");
  const passed = since && age(since);
  return [
    link,
    ...(what ? [{ what, draw: () => el("span", {}, what) }] : []),
    ...(since
      ? [{ since, passed, draw: () => el("span", {}, "since ", time(since), ` (${passed})`) }]
      : []),
    ...(stake.length
      ? [{ stake, draw: () => el("span", {}, "at stake: ", el("b", {}, stake.join(", "))) }]
      : []),
  ];
}

function needLink(count, isShown) {
  if (count === null) return el("span.unsure", {}, "Whether orders need a person is not known now");
  if (count === 0) return el("span.figure.good", {}, "No order needs a person");
  const words =
    count === 1 ? "1 order needs a person" : `${count.toLocaleString("en")} orders need a person`;
  const address = toList({ needs_attention: "true" });
  return el(
    "a.figure.bad",
    { href: address, "aria-current": isShown && "true" },
    el("b", {}, `⚠ ${words}`),
  );
}

/**
 * A row of figures, each a link to the orders that it counts. What has the keyboard keeps it when a
 * number changes.
 */
class Figures {
  constructor(title, filter, isShown) {
    this.filter = filter;
    this.isShown = isShown;
    this.list = el("ul.figures", { "aria-label": title });
    this.links = new Map();
  }

  /**
   * @param {[string, number|null, string][]} figures names, how many, and in which tone; null where
   *   nobody knows
   */
  draw(figures) {
    const names = new Set(figures.map(([name]) => name));
    for (const [name, link] of this.links) if (!names.has(name)) link.parentElement.remove();
    this.links = new Map([...this.links].filter(([name]) => names.has(name)));
    for (const [name, count, tone] of figures) {
      if (!this.links.has(name)) this.add(name);
      const link = this.links.get(name);
      link.className = `figure ${count === 0 ? "quiet" : tone}`;
      link.firstElementChild.textContent = count === null ? "?" : count.toLocaleString("en");
    }
    this.list.hidden = figures.length === 0;
  }

  add(name) {
    const address = toList({ [this.filter]: name });
    const meaning = this.filter === "state" ? meaningOf(name) : null;
    const current = this.isShown === name && "true";
    const link = el(
      "a",
      { href: address, title: meaning, "aria-current": current },
      el("b"),
      " ",
      name,
    );
    this.links.set(name, link);
    this.list.append(el("li", {}, link));
  }
}
