"""Notes that the order database did not take in time, until it takes them."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from functools import partial
from typing import NoReturn

from application.threads import on_thread
from application.trouble import repeat
from contracts.operations import Operation
from participants.order.operations import Note, Operations

LOG = logging.getLogger("operations")

MOST_NOTES = 10_000
"""So many wait in memory; of more, and of those that a kill takes, the API's own log tells."""

RETRY_SECONDS = 2
"""The database is tried again so often while notes wait."""

FLUSH_SECONDS = 3
"""So long at most the API's end waits for them."""


class LateNotes:
    """Notes in the order in which they were made; each is written once the database takes it."""

    def __init__(self, operations: Operations) -> None:
        """Write to `operations`."""
        self._operations = operations
        self._notes: deque[tuple[Operation, Note]] = deque()

    def __bool__(self) -> bool:
        """Whether any wait."""
        return bool(self._notes)

    def add(self, operation: Operation, note: Note) -> None:
        """Let a note wait; where too many do, the API's own log alone has it."""
        text = operation.model_dump_json()
        if len(self._notes) >= MOST_NOTES:
            LOG.warning("not in the log of operations: %s", text)
            return
        LOG.warning("not yet in the log of operations: %s", text)
        self._notes.append((operation, note))

    async def keep_writing(self, away: tuple[type[Exception], ...]) -> NoReturn:
        """Write what waits, for ever; `away` are the errors of a database that may come back."""
        message = "notes wait for the log of operations"
        await repeat(partial(self.write, away), RETRY_SECONDS, LOG, message, away)

    async def write(self, away: tuple[type[Exception], ...]) -> None:
        """Write what waits, in its order; what the database rejects for good is left out.

        Raises:
            Exception: one of `away`; the rest waits on.
        """
        while self._notes:
            operation, note = self._notes[0]
            try:
                await on_thread(self._operations.write_late, operation, note)
            except away:
                raise
            except Exception:
                text = operation.model_dump_json()
                LOG.exception("not in the log of operations: %s", text)
            self._notes.popleft()

    async def flush(self, away: tuple[type[Exception], ...]) -> None:
        """Try once more to write what waits, within a limit."""
        with suppress(TimeoutError, *away):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self.write(away)
        if self._notes:
            LOG.warning("%d notes are in this log alone, as said above", len(self._notes))
