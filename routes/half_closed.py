"""Callers who send no more: whether they wait for their answer or have left looks the same here."""

import asyncio
import socket
from time import monotonic

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

STREAM = "stream"
"""In a request's state: its answer is a stream, which lasts as long as its caller is there."""

SOON_SECONDS = 0.1
PROBE_SECONDS = 10
"""Such a caller is asked for so often, and looked for so soon after the first time."""


class HalfClosed(H11Protocol):
    """A connection that answers who has asked and sends no more (RFC 9112, 9.6).

    To tell them from who has left, something has to be sent: the system of one who has left refuses
    it, and every caller passes over a `100 Continue`. HTTP/1.0 has nothing of the kind: such a
    caller is taken to be there until the answer is written.
    """

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self.probed_at: float | None = None

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio uses what is returned
        """Return whether to stay, as there is something to answer."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            return False
        if self.cycle.response_started and STREAM in self.cycle.scope["state"]:
            return False
        self._probe()
        self.loop.call_later(SOON_SECONDS, self._look_for_caller)
        return True

    def look(self, now: float) -> None:
        """End the connection if its peer has left."""
        if self.probed_at is not None:
            self._look_for_caller()
            if now - self.probed_at >= PROBE_SECONDS:
                self._probe()

    def on_response_complete(self) -> None:
        """Answer what was asked next, and then end the connection: no more will be asked."""
        super().on_response_complete()
        if self.probed_at is not None and self.cycle.response_complete:
            self.transport.close()

    def _probe(self) -> None:
        self.probed_at = monotonic()
        is_to_come = not self.cycle.response_complete and not self.cycle.response_started
        if is_to_come and self.conn.their_http_version != b"1.0":
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
            self.transport.write(self.conn.send(go_on))

    def _look_for_caller(self) -> None:
        """End the connection if what was sent was refused, as no read would tell any more."""
        line = self.transport.get_extra_info("socket")
        if line is None or self.transport.is_closing():
            return
        if line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()
