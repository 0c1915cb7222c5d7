"""The log of operations: notes who did, tried and was refused what, and reads it.

An act is noted before it is sent, and its outcome after it: whoever dies in between leaves a note
that it was tried, and no note says what did not happen. No act fails because it cannot be noted: a
note that the database does not take in time waits in memory, and is written later.
"""

import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import urlencode

from pydantic import ConfigDict, Field

from application.caller import Caller
from application.errors import NotNow, ServiceError
from application.late_notes import LateNotes
from application.order_query import Instant
from application.threads import on_thread
from application.trouble import repeat
from contracts.decisions import Decision
from contracts.operations import (
    MOST_OF_A_MESSAGE,
    MOST_ON_A_PAGE,
    Operation,
    OperationFilter,
    OperationList,
    Outcome,
)
from contracts.text import beginning_of, printable
from participants.order.operations import Note, Operations, new_id

LOG = logging.getLogger("operations")

NOTE_SECONDS = 1
"""An act waits no longer than this for its note, and no longer again for that of its outcome; it
waits for none while earlier notes are still to be written."""

MOST_REFUSALS = 30
"""So many refusals of one caller are noted in a minute."""

LAST_REFUSAL = "; further refusals of this caller within this minute are not noted"

MOST_ENTRIES = 1_000_000
"""Of more the oldest are deleted, before their time."""

KEEP_SECONDS = 600
"""Old entries are looked for so often, and sooner again while there are more of them."""

OF_A_DECISION = {"by", "reason", "step"}


class OperationsQuery(OperationFilter):
    """The query of the log."""

    model_config = ConfigDict(extra="forbid")

    since: Instant | None = Field(default=None, description="at this time or later")
    until: Instant | None = Field(default=None, description="before this time")
    limit: int = Field(default=50, ge=1, le=MOST_ON_A_PAGE, description="so many at most")

    def following(self, before: str) -> str:
        """Return the address at which the log goes on behind an entry."""
        parameters = self.model_dump(mode="json", exclude_defaults=True)
        return f"/operations?{urlencode({**parameters, 'before': before})}"


class OperationsLog:
    """The log of operations of one order database, for one front door."""

    def __init__(self, operations: Operations, clock: Callable[[], float] = time.monotonic) -> None:
        """Write to and read from `operations`; `clock` counts seconds."""
        self._operations = operations
        self._clock = clock
        self.late_notes = LateNotes(operations)
        self._minute = 0
        self._refusals: Counter[str] = Counter()
        """By caller, how many refusals were noted in this minute."""

    @asynccontextmanager
    async def note(
        self,
        caller: Caller,
        act: str,
        decision: Decision | None = None,
        *,
        is_on_record: bool = False,
        **fields: Any,
    ) -> AsyncIterator[Operation]:
        """Note what is done within, and what became of it; give the entry.

        Args:
            caller: who does it, and from where.
            act: what.
            decision: who and why, where a person says so; "by" in it is what the record will have.
            is_on_record: what is done is on record itself: only its refusal is noted.
            fields: further fields of the entry: `order_id`, `about`, `reason`.
        """
        operation = _operation(caller, act, decision, fields)
        if not is_on_record:
            await self._write(operation, Note.BEGIN)
        try:
            yield operation
        except NotNow as error:
            if not is_on_record:
                await self._end(operation, Outcome.TRIED, str(error))
            raise
        except ServiceError as error:
            await self._refuse(caller, operation, str(error), is_begun=not is_on_record)
            raise
        if not is_on_record:
            await self._end(operation, Outcome.DONE)

    async def succeed(self, operation: Operation) -> None:
        """Note that what `note` gave the entry of was done."""
        await self._end(operation, Outcome.DONE)

    async def refuse(self, caller: Caller, act: str, why: str, **fields: Any) -> None:
        """Note that a known caller may not do something."""
        await self._refuse(caller, _operation(caller, act, None, fields), why)

    async def page(self, query: OperationsQuery) -> OperationList:
        """Return one page of the log, the newest first.

        Raises:
            Exception: the order service's database does not answer.
        """
        entries, before = await on_thread(self._operations.page, query, query.limit)
        return OperationList(operations=tuple(entries), next=before and query.following(before))

    async def keep(self, retention: timedelta, away: tuple[type[Exception], ...]) -> NoReturn:
        """Delete what is older than the retention, for ever; `away` are the database's errors."""

        async def prune() -> int:
            oldest = datetime.now(UTC) - retention
            return await on_thread(self._operations.prune, oldest, MOST_ENTRIES)

        message = "old operations were not deleted; it is tried again"
        await repeat(prune, KEEP_SECONDS, LOG, message, away)

    async def _refuse(
        self, caller: Caller, operation: Operation, why: str, *, is_begun: bool = False
    ) -> None:
        """Note a refusal; of a caller who has had very many not even that it began stays."""
        if self._has_room(caller):
            self._refusals[_name(caller)] += 1
            message = why if self._has_room(caller) else why + LAST_REFUSAL
            await self._end(operation, Outcome.REFUSED, message)
        elif is_begun:
            await self._end(operation, Outcome.REFUSED, why, Note.WITHDRAW)

    def _has_room(self, caller: Caller) -> bool:
        """Tell whether a refusal of this caller would be noted now."""
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute = minute
            self._refusals.clear()
        return self._refusals[_name(caller)] < MOST_REFUSALS

    async def _end(
        self, operation: Operation, outcome: Outcome, message: str = "", note: Note = Note.END
    ) -> None:
        words = beginning_of(printable(message), MOST_OF_A_MESSAGE) or None
        ending = {"outcome": outcome, "message": words}
        await self._write(operation.model_copy(update=ending), note)

    async def _write(self, operation: Operation, note: Note) -> None:
        """Write a note; where that fails or others wait, it waits behind them."""
        if not self.late_notes:
            try:
                write = self._operations.write
                return await on_thread(write, operation, note, seconds=NOTE_SECONDS)
            except Exception as error:  # noqa: BLE001  # no act fails because it cannot be noted
                LOG.warning("an operation is noted later: %r", error)
        return self.late_notes.add(operation, note)


def _name(caller: Caller) -> str:
    """Return by what a caller is told from others."""
    return f"token {caller.subject}" if caller.subject else f"address {caller.origin.address}"


def _operation(
    caller: Caller, act: str, decision: Decision | None, fields: dict[str, Any]
) -> Operation:
    """Return the entry of what begins now."""
    now = datetime.now(UTC)
    own = {"by": caller.signature_of(caller.own_name)}
    words = decision.model_dump(include=OF_A_DECISION) if decision else own
    return Operation(
        **{"order_id": None, **words, **fields},
        **vars(caller.origin),
        id=new_id(now),
        at=now,
        act=act,
        outcome=Outcome.TRIED,
        subject=caller.subject or None,
    )
