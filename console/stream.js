/**
 * An order's timeline as it is written. A lost connection is opened again behind the last entry.
 */
import { orderPath, Problem, request } from "./api.js";
import { events } from "./sse.js";

/** The API sends a comment every 15 s; without one the connection is lost. */
const SILENCE_MS = 40_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/**
 * Follow an order until its saga closes. While the page is hidden the connection is closed: a
 * browser has six for one server, and each takes one of the API's.
 *
 * @param {string} id
 * @param {object} callbacks
 * @param {(entry: object) => void} callbacks.onEntry takes an entry of the timeline
 * @param {(isOpen: boolean) => void} callbacks.onConnection takes whether the stream is open
 * @param {AbortSignal} signal ends it
 * @returns {Promise<boolean>} whether the saga has closed; false when `signal` ended it, or the API
 *   refuses the stream for good
 */
export async function follow(id, callbacks, signal) {
  let lastId = "";
  let pause = FIRST_PAUSE_MS;
  while (await untilVisible(signal)) {
    let retryAfter = 0;
    const connection = openConnection(signal);
    try {
      const resume = lastId ? { "Last-Event-ID": lastId } : {};
      const headers = { Accept: "text/event-stream", ...resume };
      const options = { headers, signal: connection.signal };
      const answer = await request(`${orderPath(id)}/events`, options);
      if (answer.status === 204) return true; // closed, and every entry is here already
      callbacks.onConnection(true);
      for await (const event of events(answer.body)) {
        connection.alive();
        pause = FIRST_PAUSE_MS;
        if (event?.event === "closed") return true;
        if (event) {
          lastId = event.id;
          callbacks.onEntry(JSON.parse(event.data));
        }
      }
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!problem.isTransient) return false; // the page loads the order too, and shows the problem
      retryAfter = (problem.afterSeconds ?? 0) * 1000;
    } finally {
      connection.close();
      callbacks.onConnection(false);
    }
    await sleep(Math.max(pause, retryAfter), signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
  return false;
}

/** Return the lifetime of one connection: until `signal`, a silence, or the page is hidden. */
function openConnection(signal) {
  const closing = new AbortController();
  const ending = AbortSignal.any([signal, closing.signal]);
  const close = () => closing.abort();
  const onVisibility = () => document.hidden && close();
  document.addEventListener("visibilitychange", onVisibility, { signal: ending });
  let silence = 0;
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(close, SILENCE_MS);
  };
  alive();
  closing.signal.addEventListener("abort", () => clearTimeout(silence), { once: true });
  return { signal: ending, alive, close };
}

/** Wait so long, or until `signal`. */
function sleep(milliseconds, signal) {
  return firstOf(signal, (done, ending) => {
    const timer = setTimeout(done, milliseconds);
    ending.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}

/** Wait until the page is visible, or until `signal`; return whether to go on. */
async function untilVisible(signal) {
  while (document.hidden && !signal.aborted) {
    await firstOf(signal, (done, ending) =>
      document.addEventListener("visibilitychange", done, { signal: ending }),
    );
  }
  return !signal.aborted;
}

/** Wait until `begin` calls its first argument, or until `signal`; leave no listener behind. */
async function firstOf(signal, begin) {
  if (signal.aborted) return;
  const ending = new AbortController();
  await new Promise((done) => {
    signal.addEventListener("abort", done, { once: true, signal: ending.signal });
    begin(done, ending.signal);
  });
  ending.abort();
}
