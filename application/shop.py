"""The stock and payment services: reading their databases, sending them commands.

A look reads the participant's own read functions over a database opened for reading, and leaves
nothing durable. What changes something is a command, which the participant's worker takes through
Temporal, and its fence takes once.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from temporalio.client import ActivityFailureError, Client
from temporalio.common import RetryPolicy

from application.caller import Caller
from application.errors import Away, KeyReused, NotFound, NotPossible, ServiceError
from application.lookups import Lookups, Reads
from application.operations_log import OperationsLog
from application.runs import ANSWER_LIMIT, temporal
from contracts import stubs
from contracts.base import KeyedCommand, digest
from contracts.money import money
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

FIRST_PAUSE = timedelta(milliseconds=100)

Refusal = StockMovementRefusedEvent | DepositRefusedEvent
E = TypeVar("E")
NO_SUCH_THING = frozenset({"UNKNOWN_SKU", "UNKNOWN_CUSTOMER"})


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
        operations_log: OperationsLog,
    ) -> None:
        """Send commands through `client`; look into databases with `products` and `wallets`.

        `failures` is what a look raises while a database does not answer.
        """
        self.client = client
        self._operations_log = operations_log
        self._stock = Lookups(stubs.STOCK_QUEUE, products, failures)
        self._payment = Lookups(stubs.PAYMENT_QUEUE, wallets, failures)

    def close(self) -> None:
        """Begin no further look."""
        self._stock.close()
        self._payment.close()

    async def product(self, sku: str) -> StockView:
        """Return a product.

        Raises:
            NotFound: there is none.
            NotNow: the stock service's database gives no answer.
        """
        product = await self._stock.read(self.client, lambda reads: reads.product(sku))
        if product is None:
            raise NotFound.of(f"product {sku}")
        return product

    async def list_prices(self, skus: Collection[str], currency: str) -> dict[str, int]:
        """Return the list price in minor units of each product that has one in a currency.

        Raises:
            NotNow: the stock service's database gives no answer.
        """
        return await self._stock.read(self.client, lambda reads: reads.list_prices(skus, currency))

    async def wallet(self, customer_id: str) -> WalletView:
        """Return a customer's wallet.

        Raises:
            NotFound: there is none.
            NotNow: the payment service's database gives no answer.
        """
        wallet = await self._payment.read(self.client, lambda reads: reads.wallet(customer_id))
        if wallet is None:
            raise NotFound.of(f"customer {customer_id}")
        return wallet

    async def offer(
        self, caller: Caller, products: tuple[ProductOffer, ...]
    ) -> ProductsOfferedEvent:
        """Add the products that are new, and give the others their names and prices.

        Raises:
            NotNow: the stock service gives no answer; it may have heard, and repeating is safe.
        """
        command = OfferProductsCommand(idempotency_key=f"offer/{uuid4().hex}", products=products)
        about = _list("product", [product.sku for product in products])
        async with self._operations_log.note(caller, "offer-products", about=about):
            return await self._send(stubs.STOCK_QUEUE, stubs.offer_products, command)

    async def move(self, caller: Caller, key: str, **movement: Any) -> StockMovedEvent:
        """Move stock that no order moves; what one caller says again under the same key moves once.

        Raises:
            NotFound, NotPossible, KeyReused: it is refused.
            NotNow: the stock service gives no answer.
        """
        key = f"movement/{digest(['movement', caller.subject, key])[:32]}"
        command = MoveStockCommand(idempotency_key=key, by=caller.subject, **movement)
        about = f"{command.change:+} of {command.sku}"
        note = self._operations_log.note
        async with note(caller, "move-stock", about=about, reason=command.reason):
            return await self._send(stubs.STOCK_QUEUE, stubs.move_stock, command)

    async def open_wallets(
        self, caller: Caller, wallets: tuple[WalletOpening, ...]
    ) -> WalletsOpenedEvent:
        """Open the wallets that are not open yet.

        Raises:
            NotNow: the payment service gives no answer; it may have heard, and repeating is safe.
        """
        command = OpenWalletsCommand(idempotency_key=f"opening/{uuid4().hex}", wallets=wallets)
        about = _list("customer", [wallet.customer_id for wallet in wallets])
        async with self._operations_log.note(caller, "open-wallets", about=about):
            return await self._send(stubs.PAYMENT_QUEUE, stubs.open_wallets, command)

    async def open_wallet(self, caller: Caller, customer_id: str, currency: str) -> WalletView:
        """Open one wallet, and return it; one that is open in this currency stays as it is.

        Raises:
            NotPossible: it is open in another currency.
            NotNow: the payment service or its database gives no answer; repeating is safe.
        """
        opening = WalletOpening(customer_id=customer_id, currency=currency)
        event = await self.open_wallets(caller, (opening,))
        if other := event.in_other_currency.get(customer_id):
            raise NotPossible(f"the wallet of {customer_id} is in {other}, and stays so")
        return await self.wallet(customer_id)

    async def deposit(self, caller: Caller, key: str, **deposit: Any) -> MoneyDepositedEvent:
        """Put money into a wallet; what one caller says again under the same key moves once.

        Raises:
            NotFound, NotPossible, KeyReused: it is refused.
            NotNow: the payment service gives no answer.
        """
        key = f"paid-in/{digest(['deposit', caller.subject, key])[:32]}"
        command = DepositMoneyCommand(idempotency_key=key, by=caller.subject, **deposit)
        about = f"{money(command.amount_minor, command.currency)} for {command.customer_id}"
        note = self._operations_log.note
        async with note(caller, "deposit-money", about=about, reason=command.reason):
            return await self._send(stubs.PAYMENT_QUEUE, stubs.deposit_money, command)

    async def _send(
        self, participant: str, activity: Callable[[Any], E | Refusal], command: KeyedCommand
    ) -> E:
        """Send a participant's worker a command, as a standalone activity; return its event.

        Raises:
            NotFound, NotPossible, KeyReused: it is refused.
            Away: the participant gives no answer.
        """
        try:
            async with temporal(), asyncio.timeout(ANSWER_LIMIT.total_seconds()):
                event: E | Refusal = await self.client.execute_activity(
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
        if isinstance(event, Refusal):
            raise _refusal(event)
        return event


def _refusal(refusal: Refusal) -> ServiceError:
    """Return the error of what a participant refuses."""
    if refusal.reason in NO_SUCH_THING:
        return NotFound(refusal.message)
    if refusal.reason == "KEY_REUSED":
        return KeyReused(refusal.message)
    return NotPossible(refusal.message)


def _list(what: str, names: Sequence[str]) -> str:
    """Return in words which products or customers a command is about."""
    return f"{what} {names[0]}" if len(names) == 1 else f"{len(names)} {what}s"
