"""Keeps batch operations running, and deletes old ones, for ever."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

from application.batches import BatchOperations
from application.errors import NotNow
from application.trouble import repeat

LOG = logging.getLogger("batches")

LOOK_SECONDS = 10


async def keep(
    batches: Callable[[], BatchOperations],
    retention: timedelta,
    away: tuple[type[Exception], ...],
) -> NoReturn:
    """Look after what `batches` returns, whoever else does; `away` are its database's errors."""
    message = "batch operations were not looked after"
    await repeat(
        lambda: batches().look_after(retention), LOOK_SECONDS, LOG, message, (*away, NotNow)
    )
