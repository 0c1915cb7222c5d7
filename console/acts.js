/**
 * What a person can do to an order, as the API offers it.
 */
import { actForm } from "./form.js";
import { go, toOrder } from "./address.js";
import { orderPath, post } from "./api.js";
import { bdi, el, show } from "./dom.js";
import { commandsOf } from "./steps.js";

/**
 * @typedef {{title: string, success: string}} Texts of an act
 * @typedef {Api.ActView & Texts & {path: string}} Act as the API offers it, with its texts
 * @typedef {import("./steps.js").Command} Command
 */

/**
 * By act: its title, and the sentence shown when the saga has accepted it; given the command that
 * is stuck, if it is about one.
 *
 * @type {Record<Api.Act, (command: Command) => Texts>}
 */
const TEXTS = {
  approve: () => ({ title: "Approve", success: "Approved: the order continues." }),
  reject: () => ({ title: "Reject", success: "Rejected: the order is rolled back." }),
  cancel: () => ({
    title: "Cancel the order",
    success: "Cancelled: the order is rolled back once the current step has ended.",
  }),
  retry: ({ name }) => ({ title: `Retry ${name} now`, success: `${name} is being retried.` }),
  settle: ({ name, opens_record: opensRecord }) => ({
    title: `Settle ${name} by hand`,
    success: opensRecord
      ? "Settled: no earlier run completed the order, and it is rolled back."
      : `Settled: ${name} counts as put right by hand, in your name.`,
  }),
  "place-again": () => ({ title: "Place again", success: "Placed again." }),
};

/** The acts in the order in which they are offered. */
const RANK = ["approve", "reject", "retry", "settle", "cancel", "place-again"];

/**
 * Return the acts of an order with their texts and paths, in the order of `RANK`.
 *
 * @param {Api.OrderView} view
 * @returns {Act[]}
 */
function withTexts(view) {
  const acts = view.acts.map((act) => {
    const commands = commandsOf(view.steps.filter((one) => one.step === act.step));
    const trouble = commands.find(({ state }) => state === "STUCK");
    const path = act.step ? `steps/${encodeURIComponent(act.step)}/${act.act}` : act.act;
    return { ...act, ...TEXTS[act.act](/** @type {Command} */ (trouble)), path };
  });
  return acts.sort((one, other) => RANK.indexOf(one.act) - RANK.indexOf(other.act));
}

/**
 * Return why some acts are not possible: for each reason an item with the acts' titles.
 *
 * @param {Act[]} acts
 */
function refusalsOf(acts) {
  /** @type {Map<string, string[]>} */
  const titles = new Map();
  for (const { title, refusal } of acts) {
    if (refusal !== null) titles.set(refusal, [...(titles.get(refusal) ?? []), title]);
  }
  return [...titles].map(([refusal, names]) =>
    el("li", {}, "Not possible: ", el("b", {}, names.join(", ")), " – ", bdi(refusal), "."),
  );
}

/** The acts of one order, shown in `section`. */
export class Acts {
  /**
   * @param {HTMLElement} section
   * @param {string} id the order's
   * @param {(view: Api.OrderView) => void} onChange takes the order as it stands after an act
   */
  constructor(section, id, onChange) {
    this.id = id;
    this.onChange = onChange;
    /** @type {Map<string, ReturnType<typeof actForm>>} */
    this.forms = new Map();
    this.list = el("div.acts");
    this.refusals = el("ul.not-possible");
    this.success = el("p.success", { role: "status" });
    this.successState = "";
    this.section = section;
    section.append(el("h2", {}, "Actions"), this.list, this.success, this.refusals);
  }

  /**
   * Show what is possible, and why the rest is not. A form with text in it stays.
   *
   * @param {Api.OrderView} view
   */
  offer(view) {
    const acts = withTexts(view);
    const possible = acts.filter((act) => act.refusal === null);
    // By title: at one step, one command after another may be stuck.
    const titles = new Set(possible.map((act) => act.title));
    for (const [title, form] of this.forms) {
      const isPossible = titles.has(title);
      form.late.textContent = isPossible ? "" : `No longer possible: the order is ${view.state}.`;
      if (isPossible || form.hasText()) continue;
      form.node.remove();
      this.forms.delete(title);
    }
    for (const act of possible) if (!this.forms.has(act.title)) this.add(act);
    show(this.refusals, refusalsOf(acts));
    if (view.state !== this.successState) this.say("");
    // Of a closed order the refusals are no news.
    const hasRefusals = acts.length > possible.length && !view.closed_at;
    const isEmpty = this.forms.size === 0 && !hasRefusals;
    this.section.hidden = isEmpty && this.success.textContent === "";
  }

  /** @param {Act} act */
  add(act) {
    const form = actForm(act, (body, onSuccess) => this.send(act, body, onSuccess));
    form.node.addEventListener("toggle", () => form.node.open && this.say(""));
    this.forms.set(act.title, form);
    this.list.append(form.node);
  }

  /**
   * Show that an act was accepted, until the order changes its state or another form is opened.
   *
   * @param {string} text
   */
  say(text) {
    this.success.textContent = text;
  }

  /**
   * Send an act, and show the order of the answer.
   *
   * @param {Act} act
   * @param {object} body
   * @param {() => void} onSuccess
   */
  async send(act, body, onSuccess) {
    const view = await post(`${orderPath(this.id)}/${act.path}`, body);
    this.say(act.success);
    this.successState = view.state;
    onSuccess();
    if (view.order_id === this.id) this.onChange(view);
    else go(toOrder(view.order_id)); // it was placed again
  }
}
