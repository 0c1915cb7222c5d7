/**
 * Keeping what is shown up to date: loaded again at intervals, at once when there is news, less and
 * less often while the API does not answer, and not while the page is hidden.
 */
import { Problem } from "./api.js";

/** News arrive in groups; one load shows all of a group. */
const NEWS_PAUSE_MS = 120;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Load now, and again as often as `load` says, until `signal`.
 *
 * @param {() => Promise<number|null>} load loads and shows; returns the milliseconds until the next
 *   load, null for never
 * @param {(problem: Problem) => void} onProblem it was not loaded; a transient problem is followed
 *   by another load
 * @param {AbortSignal} signal
 * @returns {() => void} tells that there is news: loads soon, or after the pause that a Retry-After
 *   asks for
 */
export function watch(load, onProblem, signal) {
  let timer = 0;
  let isLoading = false;
  let hasNews = false;
  let pause = FIRST_PAUSE_MS;
  let notBefore = 0;

  async function run() {
    isLoading = true;
    hasNews = false;
    const next = await attempt();
    isLoading = false;
    if (hasNews) plan(NEWS_PAUSE_MS);
    else if (next !== null) plan(next);
  }

  async function attempt() {
    try {
      const next = await load();
      pause = FIRST_PAUSE_MS;
      notBefore = 0;
      return next;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!signal.aborted) onProblem(problem);
      if (!problem.isTransient) return null;
      const next = Math.max(pause, (problem.afterSeconds ?? 0) * 1000);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      notBefore = performance.now() + next;
      return next;
    }
  }

  /** @param {number} milliseconds */
  function plan(milliseconds) {
    clearTimeout(timer);
    if (document.hidden || signal.aborted) return;
    timer = setTimeout(run, Math.max(milliseconds, notBefore - performance.now()));
  }

  function reloadSoon() {
    hasNews = true;
    if (!isLoading) plan(NEWS_PAUSE_MS);
  }

  const onVisibility = () => (document.hidden ? clearTimeout(timer) : reloadSoon());
  document.addEventListener("visibilitychange", onVisibility, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  run();
  return reloadSoon;
}
