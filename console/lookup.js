/**
 * Looking something up at the API while it is typed: once no more is typed for a moment, and the
 * last answer wins. No lookup is sent before the time that the API has asked to wait for.
 */
import { get, Problem } from "./api.js";

const PAUSE_MS = 300;
const RETRY_MS = 2_000;

/** When the next lookup of any field may be sent, by `performance.now()`. */
let notBefore = 0;

/** What one field looks up. */
export class Lookup {
  /**
   * @param {(answer: any, problem: Problem|null) => void} onAnswer takes an answer, or why there is
   *   none; after a transient problem it is asked again
   * @param {AbortSignal} signal ends all
   */
  constructor(onAnswer, signal) {
    this.onAnswer = onAnswer;
    this.signal = signal;
    this.question = new AbortController();
    signal.addEventListener("abort", () => this.ask(null), { once: true });
  }

  /**
   * Look up what is at `path`, in place of what was asked before; null for nothing.
   *
   * @param {string|null} path
   */
  ask(path) {
    this.question.abort();
    this.question = new AbortController();
    if (path !== null) this.plan(path, PAUSE_MS, this.question.signal);
  }

  /**
   * @param {string} path
   * @param {number} milliseconds
   * @param {AbortSignal} signal
   */
  plan(path, milliseconds, signal) {
    const pause = Math.max(milliseconds, notBefore - performance.now());
    const timer = setTimeout(() => this.send(path, signal), pause);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }

  /**
   * @param {string} path
   * @param {AbortSignal} signal
   */
  async send(path, signal) {
    if (notBefore > performance.now()) return this.plan(path, 0, signal);
    try {
      const answer = await get(path, signal);
      if (!signal.aborted) this.onAnswer(answer, null);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.afterSeconds) notBefore = performance.now() + problem.afterSeconds * 1000;
      if (signal.aborted) return;
      if (problem.isTransient) this.plan(path, RETRY_MS, signal);
      this.onAnswer(null, problem);
    }
  }
}
