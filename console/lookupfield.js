/**
 * A field whose text names something that the API may know: it is looked up while it is typed, once
 * no more is typed for a moment, and the last answer wins. No lookup is sent before the time that
 * the API has asked to wait for.
 */
import { get, Problem } from "./api.js";
import { isName } from "./body.js";
import { Field } from "./field.js";

const PAUSE_MS = 300;
const RETRY_MS = 2_000;

/** When the next lookup of any field may be sent, by `performance.now()`. */
let notBefore = 0;

/** One field, in `node`. */
export class LookupField extends Field {
  /**
   * @param {string} label
   * @param {string} name of its limits
   * @param {(text: string) => string} pathOf returns where the API has what a text names
   * @param {(problem: Problem|null) => void} onAnswer hears that `answer` is there, or why there is
   *   none; after a transient problem it is asked again
   * @param {AbortSignal} signal ends all
   */
  constructor(label, name, pathOf, onAnswer, signal) {
    super(label, { required: true, maxlength: 64 });
    this.name = name;
    this.pathOf = pathOf;
    this.onAnswer = onAnswer;
    /** What its text names, as far as the API has said so. @type {any} */
    this.answer = null;
    this.question = new AbortController();
    this.input.addEventListener("input", () => this.ask());
    signal.addEventListener("abort", () => this.end(), { once: true });
  }

  /** Look up what its text names, in place of what was asked before. */
  ask() {
    this.end();
    this.answer = null;
    this.inform("");
    this.question = new AbortController();
    if (isName(this.name, this.text)) this.plan(PAUSE_MS, this.question.signal);
  }

  /** Look nothing up any more. */
  end() {
    this.question.abort();
  }

  /**
   * @param {number} milliseconds
   * @param {AbortSignal} signal
   */
  plan(milliseconds, signal) {
    const pause = Math.max(milliseconds, notBefore - performance.now());
    const timer = setTimeout(() => this.send(signal), pause);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }

  /** @param {AbortSignal} signal */
  async send(signal) {
    if (notBefore > performance.now()) return this.plan(0, signal);
    try {
      const answer = await get(this.pathOf(this.text), signal);
      if (signal.aborted) return;
      this.answer = answer;
      this.onAnswer(null);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.afterSeconds) notBefore = performance.now() + problem.afterSeconds * 1000;
      if (signal.aborted) return;
      if (problem.isTransient) this.plan(RETRY_MS, signal);
      this.answer = null;
      this.onAnswer(problem);
    }
  }
}
