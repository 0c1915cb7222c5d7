"""The API's way to the orders: shut, with the reason, until what it needs is found to be there.

Nobody waits before it.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from temporalio.client import Client
from temporalio.service import RPCError

from application.errors import ORDER_DATABASE, Away, NotNow
from application.orders import Orders
from application.runs import ANSWER_LIMIT, temporal
from application.threads import on_thread
from process import NOT_READY, Connection, reason_of
from temporal_saga.identity import Identity
from temporal_saga.registry import ForeignDatabase, Registration

LOG = logging.getLogger("api")

PARTICIPANT = "order"

START_SECONDS = 10
"""A start may take so long: what is missing until then is no warning yet."""

FIRST_LOOK_SECONDS = 1
"""The API's start waits so long for the door to open, so that its first caller finds it open."""

SHUT_SECONDS = 1
"""While it is shut, the door looks this often whether it can open."""

OPEN_SECONDS = 5
"""While it is open, the door looks this often whether it must shut."""

UNUSABLE = "the API cannot use what it needs; its log says why, and it looks again by itself"
"""What callers are told of an error that has no sentence of its own."""


class Door:
    """Opens once the order database answers and is the order service's own; shuts when it is not.

    With Temporal away nobody can tell whose a database is: one that was given its name before is
    then taken for what it was.
    """

    def __init__(
        self,
        connection: Connection,
        client: Client,
        prepare: Callable[[], tuple[Identity, bool]],
        use: Callable[[Client], Orders],
        database_away: tuple[type[Exception], ...],
    ) -> None:
        """Stand before the orders that `use` returns for `client`.

        Args:
            connection: opened `client`, and opens the one that takes its place when a certificate
                or key is renewed.
            client: asks Temporal.
            prepare: makes the database that is there now ready, and returns who it is from now on,
                and whether it had that name before; may wait for it.
            use: has the app use a client from now on, and returns its orders; waits for nothing.
            database_away: the errors of an order database that gives no answer.
        """
        self._connection = connection
        self._client = client
        self._prepare = prepare
        self._use = use
        self._database_away = database_away
        self._orders = use(client)
        self._registration: Registration | None = None
        self._had_a_name = False
        self.first_look = asyncio.Event()
        """Set once it was looked for the first time."""
        self.is_ready = asyncio.Event()
        """Set once it has been open."""
        self._why_shut: str | None = str(Away(ORDER_DATABASE))
        self._last_words = (logging.NOTSET, "")
        self._starts_until = monotonic() + START_SECONDS

    def orders(self) -> Orders:
        """Return the orders.

        Raises:
            NotNow: the door is shut; the error says what is missing.
        """
        if self._why_shut is not None:
            raise NotNow(self._why_shut)
        return self._orders

    async def keep(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            self.first_look.set()
            await asyncio.sleep(OPEN_SECONDS if self._why_shut is None else SHUT_SECONDS)

    async def look(self) -> None:
        """Open the door, or shut it, whatever the look fails with."""
        try:
            await self._renew()
            registration = await self._ready_registration()
            await self._compare(registration)
        except self._database_away as error:
            cause = error.__cause__ or error
            self._shut(str(Away(ORDER_DATABASE)), f"{ORDER_DATABASE} gives no answer: {cause}")
        except (ForeignDatabase, NotNow) as error:
            self._shut(str(error), str(error))
            self._forget_replaced()
        except Exception as error:  # noqa: BLE001  # whatever it is, a later look may find it gone
            self._shut(UNUSABLE, reason_of(error), None if isinstance(error, NOT_READY) else error)
        else:
            self._starts_until = 0
            if self._why_shut is not None:
                self._why_shut = None
                self.is_ready.set()
                LOG.info("ready: orders are kept in %s", registration.database.where)

    async def _renew(self) -> None:
        if client := await self._connection.renew():
            LOG.info("connected anew to Temporal, with what was renewed")
            self._client = client
            self._orders = self._use(client)
            if self._registration is not None:
                self._registration.client = client

    async def _ready_registration(self) -> Registration:
        """Return the registration of the database, made ready once, and when it was replaced."""
        if self._registration is None:
            identity, self._had_a_name = await on_thread(self._prepare)
            self._registration = Registration(self._client, PARTICIPANT, identity)
        return self._registration

    async def _compare(self, registration: Registration) -> None:
        """Find that the database is the order service's own, as far as can be told now.

        Raises:
            ForeignDatabase: it is not.
            NotNow, RPCError: nobody can tell now, and it had no name before.
        """
        try:
            async with temporal(ANSWER_LIMIT):
                await registration.check()
            self._had_a_name = True
        except (NotNow, RPCError):
            if not self._had_a_name:
                raise

    def _forget_replaced(self) -> None:
        """Have the next look begin anew when the file of the database was deleted or replaced."""
        if self._registration is not None and self._registration.database.was_replaced():
            self._registration = None
            self._had_a_name = False

    def _shut(self, why: str, line: str, defect: Exception | None = None) -> None:
        """Keep the door shut from now on, and write `line` to the log, once as a warning.

        Of a `defect` the log has where it happened, too.
        """
        level = logging.INFO if monotonic() < self._starts_until else logging.WARNING
        if (level, line) != self._last_words:
            LOG.log(level, "not ready: %s", line, exc_info=defect)
        self._why_shut = why
        self._last_words = (level, line)
