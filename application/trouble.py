"""Work that goes on for ever, and what the log says of it while it fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

MORE_SECONDS = 1


class Trouble:
    """Lets work go on whatever it fails with, and says what that is when it changes."""

    def __init__(
        self, log: logging.Logger, message: str, away: tuple[type[Exception], ...]
    ) -> None:
        """Say `message` in `log`, with the error; nothing of errors in `away`: the door says so."""
        self._log = log
        self._message = message
        self._away = away
        self._last = ""
        """The error that was there the last time; empty if there was none."""

    @contextmanager
    def survive(self) -> Iterator[None]:
        """Let the work within fail, so that it can be tried again."""
        try:
            yield
        except self._away:
            return
        except Exception as error:  # noqa: BLE001  # it is in the log, unless it was before
            # A driver's error has no parameters, which may differ each time.
            words = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"
            if words != self._last:
                self._log.exception(self._message)
            self._last = words
        else:
            self._last = ""

    async def repeat(self, work: Callable[[], Awaitable[object]], seconds: float) -> NoReturn:
        """Do work for ever with such pauses; shorter ones where it returns that there is more."""
        while True:
            has_more: object = None
            with self.survive():
                has_more = await work()
            await asyncio.sleep(MORE_SECONDS if has_more else seconds)
