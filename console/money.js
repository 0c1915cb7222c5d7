/**
 * Amounts for people to read, as ISO 4217 divides each currency. A test holds this to what the services say.
 */

const WITHOUT_MINOR_UNIT = new Set(
  "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(" "),
);
const THOUSAND_TO_ONE = new Set("BHD IQD JOD KWD LYD OMR TND".split(" "));

/**
 * Return an amount like `1,530.00 GBP`, or a dash where it is not known.
 *
 * @param {number|null} minor
 * @param {string|null} currency
 */
export function money(minor, currency) {
  if (minor === null) return "–";
  const digits = WITHOUT_MINOR_UNIT.has(currency) ? 0 : THOUSAND_TO_ONE.has(currency) ? 3 : 2;
  const text = String(minor).padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, ",");
  const part = digits ? `.${text.slice(-digits)}` : "";
  return currency ? `${whole}${part} ${currency}` : `${text} minor units`;
}
