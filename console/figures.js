/**
 * Figures in a row, each a link to the orders that it counts.
 */
import { el, show } from "./dom.js";
import { number } from "./words.js";

/**
 * @typedef {object} Figure
 * @property {string} name
 * @property {number|null} count null: not known
 * @property {string} tone unless none are counted
 * @property {string} href
 * @property {string|null} title
 * @property {boolean} isCurrent whether the page shows these orders
 */

/**
 * Show figures in `list`. A link with the focus keeps it when its number changes.
 *
 * @param {Element} list
 * @param {Figure[]} figures
 */
export function showFigures(list, figures) {
  const items = figures.map(({ name, href, title, isCurrent }) => {
    const attributes = { href, title, "aria-current": isCurrent && "true" };
    return el("li", {}, el("a", attributes, el("b"), " ", name));
  });
  show(list, items);
  figures.forEach(({ count, tone }, index) => {
    const link = /** @type {Element} */ (list.children[index].firstElementChild);
    const countBox = /** @type {Element} */ (link.firstElementChild);
    link.className = `figure ${count === 0 ? "quiet" : tone}`;
    countBox.textContent = count === null ? "?" : number(count);
  });
}
