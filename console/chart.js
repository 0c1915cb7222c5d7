/**
 * Small charts: one bar for each part of a span, drawn as SVG. Whoever cannot see them is told the
 * sum and the greatest part; a table beside them has every number.
 */
import { printable } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 24;
const GAP = 0.2;
/** What is not nothing is seen, however small it is beside the rest. */
const LEAST = 1.5;

/**
 * @typedef {object} Bar
 * @property {number} value
 * @property {string} text says when and how many, where it is pointed at
 */

/**
 * Return an element of SVG with text alone in it.
 *
 * @param {string} name
 * @param {Record<string, string|number>} attributes
 * @param {...(SVGElement|string)} children
 */
function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, String(value));
  }
  for (const child of children) {
    element.append(typeof child === "string" ? printable(child) : child);
  }
  return element;
}

/**
 * Return bars side by side.
 *
 * @param {Bar[]} bars
 * @param {number} most the value of a bar that is as high as the chart
 * @param {string} summary what the chart says, in a sentence
 */
export function chart(bars, most, summary) {
  const view = `0 0 ${bars.length} ${HEIGHT}`;
  const options = { viewBox: view, preserveAspectRatio: "none", role: "img", class: "chart" };
  const parts = bars.map(({ value, text }, index) => {
    const height = value && Math.max(LEAST, (value / Math.max(most, 1)) * HEIGHT);
    const column = { x: index + GAP / 2, width: 1 - GAP };
    return svg(
      "g",
      {},
      svg("title", {}, text),
      svg("rect", { x: index, width: 1, y: 0, height: HEIGHT, class: "reach" }),
      svg("rect", { ...column, y: HEIGHT - height, height, class: "bar" }),
    );
  });
  return svg("svg", { ...options, "aria-label": printable(summary) }, ...parts);
}
