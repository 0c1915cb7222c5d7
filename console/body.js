/**
 * The body of `POST /orders` out of what somebody typed: amounts in whole minor units, sums without
 * rounding. What is wrong is said by the API's name of the field and in its words.
 */
import { IN_USE } from "./currencies.js";
import { LIMITS, MAX_TOTAL_MINOR } from "./limits.js";
import { amount, minorUnits, money } from "./money.js";

/**
 * @typedef {{sku: string, quantity: string, price: string}} LineTexts
 *
 * @typedef {object} Texts what stands in the form
 * @property {string} customer_id
 * @property {string} currency
 * @property {string} order_id
 * @property {string} deadline_seconds
 * @property {LineTexts[]} lines
 */

/**
 * Return the body, and by field what is wrong with it: then it is not to be sent.
 *
 * @param {Texts} texts
 * @returns {{body: Api.OrderBody, problems: Record<string, string>}}
 */
export function bodyOf(texts) {
  const { customer_id, currency, order_id, deadline_seconds } = texts;
  const problems = new Map([
    ["customer_id", problemOf("customer_id", customer_id)],
    ["currency", currencyProblem(currency)],
    ["order_id", order_id && problemOf("order_id", order_id)],
    ["deadline_seconds", deadline_seconds && problemOf("deadline_seconds", deadline_seconds)],
    ["lines", totalProblem(texts)],
  ]);
  texts.lines.forEach(({ sku, quantity, price }, index) => {
    problems.set(`lines.${index}.sku`, problemOf("sku", sku));
    problems.set(`lines.${index}.quantity`, problemOf("quantity", quantity));
    problems.set(`lines.${index}.unit_price_minor`, priceProblem(price, currency));
  });
  const lines = texts.lines.map(({ sku, quantity, price }) => ({
    ...{ sku, quantity: Number(quantity) },
    unit_price_minor: minorUnits(price, currency) ?? 0,
  }));
  const body = /** @type {Api.OrderBody} */ ({ customer_id, currency, lines });
  if (order_id) body.order_id = order_id;
  if (deadline_seconds) body.deadline_seconds = Number(deadline_seconds);
  return { body, problems: Object.fromEntries([...problems].filter(([, problem]) => problem)) };
}

/**
 * Return what the lines cost together, as far as they can be read.
 *
 * @param {Texts} texts
 */
export function totalOf({ lines, currency }) {
  return lines.reduce((sum, { quantity, price }) => {
    const minor = minorUnits(price, currency);
    const isReadable = minor !== null && !problemOf("quantity", quantity);
    return isReadable ? sum + BigInt(quantity) * BigInt(minor) : sum;
  }, 0n);
}

/**
 * Tell whether the API could know something by this name: it keeps to the limits of the field.
 *
 * @param {string} name
 * @param {string} text
 */
export function isName(name, text) {
  return problemOf(name, text) === "";
}

/**
 * Return what is wrong with the text of a field, by its limits: words of a pattern, or a number.
 *
 * @param {string} name
 * @param {string} text
 */
function problemOf(name, text) {
  if (text === "") return "is missing";
  const { pattern, description, minimum = 0, maximum = 0 } = LIMITS[name];
  if (pattern) return new RegExp(pattern).test(text) ? "" : `must be ${description}`;
  if (!/^[0-9]{1,15}$/.test(text)) return "must be a whole number";
  if (Number(text) < minimum) return `must be at least ${minimum}`;
  return Number(text) > maximum ? `must be at most ${maximum}` : "";
}

/** @param {string} code */
function currencyProblem(code) {
  if (code === "") return "is missing";
  return IN_USE.includes(code) ? "" : "must be a currency in use, by its three letters, like GBP";
}

/**
 * @param {string} text
 * @param {string} currency
 */
function priceProblem(text, currency) {
  if (text === "") return "is missing";
  if (currencyProblem(currency)) return "";
  const minor = minorUnits(text, currency);
  if (minor === null) return `must be an amount like ${amount(1250, currency)}`;
  const { maximum = 0 } = LIMITS.unit_price_minor;
  return minor > maximum ? `must be at most ${money(maximum, currency)}` : "";
}

/** @param {Texts} texts */
function totalProblem(texts) {
  const isTooMuch = totalOf(texts) > BigInt(MAX_TOTAL_MINOR);
  return isTooMuch ? `must cost at most ${MAX_TOTAL_MINOR} minor units together` : "";
}
