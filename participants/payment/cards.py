"""Cards as the means of payment: the money is at a provider, and so is the record of it.

Each command goes through `ProviderFence`: the intent is committed, the provider called outside of
any transaction, and the outcome recorded together with the row of `card_payments`.
"""

from typing import Any

import sqlalchemy as sa

from contracts.payment import (
    CapturePaymentCommand,
    PaymentActionRequiredEvent,
    PaymentCapturedEvent,
    PaymentCompletedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
)
from participants.payment.card_api import CardApi
from participants.payment.card_capture import Capture
from participants.payment.card_effects import Authorisation, Card
from participants.payment.tables import CARD_PAYMENTS, CARDS, FENCE, INTENTS
from temporal_saga.database import reading
from temporal_saga.fence import AlreadyCompensated
from temporal_saga.intents import CALL_SECONDS
from temporal_saga.provider_fence import ProviderFence


class Cards:
    """Holds money on customers' cards, captures it, releases it and gives it back."""

    def __init__(
        self,
        engine: sa.Engine,
        api: CardApi,
        *,
        return_url: str = "",
        answer_seconds: int = 600,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        """Charge the cards that this database has on file.

        Args:
            engine: reaches the database.
            api: our account at the provider.
            return_url: where a bank sends customers back who answered it.
            answer_seconds: how long customers have for that.
            call_seconds: how long the provider may take for one command, with all its calls.
        """
        self._engine = engine
        self._api = api
        self._fence = ProviderFence(engine, FENCE, INTENTS, call_seconds=call_seconds)
        self._return_url = return_url
        self._answer_seconds = answer_seconds

    def process(
        self, command: ProcessPaymentCommand
    ) -> PaymentCompletedEvent | PaymentActionRequiredEvent | PaymentFailedEvent:
        """Have the price held on the customer's card, or refuse for a reason of business.

        Raises:
            KeyReused: the command's key names another payment.
            StillInDoubt, ProviderAway: send it again.
        """

        def record(connection: sa.Connection, event: PaymentCompletedEvent) -> None:
            connection.execute(sa.insert(CARD_PAYMENTS), _row(command, event.reference))

        authorisation = Authorisation(
            self._api,
            command,
            self._card_of,
            return_url=self._return_url,
            answer_seconds=self._answer_seconds,
        )
        try:
            return self._fence.forward(
                command, authorisation, PaymentCompletedEvent, PaymentFailedEvent, record
            )
        except AlreadyCompensated as late:
            return PaymentFailedEvent(
                order_id=command.order_id, reason="ALREADY_COMPENSATED", message=str(late)
            )

    def capture(self, command: CapturePaymentCommand) -> PaymentCapturedEvent:
        """Take the money that is held.

        Raises:
            KeyReused: the command's key names another payment.
            StillInDoubt, ProviderAway: send it again.
        """

        def record(connection: sa.Connection, event: PaymentCapturedEvent) -> None:
            self._update(connection, command.order_id, captured_minor=event.captured_minor)

        answer = self._fence.forward(
            command,
            Capture(self._api, command),
            PaymentCapturedEvent,
            PaymentFailedEvent,
            record,
        )
        assert isinstance(answer, PaymentCapturedEvent), "a capture is neither refused nor pending"
        return answer

    def refund(self, command: RefundPaymentCommand) -> PaymentRefundedEvent:
        """Release what is held, or give back what was captured; nothing, if there is nothing.

        Raises:
            KeyReused: the command's key names another refund.
            StillInDoubt, ProviderAway: send it again.
        """
        authorisation = Authorisation(self._api, command, self._card_of)

        def record(
            connection: sa.Connection, was_on_record: bool, event: PaymentRefundedEvent
        ) -> None:
            amounts = {
                "released_minor": event.released_minor or 0,
                "captured_minor": event.refunded_minor,
                "refunded_minor": event.refunded_minor,
            }
            if was_on_record:
                self._update(connection, command.order_id, **amounts)
            elif any(amounts.values()):  # the worker ended before it could record the payment
                row = _row(command, authorisation.reference)
                connection.execute(sa.insert(CARD_PAYMENTS), row | amounts)

        return self._fence.compensate(command, authorisation, authorisation.refund_event(), record)

    def _card_of(self, customer_id: str) -> Card | None:
        query = sa.select(CARDS).where(CARDS.c.customer_id == customer_id)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Card(row.provider_customer_id, row.payment_method)

    def _update(self, connection: sa.Connection, order_id: str, **amounts: int) -> None:
        payment = sa.update(CARD_PAYMENTS).where(CARD_PAYMENTS.c.order_id == order_id)
        connection.execute(payment.values(amounts))


def _row(
    command: ProcessPaymentCommand | RefundPaymentCommand, reference: str | None
) -> dict[str, Any]:
    fields = command.model_dump(include={"order_id", "customer_id", "currency", "amount_minor"})
    return fields | {"reference": reference}
