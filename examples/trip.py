"""A trip as a saga: all of it is booked and paid, or nothing.

Flight, hotel and car are booked side by side, and taken back when one of them is sold out, when the
payment is declined, when the deadline passes, or when the traveller changes their mind. Once the
payment is taken there is no way back: ticket and voucher are sent, however long that takes. An
archive has a record of each trip, which outlives the workflow.
"""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from examples.trip_record import closing, opening
from examples.trip_steps import (
    REFUSALS,
    TripOrder,
    car,
    flight,
    hotel,
    payment,
    ticket,
    voucher,
)
from temporal_saga.workflow import OnRecord, Saga


@workflow.defn
class Trip:
    """Books and pays a trip, and returns the references; or takes back all that was done."""

    def __init__(self) -> None:
        """Begin with nothing booked."""
        self._saga = Saga(workflow.info().workflow_id, refusals=REFUSALS)
        self._is_confirmed = False

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story of one trip.

        Returns:
            The references, None where a person settled the step. A run that finds the trip booked
            and paid by an earlier run does not know them: it returns none.
        """
        saga = self._saga
        if trip.deadline_seconds is not None:
            saga.set_deadline(workflow.now() + timedelta(seconds=trip.deadline_seconds))
        references: list[str | None] = []
        async with OnRecord(saga, closing(trip)) as record:
            bookings = (flight(trip), hotel(trip), car(trip))
            pay = payment(trip)
            await record.open(opening(trip), then=(*bookings, pay))
            answers = await saga.parallel(*bookings)
            await self._let_the_traveller_think(trip)
            await saga.step(*pay)
            saga.pivot()
            papers = await saga.finish(ticket(trip), voucher(trip))
            references = [event and event.reference for event in (*answers, *papers)]
        if (failure := saga.failure) is not None:
            raise ApplicationError(failure.message, vars(failure), type="TripFailed")
        return references

    async def _let_the_traveller_think(self, trip: TripOrder) -> None:
        if trip.may_change_mind_seconds:
            limit = timedelta(seconds=trip.may_change_mind_seconds)
            await self._saga.pause(lambda: self._is_confirmed, limit)

    # What people may say to any saga, `Saga` takes: cancel, retry_step, settle_step. A message of
    # the trip's own only records a fact, on which the saga acts. It takes whatever is sent, and
    # never raises, as that would wedge the trip. It is noted, as the memo numbers every signal.

    @workflow.signal
    def confirm(self, *_: Any) -> None:
        """Pay now, without further thought."""
        self._is_confirmed = True
        self._saga.note_signal("confirm")
