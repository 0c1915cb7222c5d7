"""What a worker waits for before it takes work: Temporal, the search attributes, its database."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from config import Connection
from contracts.stubs import SEARCH_ATTRIBUTES
from temporal_saga.access import may_work, refusal
from temporal_saga.database import DATABASE_AWAY, plainly
from temporal_saga.registry import ForeignDatabase, Registration

LOG = logging.getLogger("worker")

ASK_AGAIN_SECONDS = 1
SAY_AGAIN_TRIES = 30

ANSWER_LIMIT = timedelta(seconds=5)
"""Temporal is given this long to say whether it lets us in."""

LOOK_AGAIN_SECONDS = 5
"""So often a worker that serves looks whether it may go on, and whether a certificate or key was renewed."""

T = TypeVar("T")


class SearchAttributesMissing(Exception):
    """A saga that sets one of them would stand still until it is there; the message says how to create them."""


AWAY = (
    RuntimeError,
    RPCError,
    *DATABASE_AWAY,
    DBAPIError,
    SearchAttributesMissing,
    ForeignDatabase,
)
"""What is raised while Temporal (RuntimeError: no connection) or a database does not answer, lets us not in, or is not ours."""

CLOSED_TO_US = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED})


async def until_it_answers(
    what: str, ask: Callable[[], Awaitable[T]], stop: asyncio.Event
) -> T | None:
    """Return what `ask` returns once it succeeds, or None when told to stop before; say now and then what is waited for.

    An answer under way is not waited for, either: while Temporal starts its client may try a call for 10 s.
    """
    tries, said = 0, ""
    while not stop.is_set():
        try:
            if (answer := await _unless_stopped(ask(), stop)) is not None:
                return answer
        except AWAY as error:
            if (why := told(error)) != said or tries % SAY_AGAIN_TRIES == 0:
                level = (
                    logging.INFO if tries < SAY_AGAIN_TRIES else logging.WARNING
                )  # a start may take a while
                LOG.log(level, "waiting for %s: %s", what, why)
            tries, said = tries + 1, why
        await _pause(stop, ASK_AGAIN_SECONDS)
    return None


async def _unless_stopped(question: Awaitable[T], stop: asyncio.Event) -> T | None:
    """Return the answer to a question, or None, and ask no more, when told to stop before it comes."""
    asked, stopping = asyncio.ensure_future(question), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([asked, stopping], return_when=asyncio.FIRST_COMPLETED)
        return asked.result() if asked.done() else None
    finally:
        asked.cancel()
        stopping.cancel()


def told(error: Exception) -> str:
    """Return in one line why there is no answer, or what an operator must do for one."""
    return (refusal(error) if isinstance(error, RPCError) else None) or plainly(error)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


class Watch:
    """Looks whether workers that serve still may: whether Temporal lets them in, and whether their databases are the right ones.

    The SDK polls on in silence when a key has run out, when a namespace is gone, and when a certificate is not taken any more.
    """

    def __init__(self, connection: Connection, client: Client) -> None:
        """Watch over `client`, which `connection` opened; another one takes its place when what it was made of is renewed."""
        self._connection = connection
        self.client = client
        self.workers: list[Worker] = []
        self.registrations: list[Registration] = []
        self._said = ""

    async def keep(self, stop: asyncio.Event) -> None:
        """Look again and again, and say what changes, until `stop` is set.

        Raises:
            ForeignDatabase: a participant serves from another database now than the one of this process.
        """
        while not stop.is_set():
            await _unless_stopped(self._look(), stop)
            await _pause(stop, LOOK_AGAIN_SECONDS)

    async def _look(self) -> None:
        if client := await self._connection.renewed():
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
            self._say(told(error))
        else:
            self._say("")

    def _say(self, why: str) -> None:
        """Say that no work comes, and why, or that it comes again; once."""
        if why and why != self._said:
            LOG.warning("no work comes from Temporal: %s", why)
        elif self._said and not why:
            LOG.info("work comes from Temporal again")
        self._said = why


async def search_attributes(client: Client) -> bool:
    """Find that the namespace has our search attributes, each of its type; where that may not be asked, warn and go on.

    Workflows are counted by each, which whoever may list workflows may do: listing the attributes is an operator's right.

    Raises:
        SearchAttributesMissing: some are missing.
    """
    try:
        missing = [key for key in SEARCH_ATTRIBUTES if not await _has(client, key)]
    except RPCError as error:
        if error.status not in CLOSED_TO_US:
            raise
        wanted = ", ".join(f"{key.name} ({_type(key)})" for key in SEARCH_ATTRIBUTES)
        LOG.warning(
            "may not ask for the search attributes (%s); sagas stand still without any of: %s",
            error,
            wanted,
        )
        return True
    if missing:
        create = " ".join(f"--name {key.name} --type {_type(key)}" for key in missing)
        raise SearchAttributesMissing(
            f"create them: temporal operator search-attribute create {create}"
        )
    return True


async def _has(client: Client, key: SearchAttributeKey[Any]) -> bool:
    try:
        await client.count_workflows(f"{key.name} = {json.dumps(key.value_type())}")
    except RPCError as error:
        if error.status != RPCStatusCode.INVALID_ARGUMENT:
            raise
        return False
    return True


def _type(key: SearchAttributeKey[Any]) -> str:
    return key.indexed_value_type.name.title()
