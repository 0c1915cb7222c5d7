/**
 * Server-sent events out of a stream of bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html). The browser's
 * own EventSource cannot send a token.
 */

/**
 * Yield the events of a stream as they come; `null` for a sign of life that is none.
 *
 * @param {ReadableStream<Uint8Array>} stream
 * @returns {AsyncGenerator<{id: string, event: string, data: string}|null>}
 */
export async function* events(stream) {
  let fields = {};
  for await (const line of lines(stream)) {
    if (line === "") {
      if (fields.data !== undefined) yield { id: fields.id ?? "", event: fields.event ?? "message", data: fields.data };
      fields = {};
    } else if (line.startsWith(":")) {
      yield null;
    } else {
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
      fields[name] = name === "data" && fields.data !== undefined ? `${fields.data}\n${value}` : value;
    }
  }
}

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const whole = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = whole.pop();
      yield* whole;
    }
  } finally {
    reader.cancel().catch(() => {}); // it broke: there is nothing left to cancel
  }
}
