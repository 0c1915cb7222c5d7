"""Keeps batch operations running, and deletes old ones, for ever."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from application.batches import BatchOperations
from application.errors import NotNow
from application.trouble import Trouble

LOG = logging.getLogger("batches")

LOOK_SECONDS = 10


class BatchKeeper:
    """Looks after the batch operations of one API, whoever else does the same."""

    def __init__(
        self,
        batches: Callable[[], BatchOperations],
        retention: timedelta,
        away: tuple[type[Exception], ...],
    ) -> None:
        """Look after what `batches` returns; the errors in `away` are those of its database."""
        self._batches = batches
        self._retention = retention
        self._trouble = Trouble(LOG, "batch operations were not looked after", (*away, NotNow))

    async def run(self) -> None:
        """Look after them for ever."""
        while True:
            with self._trouble.survive():
                batches = self._batches()
                await batches.keep_running()
                while await batches.prune(self._retention):
                    pass
            await asyncio.sleep(LOOK_SECONDS)
