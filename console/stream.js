/**
 * An order's timeline as it is written. A lost connection is opened again behind the last entry.
 */
import { orderPath, request } from "./api.js";
import { events } from "./sse.js";
import { watch } from "./watch.js";

/** The API sends a comment every 15 s; without one the connection is lost. */
const SILENCE_MS = 40_000;
const PAUSE_MS = 500;

/**
 * Follow an order until its saga closes, or until `signal`. While the page is hidden the connection
 * is closed: a browser has six for one server, and each takes one of the API's.
 *
 * @param {string} id
 * @param {object} callbacks
 * @param {(entry: Api.TimelineEntry) => void} callbacks.onEntry takes an entry of the timeline
 * @param {(isOpen: boolean) => void} callbacks.onConnection takes whether the stream is open
 * @param {(hasClosed: boolean) => void} callbacks.onEnd takes whether the saga has closed; if not,
 *   the API refuses the stream for good
 * @param {AbortSignal} signal
 */
export function follow(id, { onEntry, onConnection, onEnd }, signal) {
  let lastId = "";
  const end = new AbortController();
  const finish = (/** @type {boolean} */ hasClosed) => {
    end.abort();
    onEnd(hasClosed);
    return null;
  };

  async function read() {
    if (document.hidden) return PAUSE_MS;
    const connection = openConnection(signal);
    try {
      const headers = new Headers({ Accept: "text/event-stream" });
      if (lastId) headers.set("Last-Event-ID", lastId);
      const options = { headers, signal: connection.signal };
      const answer = await request(`${orderPath(id)}/events`, options);
      if (answer.status === 204 || !answer.body) return null; // every entry is here already
      onConnection(true);
      for await (const event of events(answer.body)) {
        connection.alive();
        if (event?.event === "closed") return null;
        if (event) {
          lastId = event.id;
          onEntry(JSON.parse(event.data));
        }
      }
      return PAUSE_MS;
    } finally {
      connection.close();
      onConnection(false);
    }
  }

  const load = async () => (await read()) ?? finish(true);
  // The page loads the order too, and shows the problem.
  const onProblem = (/** @type {import("./api.js").Problem} */ problem) => {
    if (!problem.isTransient) finish(false);
  };
  watch(load, onProblem, AbortSignal.any([signal, end.signal]));
}

/**
 * Return the lifetime of one connection: until `signal`, a silence, or the page is hidden.
 *
 * @param {AbortSignal} signal
 */
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
