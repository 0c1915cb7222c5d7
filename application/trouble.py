"""Work that goes on for ever, and what the log says of it while it fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

MORE_SECONDS = 1


async def repeat(
    work: Callable[[], Awaitable[object]],
    seconds: float,
    log: logging.Logger,
    message: str,
    away: tuple[type[Exception], ...],
    more_seconds: float = MORE_SECONDS,
) -> NoReturn:
    """Do work for ever, whatever it fails with, and say what that is when it changes.

    Args:
        work: returns whether there is more of it.
        seconds: the pause after it.
        log: has `message` and the error.
        message: what it is that failed.
        away: errors of which the log has nothing: the door says so.
        more_seconds: the pause where there is more.
    """
    last_words = ""
    while True:
        has_more: object = None
        try:
            has_more = await work()
            last_words = ""
        except away:
            pass
        except Exception as error:  # it is in the log, unless it was before
            # A driver's error has no parameters, which may differ each time.
            words = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"
            if words != last_words:
                log.exception(message)
            last_words = words
        await asyncio.sleep(more_seconds if has_more else seconds)
