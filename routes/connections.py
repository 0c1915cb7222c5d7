"""What a connection may cost: how long a peer may take, and how many connections there are."""

import asyncio
import logging
import resource
import socket
from contextlib import suppress
from http import HTTPStatus
from time import monotonic
from typing import Any, cast

import h11
from starlette.types import Receive, Scope, Send

from routes.attended import PIECE_BYTES
from routes.half_closed import HalfClosed
from routes.middleware import Middleware
from routes.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, Problem
from routes.rate import HEALTH, site, too_many

HEAD_SECONDS = 15
"""A request's head that has not come in full within this is not waited for."""

TAKEN_SECONDS = 30
"""An answer that is not taken within this is given up, and its connection with it."""

MOST_HEAD_BYTES = 16 * 1024

BACKLOG = 256
"""So many connections may wait to be taken, and are taken at once."""

MOST_CONNECTIONS = 10_000
LEAST_CONNECTIONS = 32
OWN_DESCRIPTORS = 96
"""Files, databases and Temporal need so many at most."""

MOST_DESCRIPTORS = MOST_CONNECTIONS + BACKLOG + OWN_DESCRIPTORS

SHARE = 2
"""One address has one in so many of all connections at most."""

STRANGERS_MISTAKES = frozenset({"Invalid HTTP request received."})
"""Whoever can reach the port could fill the log with these."""

AGAIN_SECONDS = 60


def raise_descriptors() -> None:
    """Let this process open as many files and connections as it may and has use for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):  # some systems allow less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def most_connections() -> int:
    """Return how many connections there may be; descriptors are left for what else is open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else min(soft, MOST_DESCRIPTORS)
    return max(LEAST_CONNECTIONS, most - BACKLOG - OWN_DESCRIPTORS)


class Connection(HalfClosed):
    """A connection with limits that uvicorn does not have.

    Whoever runs the server lets each `look` at itself every second.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; if there are too many then, the one ends that has waited longest for a request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=PIECE_BYTES)
        if (line := transport.get_extra_info("socket")) is not None and hasattr(
            socket, "TCP_USER_TIMEOUT"
        ):
            # What the system took from us counts as little as a peer that is gone without a FIN.
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TAKEN_SECONDS * 1_000)
        self.site = site({"client": self.client})
        self.idle_since = monotonic()
        self._head_since: float | None = None
        self._unsent_since: float | None = None
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take what comes; a peer that sends on during an answer is still seen to hang up."""
        super().data_received(data)
        if self.conn.their_state is h11.DONE and len(self.conn.trailing_data[0]) < MOST_HEAD_BYTES:
            self.flow.resume_reading()  # uvicorn pauses once another request waits

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self.idle_since = monotonic()
        super().on_response_complete()

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def is_owing(self) -> bool:
        """Whether it is its peer's turn: to ask, to send on, or to take the answer."""
        return self.is_idle or self.cycle.more_body or self._unsent_since is not None

    def look(self, now: float) -> None:
        """End the connection if its peer has left something undone for too long, or has left."""
        super().look(now)
        if not self.transport.get_write_buffer_size():
            self._unsent_since = None
        elif now - (since := self._unsent_since or now) < TAKEN_SECONDS:
            self._unsent_since = since
        else:
            self.transport.abort()
        # Between two requests uvicorn's own timer runs, until the first byte of the next one.
        if not self.is_idle or self.timeout_keep_alive_task is not None:
            self._head_since = None
        elif now - (since := self._head_since or self.idle_since) < HEAD_SECONDS:
            self._head_since = since
        elif self.conn.trailing_data[0]:
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT,
                "too-slow",
                f"the head did not arrive within {HEAD_SECONDS} s",
            )
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request."""
        self._refuse(HTTPStatus.BAD_REQUEST, "not-http", msg)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: the request is answered as if it had not asked for another protocol."""

    def _refuse(self, status: HTTPStatus, slug: str, why: str) -> None:
        """Answer before there is a request, and hang up."""
        if self.transport.is_closing() or self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        body = Problem(status, slug, why).document.model_dump_json(exclude_none=True).encode()
        headers = [
            ("content-type", MEDIA_TYPE),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        start = h11.Response(status_code=status, headers=headers, reason=status.phrase)
        for event in (start, h11.Data(body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _make_room(self) -> None:
        """Make room if there is one too many, here or from this address.

        A connection whose peer owes us something is ended, or else this one.
        """
        most = most_connections()
        if len(self.connections) <= most // SHARE:
            return
        there = [
            other
            for other in cast("set[Connection]", self.connections)
            if not other.transport.is_closing()
        ]
        alike = [other for other in there if other.site == self.site]
        crowd, room = (alike, most // SHARE) if len(alike) > most // SHARE else (there, most)
        if len(crowd) <= room:
            return
        owing = [other for other in crowd if other is not self and other.is_owing]
        if owing:
            # Who has asked before will ask again; who never did may only want to take the place.
            min(owing, key=_worth).transport.abort()
        if len(crowd) - 1 - len(owing) >= room:
            self.app = _Crowded(self.app)


def _worth(connection: Connection) -> tuple[bool, float]:
    return connection.is_idle and connection.cycle is not None, connection.idle_since


class _Crowded(Middleware):
    """Answers one caller too many: health as ever, and else that there is no room."""

    exempt_paths = HEALTH

    async def serve(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        why = "as many connections as the API serves at one time are in use; ask again"
        raise too_many(why, RETRY_AFTER_SECONDS, {"Connection": "close"})


class Trouble:
    """Logs trouble in the event loop; connections that cannot be taken, once a minute at most."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take what the loop reports."""
        if "accept" not in context.get("message", "") or not isinstance(
            context.get("exception"), OSError
        ):
            loop.default_exception_handler(context)
        elif (now := monotonic()) >= self._quiet_until:
            self._quiet_until = now + AGAIN_SECONDS
            logging.getLogger("uvicorn.error").error(
                "no connection can be taken just now: %s", context["exception"]
            )


def is_ours(record: logging.LogRecord) -> bool:
    """Tell whether a line in the log is about us, and not one that strangers can cause at will."""
    return record.msg not in STRANGERS_MISTAKES
