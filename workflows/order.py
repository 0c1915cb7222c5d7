"""The story of one order."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from contracts.acts import Act
from contracts.order import OrderRegisteredEvent
from contracts.prose import lasting, rejected
from contracts.states import SagaState
from contracts.steps import OPENING, PAYMENT, REFUSALS, STOCK
from temporal_saga import continued, policy
from temporal_saga.failure import Failure, SagaStopped
from temporal_saga.on_record import OnRecord
from temporal_saga.saga import Saga
from workflows import calls
from workflows.acts import Acts
from workflows.record import Record
from workflows.start import InvalidStart, read_identity, read_order, read_request_key

LOG = workflow.LoggerAdapter(
    logging.getLogger("order"), None
)  # says nothing while a run is told again
LOG.workflow_info_on_message = False  # the line has the order's id

OUTAGES = ("STEP_UNAVAILABLE", "DEADLINE_EXCEEDED")


@workflow.defn(dynamic=True)
class OrderSaga(Acts):
    """Registers, charges, takes from stock and confirms one order; or takes all of it back.

    It answers to every workflow type on its task queue, so that a start with a wrong type or
    payload ends at once with a readable error instead of staying open for ever.
    """

    @workflow.init
    def __init__(self, arguments: Sequence[RawValue]) -> None:
        """Begin with nothing done and nothing known, or with what the run before knew."""
        self._arguments, carried = continued.begin(arguments)
        saga = Saga(
            workflow.info().workflow_id,
            refusals=REFUSALS,
            policy=policy.current(),
            carried=carried and carried["saga"],
        )
        saga.continue_by(self._continue)
        super().__init__(saga, Record(_order_id()), carried)

    @workflow.run
    async def run(self, _arguments: Sequence[RawValue]) -> dict[str, Any]:
        """Tell the story of one order, to COMPLETED or to FAILED."""
        saga = self._saga
        record = self._record
        async with OnRecord(saga, record, calls.closing(record)) as order_record:
            self._receive()
            payment = calls.payment(record)
            stock = calls.stock(record)
            registered = await order_record.open(calls.opening(record), then=(payment, stock))

            await self._pass_review(registered)

            await saga.step(*payment)
            record.move(SagaState.PAYMENT_COMPLETED, PAYMENT.event)

            await saga.step(*stock)
            saga.pivot()
            record.move(SagaState.COMPLETED, STOCK.event)
        self._log_the_end()
        return self._outcome()

    def _receive(self) -> None:
        """Read the order; what is no order stops the saga before its first step."""
        try:
            order = read_order(self._arguments, read_identity())
        except InvalidStart as invalid:
            if self._record.order_id is not None:
                self._record.open(invalid.draft, read_request_key())
            raise SagaStopped(
                Failure("INVALID_ORDER", str(invalid), details=invalid.details)
            ) from invalid
        self._record.open(order, read_request_key())
        self._saga.set_deadline(workflow.now() + timedelta(seconds=order.deadline_seconds))

    async def _pass_review(self, registered: OrderRegisteredEvent) -> None:
        """Wait until a person lets the order through, if it needs that; each verdict holds."""
        record = self._record
        if registered.review_seconds is not None:
            record.move(SagaState.AWAITING_REVIEW, OPENING.event)
            limit = timedelta(seconds=registered.review_seconds)
            await self._saga.pause(lambda: self._review.verdict is not None, limit)
        review = self._review = self._review.model_copy(update={"is_over": True})
        if review.verdict is Act.REJECT and review.decision is not None:
            details = review.decision.model_dump()
            raise SagaStopped(Failure("REJECTED", rejected(review.decision), details=details))
        if registered.review_seconds is None:
            return
        if review.verdict is None:
            message = f"nobody approved the order within {lasting(registered.review_seconds)}"
            details = {"review_seconds": registered.review_seconds}
            raise SagaStopped(Failure("REVIEW_EXPIRED", message, details=details))
        record.move(SagaState.PENDING, "approve")

    def _continue(self, saga: Any) -> NoReturn:
        """Go on in another run of the workflow, with what this one knows."""
        review = self._review.model_dump(mode="json")
        carried = {"saga": saga, "record": self._record.carried(), "review": review}
        workflow.continue_as_new(args=[*self._arguments, carried], memo=continued.current_memo())

    def _log_the_end(self) -> None:
        """Leave one line with the order's id, state, reason and time, for who reads files."""
        failure = self._record.failure
        duration = workflow.now() - workflow.info().workflow_start_time
        why = f" {failure.reason}" if failure else ""
        LOG.info(
            "%s %s%s in %.1f s",
            self._record.order_id,
            self._record.state,
            why,
            duration.total_seconds(),
        )

    def _outcome(self) -> dict[str, Any]:
        """Return the completed order, or raise what shows the failed one red in the Web UI.

        Raises:
            ApplicationError: of type `OrderFailed`; its details hold the Failure.
        """
        failure = self._record.failure
        settlements = self._record.settlements()
        if failure is None:
            return {"order_id": self._record.order_id, "state": self._record.state} | (
                {"settled": settlements} if settlements else {}
            )
        outage = failure.reason in OUTAGES
        raise ApplicationError(
            f"{failure.reason}: {failure.message}",
            failure.model_dump(mode="json"),
            *([settlements] if settlements else []),
            type="OrderFailed",
            category=ApplicationErrorCategory.UNSPECIFIED
            if outage
            else ApplicationErrorCategory.BENIGN,
        )


def _order_id() -> str | None:
    """Return the order's id; None where the start names no order, so that none can be recorded."""
    try:
        return read_identity()
    except InvalidStart:
        return None
