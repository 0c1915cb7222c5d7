/**
 * Keeping what is shown fresh: asked again and again, at once when there is news, later and later
 * while there is no answer, and not while nobody looks at the page.
 */
import { Problem } from "./api.js";

/** News come in bunches; one look serves them all. */
const SOON_MS = 120;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Load now, and again as often as it says, until `signal`; while the page is hidden, not until it
 * is looked at again.
 *
 * @param {() => Promise<number|null>} load shows what there is; returns the milliseconds until it
 *   is asked again, null for never
 * @param {object} tell
 * @param {() => void} tell.fresh it was loaded
 * @param {(problem: Problem) => void} tell.wrong it was not; it is loaded again by itself if the
 *   problem is one that passes
 * @param {AbortSignal} signal
 * @returns {() => void} asks for it to be loaded soon, or after the pause that a problem asks for:
 *   there is news
 */
export function watch(load, tell, signal) {
  let timer = 0;
  let loading = false;
  let news = false;
  let pause = FIRST_PAUSE_MS;
  let notBefore = 0;

  async function run() {
    loading = true;
    news = false;
    const next = await attempt();
    loading = false;
    if (news) plan(SOON_MS);
    else if (next !== null) plan(next);
  }

  async function attempt() {
    try {
      const next = await load();
      pause = FIRST_PAUSE_MS;
      notBefore = 0;
      if (!signal.aborted) tell.fresh();
      return next;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!signal.aborted) tell.wrong(problem);
      if (!problem.passes) return null;
      const next = Math.max(pause, (problem.afterSeconds ?? 0) * 1000);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      notBefore = performance.now() + next;
      return next;
    }
  }

  function plan(milliseconds) {
    clearTimeout(timer);
    if (document.hidden || signal.aborted) return;
    timer = setTimeout(run, Math.max(milliseconds, notBefore - performance.now()));
  }

  function soon() {
    news = true;
    if (!loading) plan(SOON_MS);
  }

  const look = () => (document.hidden ? clearTimeout(timer) : soon());
  document.addEventListener("visibilitychange", look, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  run();
  return soon;
}
