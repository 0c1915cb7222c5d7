"""How a process of ours begins, waits for what it needs, stays connected, and ends."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RetryConfig, RPCError
from temporalio.worker import Worker

from config import client_options, temporal_address
from temporal_saga.access import may_work, refusal
from temporal_saga.database import DATABASE_NOT_READY, plainly
from temporal_saga.plugin import SagaPlugin
from temporal_saga.registry import ForeignDatabase, Registration
from temporal_saga.search_attributes import SearchAttributesMissing

LOG = logging.getLogger("worker")

RENEWAL_SECONDS = 5
"""A client with a new certificate or key gets this long to connect, before the next look."""

PROBE_PAUSE_SECONDS = 1
REPEAT_LOG_PROBES = 30
"""While something is waited for for the same reason, the reason is logged again so often."""

ANSWER_LIMIT = timedelta(seconds=5)
"""Temporal gets this long to say whether it lets us in."""

CHECK_SECONDS = 5
"""Between two checks whether a serving worker may go on, and whether its certificate changed."""

NOT_READY = (
    RuntimeError,
    RPCError,
    *DATABASE_NOT_READY,
    SearchAttributesMissing,
    ForeignDatabase,
)
"""Raised while Temporal (RuntimeError: no connection) or a database is away, refuses us, is damaged
or is not ours."""

T = TypeVar("T")


# Begin: connect to Temporal.


async def connect(*, lazy: bool = False, port: int = 7233) -> Client:
    """Connect to the Temporal of the `TEMPORAL_*` variables and profile.

    Args:
        port: this machine's Temporal's, used when they name none.
        lazy: connect at the first call instead, so that a process can start while Temporal is away.

    Raises:
        RuntimeError: Temporal does not answer.
        SystemExit: the variables or the profile are invalid, with a sentence that says why.
    """
    return await Connection(port).open(lazy=lazy)


class Connection:
    """A connection to Temporal that is made anew when its certificate or key changes on disk."""

    def __init__(
        self,
        port: int = 7233,
        retries: RetryConfig | None = None,
        plugin: SagaPlugin | None = None,
    ) -> None:
        """Connect to the Temporal of the `TEMPORAL_*` variables and profile.

        Args:
            port: of this machine's Temporal, when they name none.
            retries: how long the client itself retries a call; the SDK's own 10 s when None.
            plugin: what workers are made with; None where there are none.
        """
        self._port = port
        self._fixed_options: dict[str, Any] = {
            "plugins": [plugin or SagaPlugin()],
            "retry_config": retries,
        }
        self._options: ClientConnectConfig = {}

    async def open(self, *, lazy: bool = False) -> Client:
        """Connect, as `connect` does."""
        address = temporal_address(self._port)
        self._options = client_options(self._port)
        try:
            return await Client.connect(**self._options, **self._fixed_options, lazy=lazy)
        except ValueError as error:
            sys.exit(f"cannot start: TEMPORAL_ADDRESS={address} is invalid: {error}")

    async def renew(self) -> Client | None:
        """Return a new client, connected, when what it is made of has changed.

        None when nothing has, and when it does not connect (yet): a file may be half written, or a
        key not fit its certificate for a moment. The next call tries again.
        """
        try:
            options = client_options(self._port)
            if options == self._options:
                return None
            connecting = Client.connect(**options, **self._fixed_options)
            client = await asyncio.wait_for(connecting, RENEWAL_SECONDS)
        except Exception:  # noqa: BLE001  # with bad new files the old client stays
            return None
        self._options = options
        return client


# Wait for what is needed.


async def wait_until_ready(
    name: str, probe: Callable[[], Awaitable[T]], stop: asyncio.Event
) -> T | None:
    """Return the result of `probe` once it succeeds; None when `stop` is set before.

    What is waited for, and why, is logged at the first failure, when the reason changes, and now
    and then. A probe under way is cancelled when `stop` is set: while Temporal starts, its client
    may try a call for 10 s.

    Args:
        name: of what is waited for, for the log.
        probe: raises one of `NOT_READY`, or returns None, as long as there is nothing.
        stop: ends the waiting.
    """
    failures = 0
    last_reason = ""
    while not stop.is_set():
        try:
            if (result := await _unless_stopped(probe(), stop)) is not None:
                return result
        except NOT_READY as error:
            reason = reason_of(error)
            if reason != last_reason or failures % REPEAT_LOG_PROBES == 0:
                # A start may take a while; that is no warning yet.
                level = logging.INFO if failures < REPEAT_LOG_PROBES else logging.WARNING
                LOG.log(level, "waiting for %s: %s", name, reason)
            failures += 1
            last_reason = reason
        await _pause(stop, PROBE_PAUSE_SECONDS)
    return None


def reason_of(error: Exception) -> str:
    """Return in one line why something is not ready, or what an operator must do about it."""
    return (refusal(error) if isinstance(error, RPCError) else None) or plainly(error)


async def _unless_stopped(awaitable: Awaitable[T], stop: asyncio.Event) -> T | None:
    """Return its result, or cancel it and return None when `stop` is set first."""
    task = asyncio.ensure_future(awaitable)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        stopping.cancel()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


# Stay connected.


class Watch:
    """Checks whether workers that serve still may: by Temporal, and from their databases.

    The SDK polls on in silence when a key has run out, when a namespace is gone, and when a
    certificate is not accepted any more.
    """

    def __init__(self, connection: Connection, client: Client) -> None:
        """Watch over `client`, which `connection` opened and may renew."""
        self._connection = connection
        self.client = client
        self.workers: list[Worker] = []
        self.registrations: list[Registration] = []
        self._last_reason = ""

    async def keep(self, stop: asyncio.Event) -> None:
        """Check until `stop` is set, and log what changes.

        Raises:
            ForeignDatabase: a participant serves from another database now than this process.
        """
        while not stop.is_set():
            await _unless_stopped(self._check(), stop)
            await _pause(stop, CHECK_SECONDS)

    async def _check(self) -> None:
        if client := await self._connection.renew():
            LOG.info("connected anew to Temporal, with what was renewed")
            self.client = client
            for worker in self.workers:
                worker.client = client
            for registration in self.registrations:
                registration.client = client
        try:
            await may_work(self.client, ANSWER_LIMIT)
            for registration in self.registrations:
                await registration.check()
        except (RPCError, RuntimeError) as error:
            self._log_change(reason_of(error))
        else:
            self._log_change("")

    def _log_change(self, reason: str) -> None:
        """Log once that no work comes and why, and once that it comes again."""
        if reason and reason != self._last_reason:
            LOG.warning("no work comes from Temporal: %s", reason)
        elif self._last_reason and not reason:
            LOG.info("work comes from Temporal again")
        self._last_reason = reason


# End.


def leave(status: int = 0) -> NoReturn:
    """End this process, whose work is done, without the interpreter's own teardown.

    Threads of the Temporal SDK may still be delivering to Python then, which aborts the process
    (`Fatal Python error: PyGILState_Release`, github.com/temporalio/sdk-python/issues/300) and
    makes a clean stop look like a crash.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
