/**
 * A line of an order that is being written: its product is looked up while its SKU is typed.
 */
import { isName } from "./body.js";
import { el } from "./dom.js";
import { Field } from "./field.js";
import { Lookup } from "./lookup.js";
import { amount, money } from "./money.js";

/** One line, in `node`. */
export class Line {
  /**
   * @param {import("./body.js").LineTexts} texts what stands in it at first
   * @param {{currency: () => string, onChange: () => void, onRemove: (line: Line) => void}} form
   * @param {AbortSignal} signal
   */
  constructor(texts, form, signal) {
    this.form = form;
    /** What the list price gave, as long as nobody types another price. */
    this.suggestion = "";
    /** @type {Api.StockView|null} */
    this.product = null;
    this.legend = el("legend");
    /** @type {Record<string, Field>} by the API's names */
    this.fields = {
      sku: new Field("SKU", { required: true, maxlength: 64 }),
      quantity: new Field("Quantity", { required: true, inputmode: "numeric", class: "number" }),
      unit_price_minor: new Field("Unit price", {
        ...{ required: true, inputmode: "decimal", class: "number" },
      }),
    };
    const { sku, quantity, unit_price_minor: price } = this.fields;
    this.remove = el("button", { type: "button", on: { click: () => form.onRemove(this) } });
    const parts = [this.legend, sku.node, quantity.node, price.node, this.remove];
    this.node = el("fieldset.order-line", {}, ...parts);
    [sku.text, quantity.text, price.text] = [texts.sku, texts.quantity, texts.price];
    this.lookup = new Lookup((answer, problem) => this.know(answer, problem), signal);
    sku.input.addEventListener("input", () => this.ask());
    this.node.addEventListener("input", () => this.look());
    this.ask();
  }

  /** What stands in its fields. */
  get texts() {
    const { sku, quantity, unit_price_minor: price } = this.fields;
    return { sku: sku.text, quantity: quantity.text, price: price.text };
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
    this.remove.textContent = "Remove";
    this.remove.setAttribute("aria-label", `Remove line ${number}`);
  }

  /** Remove it from the page. */
  end() {
    this.lookup.ask(null);
    this.node.remove();
  }

  /** Look its product up. */
  ask() {
    const { text } = this.fields.sku;
    this.product = null;
    this.fields.sku.inform("");
    this.lookup.ask(isName("sku", text) ? `/stock/${encodeURIComponent(text)}` : null);
  }

  /**
   * Take what is known of its product, or why nothing is.
   *
   * @param {Api.StockView|null} product
   * @param {import("./api.js").Problem|null} problem
   */
  know(product, problem) {
    this.product = product;
    if (problem?.status === 404) this.fields.sku.inform("There is no such product.", true);
    else if (problem) this.fields.sku.inform(`Not looked up. ${problem.message}.`, true);
    this.look();
    this.form.onChange();
  }

  /** Show what is known of its product, for this quantity and currency. */
  look() {
    if (this.product === null) return;
    const { name, available, prices } = this.product;
    const currency = this.form.currency();
    const listPrice = prices[currency] ?? null;
    const isShort = Number(this.fields.quantity.text) > available;
    const facts = [name, isShort ? `only ${available} available` : `${available} available`];
    if (listPrice !== null) facts.push(`list price ${money(listPrice, currency)}`);
    this.fields.sku.inform(facts.join(" · "), isShort);
    const { unit_price_minor: price } = this.fields;
    if (listPrice === null || (price.text !== "" && price.text !== this.suggestion)) return;
    if (document.activeElement === price.input) return; // somebody types there
    this.suggestion = amount(listPrice, currency);
    price.text = this.suggestion;
  }
}
