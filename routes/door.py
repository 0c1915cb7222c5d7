"""The API's way to the orders: shut, with the reason, until what it needs is found to be there; nobody waits before it."""

import asyncio
import logging
from collections.abc import Callable

from temporalio.client import Client

from application.errors import ORDER_DATABASE, Away, NotNow
from application.orders import Sagas
from application.runs import ANSWER_LIMIT, temporal
from participants.order.service import OrderService
from process import Connection
from temporal_saga.identity import Identity
from temporal_saga.registry import ForeignDatabase, Registration

LOG = logging.getLogger("api")

PARTICIPANT = "order"

FIRST_LOOK_SECONDS = 1
"""So long the API's start waits for the door to open, so that the first caller finds it open where nothing is wrong."""

SHUT_SECONDS = 1
OPEN_SECONDS = 5
"""So often is looked again while it is shut, and while it is open."""


class Door:
    """Opens once the order database answers and is the order service's own; shuts when it is not, any more.

    With Temporal away nobody can tell whose a database is: one that was given its name before is then taken for what it was.
    """

    def __init__(
        self,
        connection: Connection,
        client: Client,
        find: Callable[[], Identity | None],
        begin: Callable[[], tuple[OrderService, Identity]],
        build: Callable[[Client, OrderService], Sagas],
        database_away: tuple[type[Exception], ...],
    ) -> None:
        """Keep the way to the orders.

        Args:
            connection: opened `client`, and opens the one that takes its place when a certificate or key is renewed.
            client: asks Temporal.
            find: returns who the order database is, or None when it has no name yet; may wait for the database.
            begin: opens the order service, and returns who its database is from now on; may wait for the database.
            build: returns the sagas of a client and the order service.
            database_away: the errors of an order database that gives no answer.
        """
        self._connection = connection
        self._client = client
        self._find = find
        self._begin = begin
        self._build = build
        self._database_away = database_away
        self._begun_once: tuple[OrderService, Registration] | None = None
        self._had_a_name = False
        self._sagas: Sagas | None = None
        self.looked = asyncio.Event()
        """Set once it was looked for the first time."""
        self._why = str(Away(ORDER_DATABASE))
        self._told = ""

    def sagas(self) -> Sagas:
        """Return the orders' sagas.

        Raises:
            NotNow: the door is shut; the error says what is missing.
        """
        if self._sagas is None:
            raise NotNow(self._why)
        return self._sagas

    async def keep(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            self.looked.set()
            await asyncio.sleep(SHUT_SECONDS if self._sagas is None else OPEN_SECONDS)

    async def look(self) -> None:
        """Open the door or shut it."""
        try:
            await self._renew()
            orders, registration = await self._begun()
            await self._compare(registration)
        except self._database_away as error:
            self._shut(
                str(Away(ORDER_DATABASE)),
                f"{ORDER_DATABASE} gives no answer: {error.__cause__ or error}",
            )
        except (ForeignDatabase, NotNow) as error:
            self._shut(str(error), str(error))
        else:
            if self._sagas is None:
                self._sagas = self._build(self._client, orders)
                LOG.info("ready: orders are kept in %s", registration.database.where)

    async def _renew(self) -> None:
        if client := await self._connection.renewed():
            LOG.info("connected anew to Temporal, with what was renewed")
            self._client = client
            if self._begun_once:
                orders, registration = self._begun_once
                registration.client = client
                self._sagas = self._sagas and self._build(client, orders)

    async def _begun(self) -> tuple[OrderService, Registration]:
        """Return the order service and its registration, which are made once."""
        if self._begun_once is None:
            self._had_a_name = self._had_a_name or await asyncio.to_thread(self._find) is not None
            orders, identity = await asyncio.to_thread(self._begin)
            self._begun_once = orders, Registration(self._client, PARTICIPANT, identity)
        return self._begun_once

    async def _compare(self, registration: Registration) -> None:
        """Find that the database is the order service's own, as far as can be told now.

        Raises:
            ForeignDatabase: it is not.
            NotNow: nobody can tell now, and it had no name before.
        """
        try:
            async with temporal(ANSWER_LIMIT):
                await registration.check()
            self._had_a_name = True
        except NotNow:
            if not self._had_a_name:
                raise

    def _shut(self, why: str, told: str) -> None:
        """Keep the door shut from now on, and say so once in the log."""
        if told != self._told:
            LOG.warning("not ready: %s", told)
        self._sagas, self._why, self._told = None, why, told
