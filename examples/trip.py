"""A trip as a saga: all of it is booked and paid, or nothing.

Flight, hotel and car are booked side by side, and taken back when one of them is sold out, when the
payment is declined, when the deadline passes, or when the traveller changes their mind. Once the
payment is taken there is no way back: ticket and voucher are sent, however long that takes.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from examples.trip_steps import REFUSALS, TripOrder, car, flight, hotel, payment, ticket, voucher
from temporal_saga import policy
from temporal_saga.call_state import Settlement
from temporal_saga.failure import Failure, SagaStopped
from temporal_saga.saga import Saga

MOST_TEXT = 500
"""So many characters of what a person says are kept."""


@workflow.defn
class Trip:
    """Books and pays a trip, and returns the references; or takes back all that was done."""

    def __init__(self) -> None:
        """Begin with nothing booked."""
        saga_id = workflow.info().workflow_id
        self._saga = Saga(saga_id, refusals=REFUSALS, policy=policy.current())
        self._confirmed = False

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story of one trip; a reference is None where a person settled the step."""
        saga = self._saga
        if trip.deadline_seconds is not None:
            saga.set_deadline(workflow.now() + timedelta(seconds=trip.deadline_seconds))
        try:
            bookings = await saga.parallel(flight(trip), hotel(trip), car(trip))
            await self._let_the_traveller_think(trip)
            pay = payment(trip)
            await saga.step(pay.call, compensation=pay.compensation)
            saga.pivot()
            papers = await saga.finish(ticket(trip), voucher(trip))
        except SagaStopped as stopped:
            await saga.roll_back(stopped.failure)
            await saga.close()
            failure = stopped.failure
            raise ApplicationError(failure.message, vars(failure), type="TripFailed") from stopped
        await saga.close()
        return [done and done.reference for done in (*bookings, *papers)]

    async def _let_the_traveller_think(self, trip: TripOrder) -> None:
        if trip.may_change_mind_seconds:
            limit = timedelta(seconds=trip.may_change_mind_seconds)
            await self._saga.pause(lambda: self._confirmed, limit)

    # What people may say meanwhile. A handler only records a fact, on which `run` acts. It takes
    # whatever is sent and never raises, as that would wedge the trip.

    @workflow.signal
    def confirm(self, *_: Any) -> None:
        """Pay now, without further thought."""
        self._confirmed = True

    @workflow.signal
    def cancel(self, *words: Any) -> None:
        """Cancel the trip, unless it is too late: the reason."""
        self._saga.stop(Failure("CANCELLED", _text(words, 0)))

    @workflow.update
    def request_cancel(self, *words: Any) -> bool:
        """Cancel the trip, and return whether it was in time: the reason."""
        return self._saga.stop(Failure("CANCELLED", _text(words, 0)))

    @workflow.signal
    def retry(self, *words: Any) -> None:
        """Try what is stuck now: its step."""
        self._saga.retry(_text(words, 0))

    @workflow.signal
    def settle(self, *words: Any) -> None:
        """Count what is stuck as done, as a person put it right: the step, who, why, evidence."""
        step, by, reason, evidence = (_text(words, place) for place in range(4))
        self._saga.settle(step, Settlement(by, reason, evidence, workflow.now()))

    @workflow.query
    def closing(self) -> bool:
        """Tell whether it is too late to cancel."""
        return self._saga.closing


def _text(words: Sequence[Any], place: int) -> str:
    """Return one of the words that were sent, as a text; empty when it is missing."""
    return str(words[place])[:MOST_TEXT] if place < len(words) else ""
