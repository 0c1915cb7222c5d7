"""The story of one order."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from contracts.order import OrderRegisteredEvent
from contracts.placing import PlaceOrder
from contracts.prose import lasting, rejected
from contracts.record import Failure
from contracts.states import OrderStatus, SagaState
from contracts.steps import REFUSALS
from temporal_saga import continued, policy
from temporal_saga import failure as core
from temporal_saga.failure import SagaStopped
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
    """Registers, charges, takes from stock and confirms one order; or takes back in reverse what was done, and says why.

    It answers to every workflow type on its task queue, so that a start with a wrong type or payload ends at once with a
    readable error instead of staying open for ever.
    """

    @workflow.init
    def __init__(self, arguments: Sequence[RawValue]) -> None:
        """Begin with nothing done and nothing known, or with what the run before knew."""
        self._arguments, told = continued.begin(arguments)
        carried = told and told["saga"]
        saga = Saga(
            workflow.info().workflow_id, refusals=REFUSALS, policy=policy.current(), carried=carried
        )
        saga.goes_on(self._continue)
        super().__init__(saga, Record(saga), told)
        self._is_first = False

    @workflow.run
    async def run(self, _arguments: Sequence[RawValue]) -> dict[str, Any]:
        """Tell the story of one order, to COMPLETED or to FAILED."""
        saga, record = self._saga, self._record
        try:
            order_id = self._identify()
            saga.compensate_always("RegisterOrder", calls.cancel_order(record), last=True)
            order = self._receive(order_id)

            await self._pass_review(await self._register())

            await saga.step(
                calls.process_payment(order_id, order),
                compensation=calls.refund_payment(order_id, order),
            )
            record.move(SagaState.PAYMENT_COMPLETED, "PaymentCompletedEvent")

            await saga.step(
                calls.decrease_stock(order_id, order),
                compensation=calls.restore_stock(order_id, order),
            )
            saga.pivot()
            record.move(SagaState.COMPLETED, "StockDecreasedEvent")

            await saga.finish(calls.confirm_order(record))
        except SagaStopped as stopped:
            if await self._had_completed(stopped.failure):
                saga.pivot(passed_before=True)
                record.complete_again()
            else:
                self._review.end("it is rolling back")
                record.fail(Failure.model_validate(vars(stopped.failure)))
                await saga.roll_back(stopped.failure)
                record.close()
        await saga.close()
        self._log_the_end()
        return self._outcome()

    def _identify(self) -> str:
        """Return the order's id; a start that names no order stops here, with nothing to record."""
        try:
            self._record.order_id = order_id = read_identity()
        except InvalidStart as invalid:
            raise SagaStopped(core.Failure("INVALID_ORDER", str(invalid))) from invalid
        return order_id

    def _continue(self, saga: Any) -> NoReturn:
        """Go on in another run of the workflow, with what this one knows."""
        told = {"saga": saga, "record": self._record.carried(), "review": self._review.carried()}
        workflow.continue_as_new(args=[*self._arguments, told])

    def _receive(self, order_id: str) -> PlaceOrder:
        """Read the order and take it down; what is no order stops the saga before its first step."""
        try:
            order = read_order(self._arguments, order_id)
        except InvalidStart as invalid:
            self._record.open(invalid.draft, read_request_key())
            raise SagaStopped(
                core.Failure("INVALID_ORDER", str(invalid), details=invalid.details)
            ) from invalid
        self._record.open(order, read_request_key())
        allowed = timedelta(seconds=order.deadline_seconds)
        self._saga.set_deadline(workflow.now() + allowed)
        return order

    async def _register(self) -> OrderRegisteredEvent:
        """Open the order's record, and hear how it stood if it was open already: an earlier run may have gone further."""
        registered = await self._saga.begin(calls.register_order(self._record))
        self._is_first = registered.known is None
        return registered

    async def _had_completed(self, failure: core.Failure) -> bool:
        """Tell whether an earlier run, before a workflow reset, had completed this order: then it is past its pivot for good.

        If not, how far that run went is unknown, and unknown is compensated.
        """
        is_first = self._is_first and not self._saga.was_reset
        was_refused = (
            failure.step == "RegisterOrder" and failure.event is not None
        )  # taken back already, or somebody else's
        is_none = failure.reason == "INVALID_ORDER"
        if is_first or was_refused or is_none or not isinstance(self._record.order, PlaceOrder):
            return False
        try:
            registered = await self._saga.find_out(calls.register_order(self._record))
        except SagaStopped:
            return False
        known = (
            OrderStatus.PENDING if registered is None else registered.known
        )  # a person's word tells no more than that
        if known is OrderStatus.PENDING:
            self._saga.compensate_always(
                "ProcessPayment", calls.refund_payment(*self._record.placed)
            )
            self._saga.compensate_always("DecreaseStock", calls.restore_stock(*self._record.placed))
        return known is OrderStatus.CONFIRMED

    async def _pass_review(self, registered: OrderRegisteredEvent) -> None:
        """Wait until a person lets the order through, if it needs that; one that had completed before was let through."""
        saga, record, review = self._saga, self._record, self._review
        if registered.review_seconds is None or registered.known is OrderStatus.CONFIRMED:
            review.end("it needs no review")
            return
        record.move(SagaState.AWAITING_REVIEW, "OrderRegisteredEvent")
        limit = timedelta(seconds=registered.review_seconds)
        decided = await saga.pause(lambda: review.verdict is not None, limit)
        review.end("its review is over")
        if not decided:
            told = f"nobody approved the order within {lasting(registered.review_seconds)}"
            raise SagaStopped(
                core.Failure(
                    "REVIEW_EXPIRED", told, details={"review_seconds": registered.review_seconds}
                )
            )
        assert review.decision is not None, "a verdict is somebody's"
        if review.verdict == "reject":
            raise SagaStopped(
                core.Failure(
                    "REJECTED", rejected(review.decision), details=review.decision.model_dump()
                )
            )
        record.move(SagaState.PENDING, "approve")

    def _log_the_end(self) -> None:
        """Leave one line with the order's id, state, reason and time: what the Web UI has, for who reads files."""
        failure = self._record.failure
        lasted = workflow.now() - workflow.info().workflow_start_time
        why = f" {failure.reason}" if failure else ""
        LOG.info(
            "%s %s%s in %.1f s",
            self._record.order_id,
            self._record.state,
            why,
            lasted.total_seconds(),
        )

    def _outcome(self) -> dict[str, Any]:
        """Return the completed order, or raise what shows the failed one red in the Web UI.

        Raises:
            ApplicationError: of type `OrderFailed`; its details hold the Failure.
        """
        failure, settled = self._record.failure, self._record.settlements()
        if failure is None:
            return {"order_id": self._record.order_id, "state": self._record.state} | (
                {"settled": settled} if settled else {}
            )
        outage = failure.reason in OUTAGES
        raise ApplicationError(
            f"{failure.reason}: {failure.message}",
            failure.model_dump(mode="json"),
            *([settled] if settled else []),
            type="OrderFailed",
            category=ApplicationErrorCategory.UNSPECIFIED
            if outage
            else ApplicationErrorCategory.BENIGN,
        )
