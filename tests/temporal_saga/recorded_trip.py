"""A second saga with a record of its own: an archive knows of each trip, and how it ended."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from temporal_saga import policy
from temporal_saga.call import Call
from temporal_saga.call_state import Settlement
from temporal_saga.failure import Failure
from temporal_saga.on_record import Closing, EarlierRun, OnRecord, Opening
from temporal_saga.saga import Branch, Saga
from tests.temporal_saga.archive import (
    CALLS,
    BookFlightCommand,
    BookHotelCommand,
    CancelFlightCommand,
    CancelHotelCommand,
    ConfirmTripCommand,
    OpenTripCommand,
    TakeTripBackCommand,
    TripOpened,
    open_trip,
)

FLIGHT = Branch(CALLS[BookFlightCommand], CALLS[CancelFlightCommand])
HOTEL = Branch(CALLS[BookHotelCommand], CALLS[CancelHotelCommand])
OPENING: Opening[OpenTripCommand, TripOpened] = Opening(
    Call("archive", open_trip, OpenTripCommand, "Open the trip"),
    lambda event: EarlierRun(event.earlier_run),
)
CLOSING = Closing("OpenTrip", CALLS[ConfirmTripCommand], CALLS[TakeTripBackCommand])


@workflow.defn
class RecordedTrip:
    """Books flight and hotel, one after the other, and keeps a record of it."""

    @workflow.init
    def __init__(self) -> None:
        """Begin with nothing booked."""
        self._saga = Saga(workflow.info().workflow_id, refusals=["No"], policy=policy.current())
        self._moves: list[str] = []
        self._failure: Failure | None = None

    @workflow.run
    async def run(self) -> list[str]:
        """Tell the story of one trip; return its moves."""
        saga = self._saga
        async with OnRecord(saga, self, CLOSING) as record:
            await record.open(OPENING, then=(FLIGHT, HOTEL))
            await saga.step(*FLIGHT)
            await saga.step(*HOTEL)
            saga.pivot()
            self._moves.append("booked")
        if self._failure is not None:
            raise ApplicationError(self._failure.reason, self._moves, type="TripFailed")
        return self._moves

    def rolling_back(self, failure: Failure) -> None:
        """Note why."""
        self._failure = failure
        self._moves.append("rolling back")

    def rolled_back(self) -> None:
        """Note the end."""
        self._moves.append("rolled back")

    def completed_before(self) -> None:
        """Note that an earlier run got further."""
        self._moves.append("booked before")

    @workflow.signal
    def stop(self, *_: Any) -> None:
        """Stop the trip."""
        self._saga.stop(Failure("CANCELLED", "they stay at home"))

    @workflow.signal
    def settle(self, step: str, *_: Any) -> None:
        """Count a step as put right by hand; a reset says that again."""
        settlement = Settlement("otto", "by hand", "ticket 12", workflow.now())
        stops = Failure("CANCELLED", f"otto had taken back {step}")
        self._saga.settle(step, settlement, cancel_with=stops)

    @workflow.query
    def stuck(self) -> list[str]:
        """Return the steps that need a person."""
        return [call.step for call in self._saga.stuck]
