"""A small saga with steps side by side, before its pivot and after it."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from temporal_saga import policy
from temporal_saga.duty import Settlement
from temporal_saga.failure import Failure, SagaStopped
from temporal_saga.saga import Branch, Saga
from tests.temporal_saga.trip_words import (
    CALLS,
    BookFlightCommand,
    BookHotelCommand,
    CancelFlightCommand,
    CancelHotelCommand,
    ChargeCommand,
    RefundCommand,
    SendTicketCommand,
    SendVoucherCommand,
)


@workflow.defn
class Trip:
    """Charges, books flight and hotel side by side, and sends ticket and voucher side by side."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self._saga = Saga(workflow.info().workflow_id, refusals=["No"], policy=policy.current())

    @workflow.run
    async def run(self, deadline_seconds: float | None = None) -> list[str | None]:
        """Return what was booked and sent, or raise the reason why nothing was."""
        saga = self._saga
        if deadline_seconds is not None:
            saga.set_deadline(workflow.now() + timedelta(seconds=deadline_seconds))
        failure, told = None, []
        try:
            await saga.step(CALLS[ChargeCommand], compensation=CALLS[RefundCommand])
            told += await saga.parallel(
                Branch(CALLS[BookFlightCommand], CALLS[CancelFlightCommand]),
                Branch(CALLS[BookHotelCommand], CALLS[CancelHotelCommand]),
            )
            saga.pivot()
            told += await saga.finish(CALLS[SendTicketCommand], CALLS[SendVoucherCommand])
        except SagaStopped as stopped:
            failure = stopped.failure
            await saga.roll_back()
        await saga.close()
        if failure is not None:
            raise ApplicationError(failure.message, vars(failure), type="TripFailed")
        return [done and done.what for done in told]

    @workflow.query
    def closing(self) -> bool:
        """Tell whether the trip can no longer be stopped."""
        return self._saga.closing

    @workflow.signal
    def stop(self) -> None:
        """Stop the trip."""
        self._saga.stop(Failure("CANCELLED", "asked to stop"))

    @workflow.update
    def request_stop(self) -> bool:
        """Stop the trip, and tell whether it was in time."""
        return self._saga.stop(Failure("CANCELLED", "asked to stop"))

    @workflow.signal
    def settle(self, step: str) -> None:
        """Take a person's word for what is stuck at a step."""
        self._saga.settle(step, Settlement("otto", "by hand", "ticket 12", workflow.now()))
