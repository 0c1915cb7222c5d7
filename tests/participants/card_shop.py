"""A payment service whose customers pay with cards, and the provider's own books."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from contracts.payment import CapturePaymentCommand, PaymentActionRequiredEvent
from participants.payment.card_api import CardApi
from participants.payment.card_file import add_cards
from participants.payment.cards import Cards
from participants.payment.service import PaymentService
from participants.payment.tables import CARD_PAYMENTS, INTENTS
from temporal_saga.database import open_database
from tests.card_provider.till import Till, running
from tests.commands import forward_key, pay, refund

PRICE = 1530
NOTHING = (0, 0, 0, 0)
HELD = (PRICE, 0, 0, 0)
CAPTURED = (PRICE, PRICE, 0, 0)
RELEASED = (PRICE, 0, PRICE, 0)
REFUNDED = (PRICE, PRICE, 0, PRICE)
"""What the provider's books say was authorised, captured, voided and refunded of an order."""

RETURN_URL = "https://shop.example/"
CARDS_OF = {
    "ann": "pm_card_visa",
    "bob": "pm_card_chargeDeclinedInsufficientFunds",
    "cat": "pm_card_chargeDeclinedStolenCard",
    "dan": "pm_card_chargeDeclinedExpiredCard",
    "eve": "pm_card_authenticationRequired",
    "gil": "pm_card_refundFail",
    "fay": "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
}


@dataclass
class CardShop:
    """A payment service whose customers pay with cards."""

    till: Till
    engine: sa.Engine
    service: PaymentService
    order_id: str
    books_file: Path

    def pay(self, customer: str = "ann", amount_minor: int = PRICE, currency: str = "GBP") -> Any:
        """Have the customer pay; return the answer."""
        command = pay(self.order_id, amount_minor, customer_id=customer, currency=currency)
        return self.service.process(command)

    def capture(self, reference: str | None) -> int:
        """Take what is held; return how much."""
        assert reference is not None
        command = CapturePaymentCommand(
            idempotency_key=forward_key(self.order_id, "CapturePayment"),
            order_id=self.order_id,
            reference=reference,
            currency="GBP",
            amount_minor=PRICE,
        )
        return self.service.capture(command).captured_minor

    def refund(self, customer: str = "ann", amount_minor: int = PRICE) -> tuple[int, int | None]:
        """Take the payment back; return what was refunded and released."""
        command = refund(self.order_id, amount_minor, customer_id=customer)
        event = self.service.refund(command)
        return event.refunded_minor, event.released_minor

    @property
    def books(self) -> tuple[int, int, int, int]:
        """What the provider's books say."""
        return self.till.amounts(self.order_id)

    @property
    def payments(self) -> int:
        """How many payments with or without effect the provider has of the order."""
        page = self.till.stripe.payment_intents.list({"limit": 100})
        return sum(payment.metadata["order_id"] == self.order_id for payment in page)

    def forget(self) -> None:
        """Lose what the database has of the order, as when a backup is put back."""
        key = forward_key(self.order_id, "ProcessPayment")
        with self.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM fence WHERE key = :key"), {"key": key})
            connection.execute(sa.delete(INTENTS).where(INTENTS.c.key == key))
            of_order = CARD_PAYMENTS.c.order_id == self.order_id
            connection.execute(sa.delete(CARD_PAYMENTS).where(of_order))


@contextmanager
def open_card_shop(folder: Path, database_url: str | None = None) -> Iterator[CardShop]:
    """Give a payment service with the cards of `CARDS_OF` on file, by default in SQLite."""
    books_file = folder / "books.db"
    with running(books_file) as till:
        engine = open_database(database_url or f"sqlite:///{folder}/payment.db")
        api = CardApi("sk_test_shop", till.url)
        service = PaymentService.open(engine, Cards(engine, api, return_url=RETURN_URL))
        add_cards(engine, api, CARDS_OF)
        yield CardShop(till, engine, service, "", books_file)
        engine.dispose()


def answer(event: PaymentActionRequiredEvent, word: str) -> None:
    """Answer the customer's bank as their browser does."""
    httpx.post(event.url, data={"answer": word}, trust_env=False)
