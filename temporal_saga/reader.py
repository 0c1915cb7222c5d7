"""Whether a database that a process reads is the one that its participant serves from.

A worker registers its database (`registry.py`) and is not let in with another one. A reader
registers nothing; with another database it would answer from another truth, so it must not answer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from temporal_saga.registry import (
    MEMO_DATABASE,
    MEMO_IDENTITY,
    Database,
    ForeignDatabase,
    find_registered,
    setting_of,
    was_replaced,
)

CHECK_SECONDS = 5
"""A result holds this long, so that reading costs no call to Temporal each time."""

ANSWER_LIMIT = timedelta(seconds=1)
"""Temporal gets this long: people wait for what is read, and it can be read without Temporal."""


class ReaderCheck:
    """Compares the database that a process reads with the one that its participant serves from.

    With Temporal away, the last registration that was seen holds. Where none was ever seen, only
    the participant's name in the database itself is compared.
    """

    def __init__(
        self, participant: str, where: str, identity: Callable[[], Awaitable[Database | None]]
    ) -> None:
        """Check what is read as `participant`'s database.

        Args:
            participant: whose database it should be.
            where: its URL without a password, for the message.
            identity: reads its identity, None when no worker has given it one yet; its errors are
                passed on.
        """
        self._participant = participant
        self._where = where
        self._identity = identity
        self._registration: Mapping[str, Any] | None = None
        self._problem: str | None = None
        self._next_check = 0.0
        self._turn = asyncio.Lock()

    async def check(self, client: Client) -> None:
        """Find that the database is the participant's, looking at most every `CHECK_SECONDS`.

        Raises:
            ForeignDatabase: it is another one; the message says which is right, and what to do.
        """
        async with self._turn:
            if time.monotonic() >= self._next_check:
                identity = await self._identity()
                await self._ask(client)
                self._problem = self._difference(identity)
                self._next_check = time.monotonic() + CHECK_SECONDS
            if self._problem:
                raise ForeignDatabase(self._problem)

    async def _ask(self, client: Client) -> None:
        """Read the registration, if Temporal answers."""
        try:
            self._registration = await find_registered(client, self._participant, ANSWER_LIMIT)
        except (RPCError, RuntimeError):  # a lazy client that cannot connect raises RuntimeError
            return

    def _difference(self, identity: Database | None) -> str | None:
        """Say how the database differs from the participant's; None when it does not."""
        setting = setting_of(self._participant)
        if identity is not None and identity.participant != self._participant:
            return (
                f"{self._where} is the database of {identity.participant}, "
                f"not of {self._participant}: set {setting} to the right one, and start again"
            )
        own = identity.id if identity else "without an identity"
        if self._registration is None or self._registration.get(MEMO_IDENTITY) == own:
            return None
        where = self._registration.get(MEMO_DATABASE)
        registered_id = self._registration.get(MEMO_IDENTITY)
        begin = (
            f"the database that is read here is not the one that {self._participant} serves from "
            "in this namespace: "
        )
        if where == self._where:
            return (
                f"{begin}{was_replaced(where, registered_id, own)}. Stop what uses it, and put it "
                "back from a backup"
            )
        return (
            f"{begin}that one is {where} ({registered_id}), this one {self._where} ({own}). "
            f"Set {setting} of this process to that one, and start it again"
        )
