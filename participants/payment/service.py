"""The payment service: takes each command once, by the means that customers pay with."""

from collections.abc import Iterable
from functools import partial
from typing import Self

import sqlalchemy as sa

from contracts.payment import (
    CapturePaymentCommand,
    DepositMoneyCommand,
    DepositRefusedEvent,
    MoneyDepositedEvent,
    OpenWalletsCommand,
    PaymentActionRequiredEvent,
    PaymentCapturedEvent,
    PaymentCompletedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
    WalletOpening,
    WalletsOpenedEvent,
    WalletView,
)
from participants.payment.deposits import currencies, deposit, open_wallets
from participants.payment.means import MeansOfPayment
from participants.payment.reads import PaymentReads
from participants.payment.tables import FENCE, METADATA
from participants.payment.wallets import Wallets
from temporal_saga.database import create_tables
from temporal_saga.fence import Fence, KeyReused, Refused

KEY_OF_ANOTHER = "this Idempotency-Key belongs to another deposit"


class PaymentService:
    """Takes payments, and keeps customers' wallets."""

    def __init__(self, engine: sa.Engine, cards: MeansOfPayment | None = None) -> None:
        """Serve from the database behind `engine`, which has its tables.

        Args:
            engine: reaches the database.
            cards: what customers pay with; their wallets when None.
        """
        self._engine = engine
        self._fence = Fence(engine, FENCE)
        self._wallets = Wallets(engine)
        self._means = cards or self._wallets

    @classmethod
    def open(cls, engine: sa.Engine, cards: MeansOfPayment | None = None) -> Self:
        """Return the service of a database, with the tables created that were missing.

        Raises:
            Exception: the database gives no answer.
        """
        create_tables(engine, METADATA)
        return cls(engine, cards)

    def process(
        self, command: ProcessPaymentCommand
    ) -> PaymentCompletedEvent | PaymentActionRequiredEvent | PaymentFailedEvent:
        """Charge the customer once, or refuse for a reason of business.

        Raises:
            KeyReused: the command's key names another payment.
            Exception: nobody knows yet whether the provider did it: send the command again.
        """
        return self._means.process(command)

    def capture(self, command: CapturePaymentCommand) -> PaymentCapturedEvent:
        """Take the money that is held on a card, once.

        Raises:
            KeyReused: the command's key names another payment.
            Exception: it is not known to be taken: send the command again.
        """
        return self._means.capture(command)

    def refund(self, command: RefundPaymentCommand) -> PaymentRefundedEvent:
        """Give back what the payment took, or release what it holds; nothing, if it took nothing.

        Raises:
            KeyReused: the command's key names another refund.
            Exception: nobody knows yet whether the provider did it: send the command again.
        """
        # What a wallet paid goes back to it, also when customers pay with cards since.
        is_of_wallet = self._means is self._wallets or self._wallets.has_paid(command.order_id)
        return (self._wallets if is_of_wallet else self._means).refund(command)

    def open_new(self, command: OpenWalletsCommand) -> WalletsOpenedEvent:
        """Open the wallets that are not open yet, once; the others stay as they are.

        Raises:
            KeyReused: the command's key names another opening.
        """

        def open_missing(connection: sa.Connection) -> WalletsOpenedEvent:
            wallets = {wallet.customer_id: wallet for wallet in command.wallets}
            new_owners = open_wallets(connection, [_at_first(wallet) for wallet in command.wallets])
            existing = wallets.keys() - new_owners
            others = {
                customer_id: currency
                for customer_id, currency in currencies(connection, existing).items()
                if currency != wallets[customer_id].currency
            }
            return WalletsOpenedEvent(
                opened=len(new_owners), left=len(existing) - len(others), in_other_currency=others
            )

        all_new = WalletsOpenedEvent(opened=len(command.wallets), left=0)
        return self._fence.once(command, all_new, open_missing)

    def deposit(self, command: DepositMoneyCommand) -> MoneyDepositedEvent | DepositRefusedEvent:
        """Put money into a wallet, or take it back, once, or refuse.

        A refusal may be asked again.
        """
        fields = command.model_dump(include={"customer_id", "currency", "amount_minor"})
        likely_answer = MoneyDepositedEvent(**fields, balance_minor=command.amount_minor)
        try:
            return self._fence.once(command, likely_answer, partial(deposit, command=command))
        except KeyReused:
            return DepositRefusedEvent(reason="KEY_REUSED", message=KEY_OF_ANOTHER)
        except Refused as refusal:
            return DepositRefusedEvent.model_validate(refusal.answer)

    def open_wallets(self, wallets: Iterable[WalletView]) -> None:
        """Open each wallet with its first deposit; one that is open already stays as it is."""
        with self._engine.begin() as connection:
            open_wallets(connection, wallets)

    def wallet(self, customer_id: str) -> WalletView | None:
        """Return a customer's wallet, or None when there is none."""
        return PaymentReads(self._engine).wallet(customer_id)


def _at_first(wallet: WalletOpening) -> WalletView:
    """Return a wallet that is new."""
    fields = wallet.model_dump(include={"customer_id", "currency"})
    return WalletView(**fields, balance_minor=wallet.opening_balance_minor)
