"""Reading a participant's database, within a time, and only if it is the participant's own."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, Protocol, TypeVar

from temporalio.client import Client

from application.errors import Away, NotNow
from application.runs import ANSWER_LIMIT
from temporal_saga.reader import ReaderCheck
from temporal_saga.registry import Database, ForeignDatabase

LOG = logging.getLogger("api")

THREADS = 4
"""For one database, in one API process: one that hangs holds up those who ask for it alone."""

T = TypeVar("T")


class Reads(Protocol):
    """Read functions of one participant, over a database opened for reading."""

    @property
    def where(self) -> str:
        """The database's URL, without a password."""

    def identity(self) -> Database | None:
        """Return which database it is; None when no worker has given it an identity yet."""


R = TypeVar("R", bound=Reads)


class Lookups(Generic[R]):
    """Reads one participant's database, in threads of its own."""

    def __init__(self, participant: str, reads: R, failures: tuple[type[Exception], ...]) -> None:
        """Read by `reads`; `failures` is what these raise while the database does not answer."""
        self._participant = participant
        self._reads = reads
        self._failures: tuple[type[Exception], ...] = (TimeoutError, *failures)
        self._threads = ThreadPoolExecutor(THREADS, participant)
        self._check = ReaderCheck(
            participant, reads.where, partial(self._in_thread, reads.identity)
        )

    def close(self) -> None:
        """Begin no further look."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def read(self, client: Client, question: Callable[[R], T]) -> T:
        """Return the answer to a question; `client` asks whether the database is the right one.

        Raises:
            NotNow: the database gives no answer in time, or is another's.
        """
        try:
            async with asyncio.timeout(ANSWER_LIMIT.total_seconds()):
                await self._check.check(client)
                return await self._in_thread(partial(question, self._reads))
        except ForeignDatabase as error:
            LOG.warning("%s", error)
            raise NotNow(str(error)) from error
        except self._failures as error:
            why = " ".join(str(error.__cause__ or error).split()) or "not in time"
            LOG.warning("the %s service's database gives no answer: %s", self._participant, why)
            raise Away(f"the {self._participant} service's database") from error

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
