"""The story of one order."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from contracts.decisions import Decision
from contracts.order import Failure, PlaceOrder
from contracts.states import OrderStatus, SagaState
from contracts.steps import REFUSALS
from contracts.words import cancelled
from temporal_saga import saga as core
from temporal_saga.saga import Saga, SagaStopped
from workflows import calls
from workflows.record import Record
from workflows.start import InvalidStart, read_identity, read_order, read_request_key

OUTAGES = ("STEP_UNAVAILABLE", "DEADLINE_EXCEEDED")


@workflow.defn(dynamic=True)
class OrderSaga:
    """Registers, charges, takes from stock and confirms one order; or takes back in reverse what was done, and says why.

    It answers to every workflow type on its task queue, so that a start with a wrong type or payload ends at once with a
    readable error instead of staying open for ever.
    """

    def __init__(self) -> None:
        """Begin with nothing done and nothing known."""
        self._saga = Saga(workflow.info().workflow_id, refusals=REFUSALS)
        self._record = Record(self._saga)

    @workflow.run
    async def run(self, arguments: Sequence[RawValue]) -> dict[str, Any]:
        """Tell the story of one order, to COMPLETED or to FAILED."""
        saga, record = self._saga, self._record
        try:
            order_id = self._identify()
            saga.compensate_always("RegisterOrder", calls.cancel_order(record))
            order = self._receive(arguments, order_id)

            await self._register(order_id, order)

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
            record.fail(Failure.model_validate(vars(stopped.failure)))
            await saga.roll_back()
            record.move(SagaState.FAILED, "OrderCancelledEvent")
        await saga.close()
        return self._outcome()

    @workflow.signal(description='Cancel the order, as long as it is not completed: {"by": "…", "reason": "…"}')
    def cancel(self, *arguments: Any) -> None:
        """Note the wish to cancel; what cannot be read as one is ignored."""
        try:
            self._saga.stop(_cancelled(arguments))
        except ValueError as error:
            workflow.logger.warning("ignored a malformed cancel signal: %s", error)

    @workflow.update(description='Cancel the order; refused once it is completed or rolling back: {"by": "…", "reason": "…"}')
    def request_cancel(self, *arguments: Any) -> dict[str, Any]:
        """Note the wish to cancel, and answer with the status."""
        self._saga.stop(_cancelled(arguments))
        return self._record.status()

    @request_cancel.validator
    def _may_cancel(self, *arguments: Any) -> None:
        _cancelled(arguments)
        if self._saga.closing:
            raise ValueError(f"too late to cancel: the order is {self._record.state}")

    @workflow.query(description="The saga's part of the order: its state, failure, compensations and moves")
    def status(self, *_ignored: Any) -> dict[str, Any]:
        """Return the status as JSON."""
        return self._record.status()

    def _identify(self) -> str:
        """Return the order's id; a start that names no order stops here, with nothing to record."""
        try:
            self._record.order_id = order_id = read_identity()
        except InvalidStart as invalid:
            raise SagaStopped(core.Failure("INVALID_ORDER", str(invalid))) from invalid
        return order_id

    def _receive(self, arguments: Sequence[RawValue], order_id: str) -> PlaceOrder:
        """Read the order and take it down; what is no order stops the saga before its first step."""
        try:
            order = read_order(arguments, order_id)
        except InvalidStart as invalid:
            self._record.open(invalid.draft, read_request_key())
            raise SagaStopped(core.Failure("INVALID_ORDER", str(invalid))) from invalid
        self._record.open(order, read_request_key())
        self._saga.set_deadline(workflow.info().workflow_start_time + timedelta(seconds=order.deadline_seconds))
        return order

    async def _register(self, order_id: str, order: PlaceOrder) -> None:
        """Open the order's record; when it was open already, as after a workflow reset, expect that an earlier run went further.

        How far is unknown here, and unknown is compensated. An order that had completed has no deadline any more.
        """
        registered = await self._saga.begin(calls.register_order(order_id, order, read_request_key()))
        if registered.known is None:
            return
        self._saga.compensate_always("ProcessPayment", calls.refund_payment(order_id, order))
        self._saga.compensate_always("DecreaseStock", calls.restore_stock(order_id, order))
        if registered.known is OrderStatus.CONFIRMED:
            self._saga.set_deadline(None)

    def _outcome(self) -> dict[str, Any]:
        """Return the completed order, or raise what shows the failed one red in the Web UI.

        Raises:
            ApplicationError: of type `OrderFailed`; its details hold the Failure.
        """
        failure = self._record.failure
        if failure is None:
            return {"order_id": self._record.order_id, "state": self._record.state}
        outage = failure.reason in OUTAGES
        raise ApplicationError(
            f"{failure.reason}: {failure.message}",
            failure.model_dump(mode="json"),
            type="OrderFailed",
            category=ApplicationErrorCategory.UNSPECIFIED if outage else ApplicationErrorCategory.BENIGN,
        )


def _cancelled(arguments: Sequence[Any]) -> core.Failure:
    """Read a cancel message.

    Raises:
        ValueError: it is no decision.
    """
    if len(arguments) != 1:
        raise ValueError(f'send one JSON object, {{"by": "…", "reason": "…"}}; {len(arguments)} arguments came')
    decision = Decision.model_validate(arguments[0])
    return core.Failure("CANCELLED", cancelled(decision), details=decision.model_dump())
