/**
 * What closed lately, by minutes, hours or days: how many orders completed and failed, for which
 * reasons, as small charts and as a table, and how long they took.
 */
import { get } from "./api.js";
import { chart } from "./chart.js";
import { el, show } from "./dom.js";
import { labelOf, seriesOf, sumOf } from "./series.js";
import { newTable } from "./table.js";
import { meaningOf, number } from "./words.js";

/**
 * By span: what its switch says, and what a sentence calls it.
 *
 * @type {Record<string, [string, string]>}
 */
const SPANS = {
  "1h": ["1 h", "the last hour, by minutes"],
  "24h": ["24 h", "the last 24 hours, by hours"],
  "30d": ["30 d", "the last 30 days, by days in UTC"],
};

/**
 * The last answer and the chosen span, also those of the page before.
 *
 * @type {{span: string, lately: Api.LatelyClosed|null}}
 */
const cache = { span: "24h", lately: null };

/** Forget what closed: another person looks. */
export function forgetLately() {
  cache.lately = null;
}

/** The charts, in a section of their own. */
export class Lately {
  /** @param {() => void} onChoice another span was chosen, and is to be loaded */
  constructor(onChoice) {
    this.list = el("ul.series");
    this.axis = el("p.axis", { "aria-hidden": "true" });
    this.times = el("p.times-to-close");
    this.table = el("div.scroll", { tabindex: 0, role: "region", "aria-label": "All numbers" });
    const summary = el("summary", {}, "As a table");
    const on = { toggle: () => this.drawTable() };
    this.details = /** @type {HTMLDetailsElement} */ (
      el("details.numbers", { on }, summary, this.table)
    );
    const title = el("h2", { id: "lately-title" }, "Closed lately");
    const head = el("div.panel-head", {}, title, switchOf(onChoice));
    const parts = [head, this.list, this.axis, this.times, this.details];
    this.node = el("section.panel.lately", { "aria-labelledby": "lately-title" }, ...parts);
    this.draw();
  }

  /**
   * Load the chosen span.
   *
   * @throws {import("./api.js").Problem}
   */
  async load() {
    const { span } = cache;
    this.node.setAttribute("aria-busy", String(span !== cache.lately?.span));
    /** @type {Api.LatelyClosed} */
    const lately = await get(`/overview/closed?span=${span}`);
    if (span !== cache.span) return; // another one was chosen meanwhile
    cache.lately = lately;
    this.draw();
  }

  draw() {
    const { lately } = cache;
    this.node.hidden = lately === null;
    if (lately === null) return;
    const series = seriesOf(lately.outcomes);
    show(this.list, series.map(emptyRow));
    const labels = lately.outcomes.map(({ at }) => labelOf(at, lately.unit));
    series.forEach((one, index) =>
      fillRow(this.list.children[index], one, labels, SPANS[lately.span][1]),
    );
    this.axis.replaceChildren(el("span", {}, labels[0]), el("span", {}, "now"));
    this.times.replaceChildren(...timesToClose(lately.time_to_close));
    this.drawTable();
    this.node.setAttribute("aria-busy", "false");
  }

  /** Fill the table if it is unfolded: it has many cells. */
  drawTable() {
    const { lately } = cache;
    if (lately === null || !this.details.open) return;
    const { outcomes, span, unit } = lately;
    /** @type {import("./table.js").Column<number>[]} */
    const columns = [["From", "th", (index) => labelOf(outcomes[index].at, unit)]];
    for (const { name, values } of seriesOf(outcomes)) {
      columns.push([name, "td", (index) => number(values[index])]);
    }
    const table = newTable("table", columns);
    table.node.prepend(el("caption", {}, `Orders that closed in ${SPANS[span][1]}`));
    table.show([...outcomes.keys()].reverse());
    this.table.replaceChildren(table.node);
  }
}

/**
 * Return where a series is shown: a link to its orders, its bars, and their sum.
 *
 * @param {import("./series.js").Series} series
 */
function emptyRow({ name, href }) {
  const link = el(href ? "a" : "span", { title: meaningOf(name) }, name);
  return el("li", {}, el("span.series-name", {}, link), el("span.bars"), el("b.sum"));
}

/**
 * Show a series in its row. The link keeps the focus.
 *
 * @param {Element} row
 * @param {import("./series.js").Series} series
 * @param {string[]} labels
 * @param {string} span
 */
function fillRow(row, { name, tone, href, values, most }, labels, span) {
  const [linkBox, chartBox, sumBox] = row.children;
  if (href) linkBox.firstElementChild?.setAttribute("href", href);
  const sum = number(sumOf(values));
  const greatest = Math.max(...values);
  const peak = `; most, ${number(greatest)}, from ${labels[values.indexOf(greatest)]}`;
  const bars = values.map((value, at) => ({ value, text: `${labels[at]}: ${number(value)}` }));
  const summary = `${name}: ${sum} in ${span}${greatest ? peak : ""}`;
  row.className = tone;
  chartBox.replaceChildren(chart(bars, most, summary));
  sumBox.textContent = sum;
}

/**
 * Return the switch between the spans; the keyboard's arrows move in it.
 *
 * @param {() => void} onChoice
 */
function switchOf(onChoice) {
  const choices = Object.entries(SPANS).map(([span, [label, meaning]]) => {
    const change = () => {
      cache.span = span;
      onChoice();
    };
    const checked = span === cache.span;
    const on = { change };
    const radio = el("input", { type: "radio", name: "span", value: span, checked, on });
    return el("label", { title: meaning }, radio, el("span", {}, label));
  });
  return el("fieldset.switch", {}, el("legend.hidden", {}, "Span"), ...choices);
}

/**
 * Return in words how long orders took.
 *
 * @param {Api.LatelyClosed["time_to_close"]} byState
 */
function timesToClose(byState) {
  const sentences = Object.entries(byState).map(([state, times]) => {
    const { p50_seconds: p50, p95_seconds: p95, count } = times;
    const title = `of the last ${number(count)} that closed`;
    const verb = state === "COMPLETED" ? "Completed in" : "Failed in";
    const half = el("b", {}, inUnits(p50));
    return el("span", { title }, `${verb} `, half, " (p50), ", el("b", {}, inUnits(p95)), " (p95)");
  });
  return sentences.length ? sentences : [el("span", {}, "No order closed in this span.")];
}

/** @param {number} seconds */
function inUnits(seconds) {
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  if (seconds < 7_200) return `${(seconds / 60).toFixed(0)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}
