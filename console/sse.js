/**
 * Server-sent events out of a stream of bytes
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html). The browser's own EventSource
 * cannot send a token.
 */

/** What is read of a stream that has broken: nothing more arrives. */
const ENDED = { done: true, value: "" };

/**
 * Yield the events of a stream as they arrive, until it ends or breaks; `null` for a comment, which
 * shows that the connection is alive.
 *
 * @param {ReadableStream<Uint8Array>} stream
 * @returns {AsyncGenerator<{id: string, event: string, data: string}|null>}
 */
export async function* events(stream) {
  /** @type {Record<string, string>} */
  let fields = {};
  for await (const line of lines(stream)) {
    if (line === "") {
      const { id = "", event = "message", data } = fields;
      if (data !== undefined) yield { id, event, data };
      fields = {};
    } else if (line.startsWith(":")) {
      yield null;
    } else {
      const colon = line.indexOf(":");
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      const isMoreData = name === "data" && fields.data !== undefined;
      fields[name] = isMoreData ? `${fields.data}\n${value}` : value;
    }
  }
}

/**
 * @param {ReadableStream<Uint8Array>} stream
 * @returns {AsyncGenerator<string>}
 */
async function* lines(stream) {
  const bytes = /** @type {ReadableStream<BufferSource>} */ (stream);
  const reader = bytes.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => ENDED);
      if (done) return;
      const parts = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = parts.pop() ?? "";
      yield* parts;
    }
  } finally {
    reader.cancel().catch(() => {}); // a broken stream cannot be cancelled
  }
}
