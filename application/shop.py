"""The stock and payment services: reading their databases, sending them commands.

A look reads the participant's own read functions over a database opened for reading, and leaves
nothing durable. What changes something is a command, which the participant's worker takes through
Temporal, and its fence takes once.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from temporalio.client import ActivityFailureError, Client
from temporalio.common import RetryPolicy

from application.caller import Caller
from application.errors import Away, KeyReused, NotFound, NotNow, NotPossible, ServiceError
from application.runs import ANSWER_LIMIT, temporal
from contracts import stubs
from contracts.base import digest
from contracts.payment import (
    DepositMoneyCommand,
    DepositRefusedEvent,
    MoneyDepositedEvent,
    OpenWalletsCommand,
    WalletOpening,
    WalletsOpenedEvent,
    WalletView,
)
from contracts.stock import (
    MoveStockCommand,
    OfferProductsCommand,
    ProductOffer,
    ProductsOfferedEvent,
    StockMovedEvent,
    StockMovementRefusedEvent,
    StockView,
)
from temporal_saga.reader import ReaderCheck
from temporal_saga.registry import Database, ForeignDatabase

LOG = logging.getLogger("api")

LOOKS_AT_ONCE = 4
"""Into one database, by one API process: one that hangs holds up those who ask for it alone."""

FIRST_PAUSE = timedelta(milliseconds=100)

T = TypeVar("T")

Refusal = StockMovementRefusedEvent | DepositRefusedEvent
NO_SUCH_THING = frozenset({"UNKNOWN_SKU", "UNKNOWN_CUSTOMER"})


class Reads(Protocol):
    """Read functions of one participant, over a database opened for reading."""

    @property
    def where(self) -> str:
        """The database's URL, without a password."""

    def identity(self) -> Database | None:
        """Return which database it is; None when no worker has given it an identity yet."""


class Products(Reads, Protocol):
    """The stock service's own read functions."""

    def product(self, sku: str) -> StockView | None:
        """Return a product; None when there is none."""

    def list_prices(self, skus: Collection[str], currency: str) -> dict[str, int]:
        """Return the list price in minor units of each product that has one in a currency."""


class Wallets(Reads, Protocol):
    """The payment service's own read functions."""

    def wallet(self, customer_id: str) -> WalletView | None:
        """Return a customer's wallet; None when there is none."""


class Shop:
    """What callers ask of the stock and payment services."""

    def __init__(
        self,
        client: Client,
        products: Products,
        wallets: Wallets,
        failures: tuple[type[Exception], ...],
    ) -> None:
        """Send commands through `client`; look into databases with `products` and `wallets`.

        `failures` is what a look raises while a database does not answer.
        """
        self.client = client
        self._products = products
        self._wallets = wallets
        self._failures: tuple[type[Exception], ...] = (TimeoutError, *failures)
        names = (stubs.STOCK_QUEUE, stubs.PAYMENT_QUEUE)
        self._threads = {name: ThreadPoolExecutor(LOOKS_AT_ONCE, name) for name in names}
        self._checks = {
            name: ReaderCheck(name, reads.where, partial(self._read, name, reads.identity))
            for name, reads in ((stubs.STOCK_QUEUE, products), (stubs.PAYMENT_QUEUE, wallets))
        }

    def close(self) -> None:
        """Begin no further look."""
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    async def product(self, sku: str) -> StockView:
        """Return a product.

        Raises:
            NotFound: there is none.
            NotNow: the stock service's database gives no answer.
        """
        found = await self._look(stubs.STOCK_QUEUE, lambda: self._products.product(sku))
        if found is None:
            raise NotFound.of(f"product {sku}")
        return found

    async def list_prices(self, skus: Collection[str], currency: str) -> dict[str, int]:
        """Return the list price in minor units of each product that has one in a currency.

        Raises:
            NotNow: the stock service's database gives no answer.
        """
        distinct = set(skus)
        return await self._look(
            stubs.STOCK_QUEUE, lambda: self._products.list_prices(distinct, currency)
        )

    async def wallet(self, customer_id: str) -> WalletView:
        """Return a customer's wallet.

        Raises:
            NotFound: there is none.
            NotNow: the payment service's database gives no answer.
        """
        found = await self._look(stubs.PAYMENT_QUEUE, lambda: self._wallets.wallet(customer_id))
        if found is None:
            raise NotFound.of(f"customer {customer_id}")
        return found

    async def offer(self, products: tuple[ProductOffer, ...]) -> ProductsOfferedEvent:
        """Add the products that are new, and give the others their names and prices.

        Raises:
            NotNow: the stock service gives no answer; it may have heard, and repeating is safe.
        """
        command = OfferProductsCommand(idempotency_key=f"offer/{uuid4().hex}", products=products)
        event: ProductsOfferedEvent = await self._send(
            stubs.STOCK_QUEUE, stubs.offer_products, command
        )
        return event

    async def move(self, caller: Caller, key: str, **movement: Any) -> StockMovedEvent:
        """Move stock that no order moves; what one caller says again under the same key moves once.

        Raises:
            NotFound, NotPossible, KeyReused: it is refused.
            NotNow: the stock service gives no answer.
        """
        name = digest(["movement", caller.subject, key])[:32]
        command = MoveStockCommand(
            idempotency_key=f"movement/{name}", by=caller.subject, **movement
        )
        event: StockMovedEvent | StockMovementRefusedEvent = await self._send(
            stubs.STOCK_QUEUE, stubs.move_stock, command
        )
        if isinstance(event, StockMovementRefusedEvent):
            raise _refused(event)
        return event

    async def open_wallets(self, wallets: tuple[WalletOpening, ...]) -> WalletsOpenedEvent:
        """Open the wallets that are not open yet.

        Raises:
            NotNow: the payment service gives no answer; it may have heard, and repeating is safe.
        """
        command = OpenWalletsCommand(idempotency_key=f"opening/{uuid4().hex}", wallets=wallets)
        event: WalletsOpenedEvent = await self._send(
            stubs.PAYMENT_QUEUE, stubs.open_wallets, command
        )
        return event

    async def deposit(self, caller: Caller, key: str, **deposit: Any) -> MoneyDepositedEvent:
        """Put money into a wallet; what one caller says again under the same key moves once.

        Raises:
            NotFound, NotPossible, KeyReused: it is refused.
            NotNow: the payment service gives no answer.
        """
        name = digest(["deposit", caller.subject, key])[:32]
        command = DepositMoneyCommand(
            idempotency_key=f"paid-in/{name}", by=caller.subject, **deposit
        )
        event: MoneyDepositedEvent | DepositRefusedEvent = await self._send(
            stubs.PAYMENT_QUEUE, stubs.deposit_money, command
        )
        if isinstance(event, DepositRefusedEvent):
            raise _refused(event)
        return event

    async def _look(self, participant: str, read: Callable[[], T]) -> T:
        """Read from a participant's own database, within the time that a caller is given."""
        try:
            async with asyncio.timeout(ANSWER_LIMIT.total_seconds()):
                await self._checks[participant].check(self.client)
                return await self._read(participant, read)
        except ForeignDatabase as error:
            LOG.warning("%s", error)
            raise NotNow(str(error)) from error
        except self._failures as error:
            why = " ".join(str(error.__cause__ or error).split()) or "not in time"
            LOG.warning("the %s service's database gives no answer: %s", participant, why)
            raise Away(f"the {participant} service's database") from error

    async def _read(self, participant: str, read: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads[participant], read)

    async def _send(self, participant: str, activity: Any, command: Any) -> Any:
        """Have a participant's worker obey a command, by a standalone activity on its queue."""
        try:
            async with temporal(), asyncio.timeout(ANSWER_LIMIT.total_seconds()):
                return await self.client.execute_activity(
                    activity,
                    command,
                    id=f"{command.idempotency_key.replace('/', '-')}-{uuid4().hex}",
                    task_queue=participant,
                    schedule_to_close_timeout=ANSWER_LIMIT,
                    start_to_close_timeout=ANSWER_LIMIT,
                    retry_policy=RetryPolicy(initial_interval=FIRST_PAUSE),
                )
        except (ActivityFailureError, TimeoutError) as error:
            raise Away(f"the {participant} service") from error


def _refused(refusal: Refusal) -> ServiceError:
    """Return the error of what a participant refuses."""
    if refusal.reason in NO_SUCH_THING:
        return NotFound(refusal.message)
    if refusal.reason == "KEY_REUSED":
        return KeyReused(refusal.message)
    return NotPossible(refusal.message)
