"""Payment, and the wait for a customer whose bank asks them first."""

from datetime import datetime, timedelta
from functools import partial

from temporalio import workflow

from contracts.payment import PaymentActionRequiredEvent, PaymentCompletedEvent
from contracts.prose import lasting
from contracts.states import FailureReason, SagaState
from contracts.steps import PAYMENT
from temporal_saga.branch import Branch
from temporal_saga.failure import Failure, SagaStopped
from temporal_saga.saga import Saga
from workflows.record import Record

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=1)
"""Between two questions what came of a payment: a message that says so may be lost, or late."""


class Customer:
    """The customer of one order, who may have to answer their bank before they have paid."""

    def __init__(self) -> None:
        """Begin with a customer who has not answered."""
        self.answers = 0
        """How often this run was told that they have."""

    async def outcome_of(
        self,
        answer: PaymentCompletedEvent | PaymentActionRequiredEvent,
        saga: Saga,
        record: Record,
        payment: Branch,
    ) -> PaymentCompletedEvent:
        """Return what the payment came to, when the customer has answered their bank if that asks.

        Raises:
            SagaStopped: the payment failed, or the customer did not answer in time.
        """
        if isinstance(answer, PaymentCompletedEvent):
            return answer
        record.move(SagaState.AWAITING_CUSTOMER, answer.event)
        return await self._wait(saga, record, payment, answer)

    async def _wait(
        self, saga: Saga, record: Record, payment: Branch, event: PaymentActionRequiredEvent
    ) -> PaymentCompletedEvent:
        """Ask from time to time, and whenever the customer is said to have answered."""
        ends = record.since(SagaState.AWAITING_CUSTOMER) + timedelta(seconds=event.answer_seconds)
        pause = FIRST_PAUSE
        answers = self.answers
        while self._is_time(saga, ends):
            more = partial(self._has_more, than=answers)
            await saga.pause(more, min(pause, ends - workflow.now()))
            answers = self.answers
            try:
                answer = await saga.again(payment.call)
            except SagaStopped as stop:
                if stop.failure.reason != FailureReason.STEP_UNAVAILABLE:
                    raise
                if not self._is_time(saga, ends):
                    raise
            else:
                if isinstance(answer, PaymentCompletedEvent):
                    return answer
            pause = min(2 * pause, LONGEST_PAUSE)
        message = f"the customer did not answer their bank within {lasting(event.answer_seconds)}"
        details = {"answer_seconds": event.answer_seconds}
        raise SagaStopped(
            Failure("AUTHENTICATION_EXPIRED", message, step=PAYMENT.name, details=details)
        )

    @staticmethod
    def _is_time(saga: Saga, ends: datetime) -> bool:
        """Tell whether to ask once more: in time, or as a run before this one did."""
        return workflow.now() < ends or saga.has_asked_again()

    def _has_more(self, *, than: int) -> bool:
        return self.answers > than
