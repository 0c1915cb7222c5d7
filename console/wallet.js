/**
 * What is known of the wallet of an order's customer; there may be none, as cards need none.
 */
import { IN_USE } from "./currencies.js";
import { money } from "./money.js";

/**
 * Show what is known of the wallet at the field of its owner.
 *
 * @param {import("./lookupfield.js").LookupField} field
 * @param {string} currency of the order
 * @param {bigint} total of the order, in minor units
 */
export function showWallet(field, currency, total) {
  /** @type {Api.WalletView|null} */
  const wallet = field.answer;
  if (wallet === null) return;
  const { balance_minor: balance, currency: theirs } = wallet;
  const isOther = IN_USE.includes(currency) && currency !== theirs;
  const isShort = currency === theirs && total > BigInt(balance);
  const doubt = isOther ? `, not in ${currency}` : isShort ? ", less than the total" : "";
  field.inform(`Wallet: ${money(balance, theirs)}${doubt}`, isOther || isShort);
}
