"""The real participants of one order, each with its own database.

For scripts that need to know what is really done.
"""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from contracts.base import Command, Event
from contracts.order import CancelOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand, WalletView
from contracts.steps import PARTICIPANTS
from contracts.stock import DecreaseStockCommand, RestoreStockCommand, StockView
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database
from temporal_saga.testing import Script
from tests.workflows.orders import TAKES_BACK

FUNDS = 10_000
PIECES = 100
WAIT_SECONDS = 30


class RealParticipants:
    """Order, payment and stock, with one customer and one product."""

    def __init__(self, folder: Path) -> None:
        """Open the databases in `folder`, and seed them."""
        self._databases = {
            name: open_database(f"sqlite:///{folder}/{name}.db") for name in PARTICIPANTS
        }
        order = OrderService.open(self._databases["order"])
        self._payment = PaymentService.open(self._databases["payment"])
        self._stock = StockService.open(self._databases["stock"])
        self._payment.open_wallets(
            [WalletView(customer_id="17850", currency="GBP", balance_minor=FUNDS)]
        )
        self._stock.add_products([StockView(sku="85123A", name="lantern", available=PIECES)])
        self._takes: dict[type[Command], Callable[[Any], Event]] = {
            RegisterOrderCommand: order.register,
            CancelOrderCommand: order.cancel,
            ProcessPaymentCommand: self._payment.process,
            RefundPaymentCommand: self._payment.refund,
            DecreaseStockCommand: self._stock.decrease,
            RestoreStockCommand: self._stock.restore,
        }

    async def do(self, command: Command) -> Event:
        """Let the participant take a command."""
        return await asyncio.to_thread(self._takes[type(command)], command)

    async def obey(self, script: Script, *commands: type[Command]) -> None:
        """Expect these steps in this order, and let the participants take them."""
        for kind in commands:
            script.answer(await self.do(await script.expect(kind)))

    async def take_back(self, script: Script, *commands: type[Command]) -> list[Event]:
        """Expect these compensations in order, have them carried out, and return their events."""
        events = []
        for kind in commands:
            events.append(
                await self.do(await script.expect_compensation(kind, of=TAKES_BACK[kind]))
            )
            script.answer(events[-1])
        return events

    def hold(self, participant: str) -> tuple[threading.Event, threading.Event]:
        """Hold the next transaction of a participant between its effect and its commit.

        Returns:
            What tells that it has come so far, and what lets it go on.
        """
        is_done = threading.Event()
        go_on = threading.Event()

        def wait(_connection: sa.Connection) -> None:
            is_done.set()
            assert go_on.wait(WAIT_SECONDS)

        sa.event.listen(self._databases[participant], "commit", wait, once=True)
        return is_done, go_on

    def left(self) -> tuple[int, int]:
        """Return the customer's money and the product's pieces."""
        wallet = self._payment.wallet("17850")
        product = self._stock.product("85123A")
        assert wallet is not None
        assert product is not None
        return wallet.balance_minor, product.available

    def close(self) -> None:
        """Close the databases."""
        for database in self._databases.values():
            database.dispose()
