/**
 * Amounts for people to read, as ISO 4217 divides each currency. A test holds this to what the
 * services say.
 */
import { MOST_CURRENCIES_HAVE, UNUSUAL } from "./currencies.js";

/**
 * Return an amount like `1,530.00 GBP`, or a dash where it is not known.
 *
 * @param {number|null} minor
 * @param {string|null} currency
 */
export function money(minor, currency) {
  if (minor === null) return "–";
  const digits = UNUSUAL[currency ?? ""] ?? MOST_CURRENCIES_HAVE;
  const text = String(minor).padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, ",");
  const part = digits ? `.${text.slice(-digits)}` : "";
  return currency ? `${whole}${part} ${currency}` : `${text} minor units`;
}

/**
 * Return what was typed, like `1,530.00`, in minor units, or null where it is no such amount.
 *
 * @param {string} text
 * @param {string} currency
 */
export function minorOf(text, currency) {
  const digits = UNUSUAL[currency] ?? MOST_CURRENCIES_HAVE;
  const [, whole, part = ""] = text.replaceAll(",", "").match(/^(\d{1,13})(?:\.(\d*))?$/) ?? [];
  if (!currency || whole === undefined || part.length > digits) return null;
  return Number(whole + part.padEnd(digits, "0"));
}

/**
 * Return minor units as they are typed, like `1530.00`.
 *
 * @param {string|undefined} minor
 * @param {string|undefined} currency
 */
export function inputOf(minor, currency) {
  if (!/^\d+$/.test(minor ?? "") || !currency) return minor ?? "";
  return money(Number(minor), currency).replaceAll(",", "").split(" ")[0];
}
