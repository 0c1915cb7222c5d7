"""The trip with a record of its own: an archive knows of each trip, and how it ended."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from examples.trip_steps import TripOrder, flight, hotel
from temporal_saga import policy
from temporal_saga.call_state import Settlement
from temporal_saga.failure import Failure
from temporal_saga.on_record import OnRecord
from temporal_saga.saga import Saga
from tests.temporal_saga.recorded_trip_steps import REFUSALS, closing, opening


@workflow.defn(name="Trip")
class RecordedTrip:
    """Books flight and hotel, one after the other, and keeps a record of it."""

    def __init__(self) -> None:
        """Begin with nothing booked."""
        self._saga = Saga(workflow.info().workflow_id, refusals=REFUSALS, policy=policy.current())
        self._moves: list[str] = []
        self._failure: Failure | None = None

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str]:
        """Tell the story of one trip; return its moves."""
        saga = self._saga
        steps = (flight(trip), hotel(trip))
        async with OnRecord(saga, self, closing(trip.traveller)) as record:
            await record.open(opening(trip.traveller), then=steps)
            await saga.step(*steps[0])
            await self._before_the_hotel()
            await saga.step(*steps[1])
            saga.pivot()
            await self._after_the_pivot()
        if self._failure is not None:
            raise ApplicationError(self._failure.reason, self._moves, type="TripFailed")
        return self._moves

    async def _before_the_hotel(self) -> None:
        """Do something that is no step: for other releases."""

    async def _after_the_pivot(self) -> None:
        """Do something that is no step: for other releases."""

    def rolling_back(self, failure: Failure) -> None:
        """Note why."""
        self._failure = failure
        self._moves.append("rolling back")

    def rolled_back(self) -> None:
        """Note the end."""
        self._moves.append("rolled back")

    def completed(self) -> None:
        """Note that it is booked."""
        self._moves.append("completed")

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

    @workflow.signal
    def retry(self, step: str) -> None:
        """Try what is stuck now."""
        self._saga.retry(step)

    @workflow.update
    def request_stop(self) -> bool:
        """Stop the trip, and return whether it was in time."""
        return self._saga.stop(Failure("CANCELLED", "they stay at home"))

    @workflow.query
    def stuck(self) -> list[str]:
        """Return the steps that need a person."""
        return [call.step for call in self._saga.stuck]
