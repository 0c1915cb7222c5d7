/**
 * An order's timeline as it is written: taken up behind the last entry heard whenever the
 * connection is lost.
 */
import { ask, orderPath, Problem } from "./api.js";
import { events } from "./sse.js";

/**
 * The API gives a sign of life every 15 s; without any the connection is lost, whatever the network
 * says.
 */
const SILENCE_MS = 40_000;
const LONGEST_PAUSE_MS = 8_000;

/**
 * Follow an order until its saga closes. While nobody looks at the page the connection is given
 * back, as a browser has six for one server and each of them is one of the API's.
 *
 * @param {string} id
 * @param {object} tell
 * @param {(entry: object) => void} tell.heard an entry of the timeline
 * @param {(live: boolean) => void} tell.live whether the timeline is heard as it is written
 * @param {AbortSignal} signal ends it
 * @returns {Promise<boolean>} whether the saga has closed; false when the stream was ended, or
 *   refused for good
 */
export async function follow(id, tell, signal) {
  let last = "";
  let pause = 500;
  while (await seen(signal)) {
    let after = 0;
    const broken = new AbortController();
    const ending = AbortSignal.any([signal, broken.signal]);
    const hide = () => document.hidden && broken.abort();
    document.addEventListener("visibilitychange", hide, { signal: ending });
    let watch = 0;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => broken.abort(), SILENCE_MS);
    };
    try {
      alive();
      const headers = { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
      const answer = await ask(`${orderPath(id)}/events`, { headers, signal: ending });
      if (answer.status === 204) return true; // closed, and told before
      tell.live(true);
      for await (const told of events(answer.body)) {
        alive();
        pause = 500;
        if (told?.event === "closed") return true;
        if (told) {
          last = told.id;
          tell.heard(JSON.parse(told.data));
        }
      }
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!problem.passes) return false; // the page asks for the order, too, and tells what is wrong
      after = (problem.afterSeconds ?? 0) * 1000;
    } finally {
      clearTimeout(watch);
      broken.abort();
      tell.live(false);
    }
    await waited(Math.max(pause, after), signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
  return false;
}

/** Wait so long, or until `signal`. */
function waited(milliseconds, signal) {
  return first(signal, (done, over) => {
    const timer = setTimeout(done, milliseconds);
    over.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}

/** Wait until somebody looks at the page, or until `signal`; return whether it is to go on. */
async function seen(signal) {
  while (document.hidden && !signal.aborted) {
    await first(signal, (done, over) =>
      document.addEventListener("visibilitychange", done, { signal: over }),
    );
  }
  return !signal.aborted;
}

/** Wait until what `begin` waits for has come, or until `signal`; nothing is left listening. */
async function first(signal, begin) {
  if (signal.aborted) return;
  const over = new AbortController();
  await new Promise((done) => {
    signal.addEventListener("abort", done, { once: true, signal: over.signal });
    begin(done, over.signal);
  });
  over.abort();
}
