"""The story of one order."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

from contracts.acts import Act
from contracts.order import OrderRegisteredEvent
from contracts.prose import lasting, rejection
from contracts.states import SagaState
from contracts.steps import OPENING, PAYMENT, REFUSALS, STOCK
from temporal_saga import policy
from temporal_saga.failure import Failure, SagaStopped
from temporal_saga.on_record import OnRecord
from temporal_saga.saga import Saga
from workflows import calls
from workflows.acts import Acts
from workflows.outcome import outcome
from workflows.record import Record
from workflows.start import (
    InvalidStart,
    read_again_of,
    read_identity,
    read_order,
    read_request_key,
)


@workflow.defn(dynamic=True)
class OrderSaga(Acts):
    """Registers, charges, takes from stock and confirms one order; or takes all of it back.

    It answers to every workflow type on its task queue, so that a start with a wrong type or
    payload ends at once with a readable error instead of staying open for ever.
    """

    @workflow.init
    def __init__(self, arguments: Sequence[RawValue]) -> None:
        """Begin with nothing done and nothing known."""
        saga = Saga(
            workflow.info().workflow_id,
            refusals=REFUSALS,
            policy=policy.current(),
            arguments=arguments,
        )
        super().__init__(saga, Record(_order_id()))

    @workflow.run
    async def run(self, _arguments: Sequence[RawValue]) -> dict[str, Any]:
        """Tell the story of one order, to COMPLETED or to FAILED."""
        saga = self._saga
        record = self._record
        async with OnRecord(saga, calls.closing(record), record) as order_record:
            self._receive()
            payment = calls.payment(record)
            stock = calls.stock(record)
            registration = await order_record.open(calls.opening(record), then=(payment, stock))

            await self._pass_review(registration)

            answer = await saga.step(*payment)
            payment_event = await self._customer.outcome_of(answer, saga, record, payment)
            record.move(SagaState.PAYMENT_COMPLETED, PAYMENT.event)

            await saga.step(*stock)
            saga.pivot()
            record.move(SagaState.COMPLETED, STOCK.event)

            if (reference := payment_event.reference) is not None:
                await saga.finish(calls.capture_payment(record, reference))
        return outcome(record)

    def _receive(self) -> None:
        """Read the order; what is no order stops the saga before its first step."""
        self._record.again_of = read_again_of()
        try:
            order = read_order(self._saga.arguments, read_identity())
        except InvalidStart as invalid:
            if self._record.order_id is not None:
                self._record.open(invalid.draft, read_request_key())
            raise SagaStopped(
                Failure("INVALID_ORDER", str(invalid), details=invalid.details)
            ) from invalid
        self._record.open(order, read_request_key())
        self._saga.set_deadline(workflow.now() + timedelta(seconds=order.deadline_seconds))

    async def _pass_review(self, registration: OrderRegisteredEvent) -> None:
        """Wait until a person lets the order through, if it needs that; each verdict holds."""
        record = self._record
        if registration.review_seconds is not None:
            record.move(SagaState.AWAITING_REVIEW, OPENING.event)
            limit = timedelta(seconds=registration.review_seconds)
            await self._saga.pause(lambda: self._review.progress.verdict is not None, limit)
        self._review.end()
        review = self._review.progress
        if review.verdict is Act.REJECT and review.decision is not None:
            details = review.decision.model_dump()
            raise SagaStopped(Failure("REJECTED", rejection(review.decision), details=details))
        if registration.review_seconds is None:
            return
        if review.verdict is None:
            message = f"nobody approved the order within {lasting(registration.review_seconds)}"
            details = {"review_seconds": registration.review_seconds}
            raise SagaStopped(Failure("REVIEW_EXPIRED", message, details=details))
        record.move(SagaState.PENDING, "approve")


def _order_id() -> str | None:
    """Return the order's id; None where the start names no order, so that none can be recorded."""
    try:
        return read_identity()
    except InvalidStart:
        return None
