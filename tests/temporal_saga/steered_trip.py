"""The trip of `examples/trip.py` with messages of its own: a saga keeps those that it has.

Its stories are told to it in single words, and it is asked how it stands.
"""

from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

from examples.trip import Trip
from examples.trip_steps import TripOrder
from temporal_saga.workflow import Failure, Settlement

MOST_TEXT = 500
"""So many characters of what a person says are kept."""

TOO_LATE = "it is too late to cancel"

BEFORE_THE_PIVOT = frozenset({"OpenTrip", "BookFlight", "BookHotel", "BookCar", "TakePayment"})
"""The steps that are taken back."""


@workflow.defn(name="Trip")
class SteeredTrip(Trip):
    """Books and pays a trip, and takes single words."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story of one trip."""
        return await super().run(trip)

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

    @workflow.query(name="stuck")
    def steps_for_a_person(self) -> list[str]:
        """Return the steps that need a person."""
        return [call.step for call in self._saga.stuck_calls]


def _text(words: Sequence[Any], place: int) -> str:
    """Return one of the words that were sent, as a text; empty when it is missing."""
    text = str(words[place])[:MOST_TEXT] if place < len(words) else ""
    return text.encode(errors="replace").decode()
