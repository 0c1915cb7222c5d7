"""A client of HTTP/1.1 that costs the machine little: the load shares it with who is measured."""

import asyncio
import json
from types import TracebackType
from typing import Any, NamedTuple, Self

import h11

MOST_BYTES = 2**16


class Answer(NamedTuple):
    """A response's status, its body as JSON (None without one), and its Retry-After in seconds."""

    status: int
    body: Any
    retry_after: float = 0.0


class HttpClient:
    """One connection to a server on this machine, kept open, and opened again when it broke."""

    def __init__(self, port: int) -> None:
        """Talk to the server on this port."""
        self.port = port
        self._state = h11.Connection(h11.CLIENT)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        """Connect at the first request."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Disconnect."""
        self._disconnect()

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()
    ) -> Answer:
        """Send a request with a JSON body, and return the answer.

        Raises:
            OSError: nobody answers, or the connection broke; the next request opens another.
        """
        try:
            return await self._exchange(method, path, body, headers)
        except h11.ProtocolError as error:
            self._disconnect()
            raise OSError(f"the connection broke: {error}") from error
        except BaseException:
            self._disconnect()
            raise

    async def _exchange(
        self, method: str, path: str, body: bytes, headers: tuple[tuple[str, str], ...]
    ) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
            self._state = h11.Connection(h11.CLIENT)
        _, writer = self._streams
        head = [
            ("Host", f"127.0.0.1:{self.port}"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            *headers,
        ]
        events = (h11.Request(method=method, target=path, headers=head), h11.Data(data=body))
        for event in (*events, h11.EndOfMessage()):
            writer.write(self._state.send(event) or b"")
        await writer.drain()
        status = 0
        retry_after = 0.0
        content = b""
        while not isinstance(event := await self._next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status = event.status_code
                retry_after = float(dict(event.headers).get(b"retry-after", 0))
            elif isinstance(event, h11.Data):
                content += event.data
        if self._state.our_state is h11.DONE and self._state.their_state is h11.DONE:
            self._state.start_next_cycle()
        else:
            self._disconnect()
        return Answer(status, json.loads(content) if content else None, retry_after)

    async def _next_event(self) -> Any:
        assert self._streams is not None
        while (event := self._state.next_event()) is h11.NEED_DATA:
            self._state.receive_data(await self._streams[0].read(MOST_BYTES))
        if isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError("the server closed the connection")
        return event

    def _disconnect(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
