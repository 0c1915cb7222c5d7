/**
 * Server-sent events out of a stream of bytes
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html). The browser's own EventSource
 * cannot send a token.
 */

/**
 * Yield the events of a stream as they come, until it ends or breaks; `null` for a sign of life
 * that is none.
 *
 * @param {ReadableStream<Uint8Array>} stream
 * @returns {AsyncGenerator<{id: string, event: string, data: string}|null>}
 */
export async function* events(stream) {
  let fields = {};
  for await (const line of lines(stream)) {
    if (line === "") {
      if (fields.data !== undefined)
        yield { id: fields.id ?? "", event: fields.event ?? "message", data: fields.data };
      fields = {};
    } else if (line.startsWith(":")) {
      yield null;
    } else {
      const colon = line.indexOf(":");
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      fields[name] =
        name === "data" && fields.data !== undefined ? `${fields.data}\n${value}` : value;
    }
  }
}

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true })); // whether it ends or breaks, no more comes
      if (done) return;
      const whole = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = whole.pop();
      yield* whole;
    }
  } finally {
    reader.cancel().catch(() => {}); // it broke: there is nothing left to cancel
  }
}
