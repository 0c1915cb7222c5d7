/**
 * The form that places an order: customer, currency, lines. Products and the wallet are looked up
 * while they are typed, and what the API finds wrong is shown at its field.
 */
import { go, toOrder } from "./address.js";
import { Problem } from "./api.js";
import { bodyOf, totalOf } from "./body.js";
import { IN_USE } from "./currencies.js";
import { bdi, el } from "./dom.js";
import { Field } from "./field.js";
import { explain } from "./form.js";
import { LIMITS } from "./limits.js";
import { Line } from "./line.js";
import { LookupField } from "./lookupfield.js";
import { money } from "./money.js";
import { announce } from "./notice.js";
import {
  attemptWarning,
  EMPTY_LINE,
  hasOtherAttempt,
  place,
  savedTexts,
  saveTexts,
} from "./placing.js";
import { askForToken, customerOfToken, onToken, token } from "./token.js";
import { showWallet } from "./wallet.js";

const REJECTED = "Not placed: look at the marked fields.";

/**
 * Show the form in `page`, until `signal`.
 *
 * @param {HTMLElement} page
 * @param {string} _value the address has none
 * @param {AbortSignal} signal
 */
export function placePage(page, _value, signal) {
  document.title = "Place an order · Order saga";
  const form = new OrderForm(signal);
  page.append(el("div.head", {}, el("h1", {}, "Place an order")), form.node);
}

class OrderForm {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.signal = signal;
    const walletOf = (/** @type {string} */ id) => `/customers/${id}/wallet`;
    const onWallet = (/** @type {Problem|null} */ problem) => {
      const wallet = this.customer.answer;
      if (wallet !== null) this.fields.currency.text ||= wallet.currency;
      if (problem?.status === 404) this.customer.inform("No wallet of theirs is known.");
      this.change();
    };
    this.customer = new LookupField("Customer", "customer_id", walletOf, onWallet, signal);
    const deadline = { inputmode: "numeric", placeholder: LIMITS.deadline_seconds.default };
    /** @type {Record<string, Field>} by the API's names */
    this.fields = {
      customer_id: this.customer,
      currency: new Field("Currency", { required: true, maxlength: 3, list: "currencies" }),
      order_id: new Field("Order id (optional)", { maxlength: 64 }),
      deadline_seconds: new Field("Deadline in seconds (optional)", deadline),
    };
    /** @type {Line[]} */
    this.lines = [];
    this.lineList = el("div.order-lines");
    this.addButton = el("button", { type: "button" }, "Add a line");
    this.total = el("output");
    this.linesProblem = el("p.answer");
    this.button = el("button.main", {}, "Place the order");
    this.warning = attemptWarning();
    this.answer = el("p.answer", { role: "alert" });
    this.isSending = false;
    this.node = this.layOut();
    this.listen();
    this.fill(savedTexts());
  }

  layOut() {
    const { customer_id, currency, order_id, deadline_seconds } = this.fields;
    const codes = IN_USE.map((code) => el("option", { value: code }));
    return el(
      "form.place",
      { novalidate: true, "aria-label": "Order" },
      el("div.fields", {}, customer_id.node, currency.node),
      el("datalist", { id: "currencies" }, ...codes),
      this.lineList,
      el("div.row", {}, this.addButton),
      el("p.total", {}, "Total ", this.total),
      this.linesProblem,
      el("div.fields", {}, order_id.node, deadline_seconds.node),
      this.warning,
      el("div.row", {}, this.button),
      this.answer,
    );
  }

  listen() {
    this.fields.currency.input.addEventListener("input", () => {
      for (const line of this.lines) line.suggest(""); // it was a price in another currency
    });
    this.node.addEventListener("input", () => this.change());
    this.node.addEventListener("submit", (event) => this.send(event));
    this.addButton.addEventListener("click", () => this.add().sku.input.focus());
    const onAnotherPerson = () => {
      if (token() === null) this.fill(savedTexts()); // an empty order
      this.customer.text ||= customerOfToken();
      this.customer.ask();
      this.lines.forEach((line) => line.sku.ask());
    };
    onToken(onAnotherPerson, this.signal);
  }

  get currency() {
    return this.fields.currency.text.toUpperCase();
  }

  /** What stands in the form. */
  get texts() {
    const { customer_id, order_id, deadline_seconds } = this.fields;
    return {
      ...{ customer_id: customer_id.text, currency: this.currency },
      ...{ order_id: order_id.text, deadline_seconds: deadline_seconds.text },
      lines: this.lines.map((line) => line.texts),
    };
  }

  /** @param {import("./body.js").Texts} texts */
  fill({ lines, ...texts }) {
    for (const line of this.lines.splice(0)) line.end();
    this.show({});
    for (const [name, text] of Object.entries(texts)) this.fields[name].text = text;
    for (const line of lines) this.add(line);
    this.customer.ask();
  }

  /** Add a line and return it. */
  add(texts = EMPTY_LINE) {
    const form = {
      onChange: () => this.change(),
      onRemove: (/** @type {Line} */ line) => this.remove(line),
    };
    const line = new Line(texts, form, this.signal);
    this.lines.push(line);
    this.lineList.append(line.node);
    this.change();
    return line;
  }

  /**
   * Remove a line; the keyboard goes on at its neighbour.
   *
   * @param {Line} line
   */
  remove(line) {
    const index = this.lines.indexOf(line);
    this.lines.splice(index, 1);
    line.end();
    const neighbour = this.lines[Math.min(index, this.lines.length - 1)];
    neighbour.sku.input.focus();
    announce(`Line ${index + 1} is removed`);
    this.change();
  }

  /** Show what follows from the form's content, and save that. */
  change() {
    const { currency } = this;
    this.lines.forEach((line, index) => {
      line.renumber(index + 1, this.lines.length > 1);
      line.look(currency, this.lines);
    });
    const { texts } = this;
    saveTexts(texts);
    this.warning.hidden = !hasOtherAttempt(bodyOf(texts).body);
    this.addButton.hidden = this.lines.length >= (LIMITS.lines.maxItems ?? 0);
    const total = totalOf(texts);
    this.total.textContent = IN_USE.includes(currency) ? money(total, currency) : "–";
    this.linesProblem.textContent = "";
    showWallet(this.customer, currency, total);
  }

  /** @param {SubmitEvent} event */
  async send(event) {
    event.preventDefault();
    if (this.isSending) return;
    const { body, problems } = bodyOf(this.texts);
    this.show(problems);
    if (Object.keys(problems).length > 0) return;
    this.isSending = true;
    this.button.setAttribute("aria-disabled", "true"); // `disabled` would take the focus away
    this.answer.textContent = "Sending …";
    try {
      const { order_id: id } = await place(body);
      announce(`Order ${id} is placed`);
      if (!this.signal.aborted) go(toOrder(id));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.refuse(problem);
    } finally {
      this.isSending = false;
      this.button.removeAttribute("aria-disabled");
    }
  }

  /**
   * Show why the order was not placed.
   *
   * @param {Problem} problem
   */
  refuse(problem) {
    const entries = problem.errors.map(({ field, message }) => [field, message]);
    const areAllShown = entries.length > 0 && entries.every(([name]) => this.fieldOf(name));
    this.show(Object.fromEntries(entries));
    if (!areAllShown) this.answer.replaceChildren(...explain(problem));
    if (problem.status === 401) askForToken(problem.detail);
  }

  /**
   * Show what is wrong at the fields that it is about, and go to the first of them.
   *
   * @param {Record<string, string>} problems by the API's names
   */
  show(problems) {
    const lineFields = this.lines.flatMap((line) => Object.values(line.fields));
    for (const field of [...Object.values(this.fields), ...lineFields]) field.show(null);
    for (const [name, problem] of Object.entries(problems)) this.fieldOf(name)?.show(problem);
    this.answer.textContent = Object.keys(problems).length > 0 ? REJECTED : "";
    /** @type {HTMLElement|null} */ (this.node.querySelector("[aria-invalid]"))?.focus();
  }

  /**
   * Return the field that the API calls so: `currency`, or `lines.0.sku`.
   *
   * @param {string} name
   * @returns {{show: (problem: string|null) => void}|undefined}
   */
  fieldOf(name) {
    if (name === "lines") {
      return { show: (problem) => this.linesProblem.replaceChildren("Lines: ", bdi(problem), ".") };
    }
    const [, number, part] = name.match(/^lines\.([0-9]+)\.(.+)$/) ?? [];
    return number === undefined ? this.fields[name] : this.lines[Number(number)]?.fields[part];
  }
}
