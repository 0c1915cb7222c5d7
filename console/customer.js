/**
 * The customer of an order that is being written: their wallet is looked up while they are typed.
 */
import { isName } from "./body.js";
import { IN_USE } from "./currencies.js";
import { Field } from "./field.js";
import { Lookup } from "./lookup.js";
import { money } from "./money.js";

/** The customer, in `field`. */
export class Customer {
  /**
   * @param {(wallet: Api.WalletView|null) => void} onAnswer takes what is known of their wallet
   * @param {AbortSignal} signal
   */
  constructor(onAnswer, signal) {
    this.onAnswer = onAnswer;
    this.field = new Field("Customer", { required: true, maxlength: 64 });
    /** @type {Api.WalletView|null} */
    this.wallet = null;
    this.lookup = new Lookup((wallet, problem) => this.know(wallet, problem), signal);
    this.field.input.addEventListener("input", () => this.ask());
  }

  /** Look their wallet up. */
  ask() {
    const { text } = this.field;
    this.wallet = null;
    this.field.inform("");
    this.lookup.ask(isName("customer_id", text) ? `/customers/${text}/wallet` : null);
  }

  /**
   * Take what is known of their wallet; there may be none, as cards need none.
   *
   * @param {Api.WalletView|null} wallet
   * @param {import("./api.js").Problem|null} problem
   */
  know(wallet, problem) {
    this.wallet = wallet;
    if (problem?.status === 404) this.field.inform("No wallet of theirs is known.");
    this.onAnswer(wallet);
  }

  /**
   * Show what is known of their wallet.
   *
   * @param {string} currency of the order
   * @param {bigint} total of the order, in minor units
   */
  look(currency, total) {
    if (this.wallet === null) return;
    const { balance_minor: balance, currency: theirs } = this.wallet;
    const isOther = IN_USE.includes(currency) && currency !== theirs;
    const isShort = currency === theirs && total > BigInt(balance);
    const doubt = isOther ? `, not in ${currency}` : isShort ? ", less than the total" : "";
    this.field.inform(`Wallet: ${money(balance, theirs)}${doubt}`, isOther || isShort);
  }
}
