/**
 * Amounts for people to read, as ISO 4217 divides each currency. A test holds this to what the
 * services say.
 */
import { MOST_CURRENCIES_HAVE, UNUSUAL } from "./currencies.js";

/**
 * Return how many digits the minor unit of a currency has.
 *
 * @param {string|null} currency
 */
function digitsOf(currency) {
  return UNUSUAL[currency ?? ""] ?? MOST_CURRENCIES_HAVE;
}

/**
 * Return an amount like `1,530.00 GBP`, or a dash where it is not known.
 *
 * @param {number|bigint|null} minor
 * @param {string|null} currency
 */
export function money(minor, currency) {
  if (minor === null) return "–";
  const digits = digitsOf(currency);
  const text = String(minor).padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, ",");
  const part = digits ? `.${text.slice(-digits)}` : "";
  return currency ? `${whole}${part} ${currency}` : `${text} minor units`;
}

/**
 * Return an amount as people type it, like `1530.00`.
 *
 * @param {number} minor
 * @param {string} currency
 */
export function amount(minor, currency) {
  return money(minor, currency).replaceAll(",", "").replace(/ .*/, "");
}

/**
 * Return the minor units of an amount as people type it, like `1530` or `1530.5`; null where the
 * text is none, or has more digits than the currency. A comma is refused: it may stand for either.
 *
 * @param {string} text
 * @param {string} currency
 */
export function minorUnits(text, currency) {
  const [, whole, part = ""] = text.match(/^([0-9]+)(?:\.([0-9]+))?$/) ?? [];
  const digits = digitsOf(currency);
  if (whole === undefined || part.length > digits) return null;
  const minor = Number(whole + part.padEnd(digits, "0"));
  return Number.isSafeInteger(minor) ? minor : null;
}

/**
 * Return minor units that an address has as people type them; other text as it is.
 *
 * @param {string|undefined} minor
 * @param {string|undefined} currency
 */
export function inputOf(minor, currency) {
  if (!/^\d+$/.test(minor ?? "") || !currency) return minor ?? "";
  return amount(Number(minor), currency);
}
