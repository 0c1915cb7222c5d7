/**
 * A line of an order that is being written: its product is looked up while its SKU is typed.
 */
import { IN_USE } from "./currencies.js";
import { el } from "./dom.js";
import { Field } from "./field.js";
import { LookupField } from "./lookupfield.js";
import { amount, money } from "./money.js";

/** @typedef {import("./body.js").LineTexts & {suggestion?: string}} Texts */

/** One line, in `node`. */
export class Line {
  /**
   * @param {Texts} texts what stands in it at first
   * @param {{onChange: () => void, onRemove: (line: Line) => void}} form
   * @param {AbortSignal} signal
   */
  constructor(texts, form, signal) {
    this.form = form;
    /** What the list price gave: another price is somebody's own. */
    this.suggestion = texts.suggestion ?? "";
    this.legend = el("legend");
    const stockOf = (/** @type {string} */ sku) => `/stock/${encodeURIComponent(sku)}`;
    this.sku = new LookupField("SKU", "sku", stockOf, (problem) => this.know(problem), signal);
    /** @type {Record<string, Field>} by the API's names */
    this.fields = {
      sku: this.sku,
      quantity: new Field("Quantity", { required: true, inputmode: "numeric", class: "number" }),
      unit_price_minor: new Field("Unit price", {
        ...{ required: true, inputmode: "decimal", class: "number" },
      }),
    };
    const { sku, quantity, unit_price_minor: price } = this.fields;
    const onRemove = { click: () => form.onRemove(this) };
    this.remove = el("button", { type: "button", on: onRemove }, "Remove");
    const parts = [this.legend, sku.node, quantity.node, price.node, this.remove];
    this.node = el("fieldset.order-line", {}, ...parts);
    [sku.text, quantity.text, price.text] = [texts.sku, texts.quantity, texts.price];
    sku.input.addEventListener("input", () => this.suggest("")); // it was another product's price
    this.sku.ask();
  }

  /** What stands in its fields. */
  get texts() {
    const { sku, quantity, unit_price_minor: price } = this.fields;
    const { suggestion } = this;
    return { sku: sku.text, quantity: quantity.text, price: price.text, suggestion };
  }

  /**
   * Say which line it is; the only one cannot be removed.
   *
   * @param {number} number
   * @param {boolean} isRemovable
   */
  renumber(number, isRemovable) {
    this.remove.hidden = !isRemovable;
    this.legend.textContent = `Line ${number}`;
    this.remove.setAttribute("aria-label", `Remove line ${number}`);
  }

  /** Remove it from the page. */
  end() {
    this.sku.end();
    this.node.remove();
  }

  /**
   * Hear that its product is known, or why it is not.
   *
   * @param {import("./api.js").Problem|null} problem
   */
  know(problem) {
    if (problem?.status === 404) this.sku.inform("There is no such product.", true);
    else if (problem) this.sku.inform(`Not looked up. ${problem.message}.`, true);
    this.form.onChange();
  }

  /**
   * Show what is known of its product.
   *
   * @param {string} currency of the order
   * @param {Line[]} lines all of the order
   */
  look(currency, lines) {
    /** @type {Api.StockView|null} */
    const product = this.sku.answer;
    if (product === null) return;
    const { name, available, prices } = product;
    const listPrice = prices[currency] ?? null;
    const own = Number(this.texts.quantity) || 0;
    const others = lines.filter((line) => line !== this && line.texts.sku === this.texts.sku);
    const demand = others.reduce((sum, { texts }) => sum + (Number(texts.quantity) || 0), own);
    const isShort = demand > available;
    const facts = [name, isShort ? `only ${available} available` : `${available} available`];
    if (isShort && demand > own) facts.push(`${demand} in all lines`);
    if (listPrice !== null) facts.push(`list price ${money(listPrice, currency)}`);
    else if (IN_USE.includes(currency)) facts.push(`no list price in ${currency}`);
    this.sku.inform(facts.join(" · "), isShort);
    this.suggest(listPrice === null ? "" : amount(listPrice, currency));
  }

  /**
   * Put a price in, or "" for none, unless somebody has typed another.
   *
   * @param {string} price
   */
  suggest(price) {
    const field = this.fields.unit_price_minor;
    if (field.text !== "" && field.text !== this.suggestion) return;
    if (price !== "" && document.activeElement === field.input) return; // somebody types there
    this.suggestion = price;
    if (field.text !== price) field.text = price;
  }
}
