"""Work is done for callers who are there.

Who hangs up is not worked for, and who does not read is not written to.
"""

import asyncio
import logging
from collections.abc import Iterator

from starlette.types import Message, Receive, Scope, Send

from routes.middleware import Middleware

PIECE_BYTES = 64 * 1024
"""So much of an answer is handed on at a time; the rest waits until the caller has taken it."""

LEFT = 499
"""The status in our figures of who hung up before there was an answer; no one receives it. nginx
counts them under it, too."""


class Attended(Middleware):
    """Stops the work of a request when its caller is gone.

    It is done with a request when the caller has taken the answer.

    What was sent to Temporal or to a database by then is sent, and no more: whoever comes again
    finds an order placed, or not. It stands behind whatever reads the body.
    """

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on for as long as somebody is there."""
        answer = _Answer(send)
        first = await receive()
        listening = asyncio.create_task(_until_gone(receive))

        async def last_message() -> Message:
            await asyncio.wait([listening])
            return {"type": "http.disconnect"}

        working = asyncio.ensure_future(self._app(scope, replay(first, last_message), answer.send))
        try:
            await asyncio.wait([working, listening], return_when=asyncio.FIRST_COMPLETED)
            if working.done() or answer.is_complete:
                await working
            else:
                await _stop(working)
                if not answer.is_begun:
                    await note_left(send)
        finally:
            working.cancel()
            listening.cancel()


def replay(message: Message, then: Receive) -> Receive:
    """Return a `receive` that gives a message that was read, and then what else comes."""
    messages = [message]

    async def receive() -> Message:
        return messages.pop() if messages else await then()

    return receive


async def _until_gone(receive: Receive) -> None:
    """Wait until the caller is gone, or has the answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def note_left(send: Send) -> None:
    """Tell our own figures that there was nobody left to answer."""
    await send({"type": "http.response.start", "status": LEFT, "headers": []})


async def _stop(working: "asyncio.Task[None]") -> None:
    """Cancel what is done for nobody, and see it end."""
    working.cancel()
    await asyncio.wait([working])
    if not working.cancelled() and (error := working.exception()) is not None:
        logging.getLogger("api").warning("what was done for a caller who left ended with %r", error)


class _Answer:
    """What goes to the caller of one request."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_begun = False
        self.is_complete = False

    async def send(self, message: Message) -> None:
        """Send a part of the answer, no faster than it is taken."""
        self.is_begun = True
        for part in _parts(message):
            await self._send(part)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.is_complete = True


def _parts(message: Message) -> Iterator[Message]:
    """Yield a message in pieces.

    Behind a large body an empty one, which can be sent once all else is taken.
    """
    body = message.get("body", b"")
    if len(body) <= PIECE_BYTES:
        yield message
        return
    for start in range(0, len(body), PIECE_BYTES):
        yield {**message, "body": body[start : start + PIECE_BYTES], "more_body": True}
    yield {**message, "body": b""}
