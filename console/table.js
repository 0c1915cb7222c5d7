/**
 * Tables, told by their columns. Roles are said, as a style sheet may lay rows out as blocks: then
 * the browser would take the table for none.
 */
import { el, show } from "./dom.js";

/**
 * Its head; the kind of its cells as of `el`, `th` for the heads of rows; what stands in them.
 *
 * @template T
 * @typedef {[head: string, kind: string, content: (item: T) => import("./dom.js").Child]} Column
 */

/**
 * Return a table, and what shows a row for each item in it.
 *
 * @template T
 * @param {string} kind
 * @param {Column<T>[]} columns
 * @param {(item: T) => string} [rowKind]
 */
export function newTable(kind, columns, rowKind = () => "tr") {
  const heads = columns.map(([head]) => el("th", { scope: "col", role: "columnheader" }, head));
  const top = el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...heads));
  const rows = el("tbody", { role: "rowgroup" });
  const row = (/** @type {T} */ item) => {
    const cells = columns.map(([, cellKind, content]) => {
      const isHead = cellKind.startsWith("th");
      const attributes = isHead ? { role: "rowheader", scope: "row" } : { role: "cell" };
      return el(cellKind, attributes, content(item));
    });
    return el(rowKind(item), { role: "row" }, ...cells);
  };
  return {
    node: el(kind, { role: "table" }, top, rows),
    show: (/** @type {T[]} */ items) => show(rows, items.map(row)),
  };
}
