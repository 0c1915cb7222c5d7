"""The API's way to the orders: shut, with the reason, until what it needs is found to be there; nobody waits before it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from routes.problems import Problem, not_now, unavailable
from routes.sagas import Sagas

LOG = logging.getLogger("api")

LOOK_AGAIN_SECONDS = 1
FIRST_LOOK_SECONDS = 1
"""So long the API's start waits for the door to open, so that the first caller finds it open where nothing is wrong."""

DATABASE = "the order service's database"


class Door:
    """Opens once the sagas can be opened, which is tried again and again until then."""

    def __init__(self, open_sagas: Callable[[], Awaitable[Sagas]], database_away: tuple[type[Exception], ...]) -> None:
        """Open by `open_sagas`; `database_away` are the errors of an order database that gives no answer."""
        self._open_sagas = open_sagas
        self._database_away = database_away
        self._sagas: Sagas | None = None
        self._why = unavailable(DATABASE).document.detail
        self._told = ""

    def sagas(self) -> Sagas:
        """Return the orders' sagas.

        Raises:
            Problem: 503, with what is missing.
        """
        if self._sagas is None:
            raise not_now(self._why)
        return self._sagas

    async def keep(self) -> None:
        """Open the door as soon as that can be done."""
        while self._sagas is None:
            await self._try()
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _try(self) -> None:
        try:
            self._sagas = await self._open_sagas()
        except Problem as problem:
            self._shut(problem.document.detail, problem.document.detail)
        except self._database_away as error:
            self._shut(unavailable(DATABASE).document.detail, f"{DATABASE} gives no answer: {error.__cause__ or error}")

    def _shut(self, why: str, told: str) -> None:
        """Keep the door shut, and say so once in the log."""
        if told != self._told:
            LOG.warning("not ready: %s", told)
        self._why, self._told = why, told
