"""A trip as a saga: all of it is booked and paid, or nothing.

Flight, hotel and car are booked side by side, and taken back when one of them is sold out, when the
payment is declined, when the deadline passes, or when the traveller changes their mind. Once the
payment is taken there is no way back: ticket and voucher are sent, however long that takes. An
archive has a record of each trip, which outlives the workflow.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from examples.trip_record import closing, opening
from examples.trip_steps import (
    BEFORE_THE_PIVOT,
    REFUSALS,
    TripOrder,
    car,
    flight,
    hotel,
    payment,
    ticket,
    voucher,
)
from temporal_saga.workflow import Failure, OnRecord, Saga, Settlement

MOST_TEXT = 500
"""So many characters of what a person says are kept."""

TOO_LATE = "it is too late to cancel"


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

    # What people may say meanwhile. A handler only records a fact, on which the saga acts. It takes
    # whatever is sent and never raises, as that would wedge the trip. Each signal is noted, so that
    # the workflow's memo tells what became of it.

    @workflow.signal
    def confirm(self, *_: Any) -> None:
        """Pay now, without further thought."""
        self._is_confirmed = True
        self._saga.note_signal("confirm")

    @workflow.signal
    def cancel(self, *words: Any) -> None:
        """Cancel the trip, unless it is too late: the reason."""
        is_in_time = self._saga.stop(Failure("CANCELLED", _text(words, 0)))
        self._saga.note_signal("cancel", why_ignored=None if is_in_time else TOO_LATE)

    @workflow.update
    def request_cancel(self, *words: Any) -> bool:
        """Cancel the trip, and return whether it was in time: the reason."""
        return self._saga.stop(Failure("CANCELLED", _text(words, 0)))

    @workflow.signal
    def retry(self, *words: Any) -> None:
        """Try what is stuck now: its step."""
        self._saga.note_signal("retry", why_ignored=self._saga.retry(_text(words, 0)))

    @workflow.signal
    def settle(self, *words: Any) -> None:
        """Count what is stuck as done, as a person put it right: the step, who, why, evidence."""
        saga = self._saga
        step, by, reason, evidence = (_text(words, place) for place in range(4))
        cancellation = Failure("CANCELLED", f"{by} has taken {step} back: {reason}")
        number = saga.note_signal("settle")
        why = saga.settle(
            step,
            Settlement(by, reason, evidence, workflow.now()),
            cancel_with=cancellation if step in BEFORE_THE_PIVOT else None,
            on_accept=lambda: saga.take(number),
        )
        if why is not None:
            saga.ignore(number, why)

    @workflow.signal(dynamic=True)
    def take_unknown(self, name: str, _arguments: Sequence[RawValue]) -> None:
        """Hear what nobody knows as well: the memo numbers every signal."""
        self._saga.note_signal(name, why_ignored="there is no such message")

    @workflow.query
    def closing(self) -> bool:
        """Tell whether it is too late to cancel."""
        return self._saga.closing

    @workflow.query
    def stuck(self) -> list[str]:
        """Return the steps that need a person."""
        return [call.step for call in self._saga.stuck_calls]


def _text(words: Sequence[Any], place: int) -> str:
    """Return one of the words that were sent, as a text; empty when it is missing."""
    text = str(words[place])[:MOST_TEXT] if place < len(words) else ""
    return text.encode(errors="replace").decode()
