/**
 * The fields of filters, by kind of filter: how each is typed, sent to the API, and shown again.
 */
import { choice } from "./choices.js";
import { el } from "./dom.js";
import { inputOf, minorUnits, money } from "./money.js";
import { fromInput, time, toInput } from "./times.js";

/**
 * @typedef {HTMLInputElement|HTMLSelectElement} Field
 * @typedef {Record<string, string>} Values of filters, by the API's names
 *
 * @typedef {object} Kind of filter
 * @property {(name: string, values: Values) => Field} newField
 * @property {(field: Field, fields: Record<string, Field>) => string} read returns what the API is
 *   sent; "" for no filter
 * @property {(values: Values, name: string) => import("./dom.js").Child} show
 *
 * @typedef {[label: string, kind: Kind]} Filter
 */

const NO_AMOUNT = "An amount like 15.30, in the currency that is given";

/**
 * Words to type.
 *
 * @param {Record<string, unknown>} [attributes]
 * @returns {Kind}
 */
export function words(attributes) {
  return {
    newField: (name, values) => input(name, { value: values[name] ?? "", ...attributes }),
    read: ({ value }) => value.trim(),
    show: (values, name) => values[name],
  };
}

/**
 * Names to choose from.
 *
 * @param {string[]} names
 * @returns {Kind}
 */
export function oneOf(names) {
  return {
    ...words(),
    newField: (name, values) => choice(`filter-${name}`, values[name], names),
  };
}

/** A box to tick. @type {Kind} */
export const BOX = {
  ...words(),
  newField: (name, values) =>
    el("input", { id: `filter-${name}`, type: "checkbox", checked: values[name] === "true" }),
  read: (field) => (field instanceof HTMLInputElement && field.checked ? "true" : ""),
};

/** The three letters of a currency. @type {Kind} */
export const CURRENCY = {
  ...words({ pattern: "[A-Za-z]{3}", maxlength: 3, size: 4, title: "three letters, like GBP" }),
  read: ({ value }) => value.trim().toUpperCase(),
};

/** An amount in the currency that the filter `currency` says. @type {Kind} */
export const AMOUNT = {
  newField: (name, values) => {
    const value = inputOf(values[name], values.currency);
    return input(name, { value, inputmode: "decimal", size: 9 });
  },
  read: (field, fields) => {
    const text = field.value.trim();
    const currency = CURRENCY.read(fields.currency, fields);
    const minor = currency ? minorUnits(text, currency) : null;
    field.setCustomValidity(text && minor === null ? NO_AMOUNT : "");
    return text && String(minor);
  },
  show: (values, name) => money(Number(values[name]), values.currency ?? null),
};

/**
 * A moment, in local time.
 *
 * @param {string|number} step as of the field
 * @returns {Kind}
 */
export function moment(step) {
  return {
    newField: (name, values) =>
      input(name, { type: "datetime-local", step, value: toInput(values[name]) }),
    read: ({ value }) => fromInput(value),
    show: (values, name) => time(values[name]),
  };
}

/**
 * @param {string} name
 * @param {Record<string, unknown>} attributes
 */
function input(name, attributes) {
  const texts = { placeholder: "any", spellcheck: "false", autocomplete: "off" };
  return el("input", { id: `filter-${name}`, ...texts, ...attributes });
}

/** The fields of a form's filters. @template {string} Name */
export class FilterFields {
  /**
   * @param {Record<Name, Filter>} filters
   * @param {Values} values what is in them at first
   */
  constructor(filters, values) {
    this.all = /** @type {[Name, Filter][]} */ (Object.entries(filters));
    const fields = this.all.map(([name, [, kind]]) => [name, kind.newField(name, values)]);
    /** @type {Record<Name, Field>} */
    this.byName = Object.fromEntries(fields);
  }

  /**
   * Return the fields, or those with some names, with their labels.
   *
   * @param {(name: Name) => boolean} [isMeant]
   */
  labels(isMeant = () => true) {
    const meant = this.all.filter(([name]) => isMeant(name));
    return meant.map(([name, [text]]) => {
      const field = this.byName[name];
      const isBox = field.type === "checkbox";
      return el("label", {}, ...(isBox ? [field, ` ${text}`] : [`${text} `, field]));
    });
  }

  /**
   * Return the filters that the fields have now, or null: then a field says what is wrong.
   *
   * @returns {Values|null}
   */
  read() {
    /** @type {Values} */
    const values = {};
    for (const [name, [, kind]] of this.all) {
      const field = this.byName[name];
      values[name] = kind.read(field, this.byName);
      if (field.reportValidity()) continue;
      field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
      return null;
    }
    return values;
  }
}
