/**
 * What a chart of closed orders is made of: the orders that completed, those that failed, and these
 * by reason, each with one number for each part of the span.
 */
import { addressOf } from "./address.js";
import { clock } from "./times.js";

/** So many reasons have a chart of their own; the others have one together. */
const MOST_REASONS = 5;

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {string} tone
 * @property {string|null} href the orders that it counts, as far as a list can show them
 * @property {number[]} values
 * @property {number} most what a bar as high as the chart stands for
 */

/**
 * Return what is charted, the most frequent reason first. Failures have one scale. The links are to
 * what closed since the first part began, the last one first.
 *
 * @param {Api.Outcomes[]} outcomes
 * @returns {Series[]}
 */
export function seriesOf(outcomes) {
  const completions = outcomes.map((one) => one.completions);
  const failures = outcomes.map((one) => sumOf(Object.values(one.failures)));
  const most = Math.max(...failures);
  const toClosed = (/** @type {Record<string, string>} */ filters) =>
    addressOf({ ...filters, closed_from: outcomes[0].at, sort: "-closed_at" });
  /** @type {Series[]} */
  const series = [
    {
      name: "COMPLETED",
      tone: "good",
      href: toClosed({ state: "COMPLETED" }),
      values: completions,
      most: Math.max(...completions),
    },
    {
      name: "FAILED",
      tone: "failure",
      href: toClosed({ state: "FAILED" }),
      values: failures,
      most,
    },
  ];
  const reasons = byReason(outcomes);
  const rest = reasons.splice(MOST_REASONS).map(([, values]) => values);
  for (const [reason, values] of reasons) {
    series.push({ name: reason, tone: "failure part", href: toClosed({ reason }), values, most });
  }
  if (rest.length) {
    const values = outcomes.map((_, index) => sumOf(rest.map((one) => one[index])));
    series.push({ name: "other reasons", tone: "failure part", href: null, values, most });
  }
  return series;
}

/**
 * Return the failures of each reason, the most frequent first.
 *
 * @param {Api.Outcomes[]} outcomes
 * @returns {[string, number[]][]}
 */
function byReason(outcomes) {
  /** @type {Record<string, number[]>} */
  const values = {};
  outcomes.forEach((one, index) => {
    for (const [reason, count] of Object.entries(one.failures)) {
      values[reason] ??= outcomes.map(() => 0);
      values[reason][index] = count;
    }
  });
  return Object.entries(values).sort(([, one], [, other]) => sumOf(other) - sumOf(one));
}

/**
 * Return when a part of a span began: the local time of day, or the day in UTC.
 *
 * @param {string} iso
 * @param {string} unit
 */
export function labelOf(iso, unit) {
  return unit === "day" ? iso.slice(0, 10) : clock(new Date(iso)).slice(0, 5);
}

/** @param {number[]} values */
export function sumOf(values) {
  return values.reduce((one, other) => one + other, 0);
}
