"""What a worker waits for before it takes work: Temporal, the search attributes, its database."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from contracts.stubs import SEARCH_ATTRIBUTES
from temporal_saga.database import plainly

LOG = logging.getLogger("worker")

ASK_AGAIN_SECONDS = 1
SAY_AGAIN_TRIES = 30

T = TypeVar("T")


class SearchAttributesMissing(Exception):
    """A saga that sets one of them would stand still until it is there; the message says how to create them."""


AWAY = (RuntimeError, RPCError, DBAPIError, SearchAttributesMissing)
"""What is raised while Temporal (RuntimeError: no connection) or a database does not answer, or lacks what we need."""

CLOSED_TO_US = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED})


async def until_it_answers(what: str, ask: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T | None:
    """Return what `ask` returns once it succeeds, or None when told to stop before; say now and then what is waited for.

    An answer under way is not waited for, either: while Temporal starts its client may try a call for 10 s.
    """
    tries, said = 0, ""
    while not stop.is_set():
        asked, stopping = asyncio.ensure_future(ask()), asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait([asked, stopping], return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                return asked.result()
        except AWAY as error:
            if (why := plainly(error)) != said or tries % SAY_AGAIN_TRIES == 0:
                level = logging.INFO if tries < SAY_AGAIN_TRIES else logging.WARNING  # a start may take a while
                LOG.log(level, "waiting for %s: %s", what, why)
            tries, said = tries + 1, why
        finally:
            asked.cancel()
            stopping.cancel()
        await _pause(stop, ASK_AGAIN_SECONDS)
    return None


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


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
        LOG.warning("may not ask for the search attributes (%s); sagas stand still without any of: %s", error, wanted)
        return True
    if missing:
        create = " ".join(f"--name {key.name} --type {_type(key)}" for key in missing)
        raise SearchAttributesMissing(f"create them: temporal operator search-attribute create {create}")
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
