/**
 * Server-sent events out of a stream of bytes
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html). The browser's own EventSource
 * cannot send a token.
 */

/**
 * Yield the events of a stream as they arrive, until it ends or breaks; `null` for a comment, which
 * shows that the connection is alive.
 *
 * @param {ReadableStream<Uint8Array>} stream
 * @returns {AsyncGenerator<{id: string, event: string, data: string}|null>}
 */
export async function* events(stream) {
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

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      // A stream that breaks ends here as well: nothing more arrives.
      const { done, value } = await reader.read().catch(() => ({ done: true }));
      if (done) return;
      const parts = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = parts.pop();
      yield* parts;
    }
  } finally {
    reader.cancel().catch(() => {}); // a broken stream cannot be cancelled
  }
}
