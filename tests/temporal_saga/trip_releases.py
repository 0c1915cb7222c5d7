"""Other releases of the trip of `examples/trip.py`."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from examples.trip import Trip
from examples.trip_steps import Command, Done, TripOrder
from tests.temporal_saga.recorded_trip import RecordedTrip


@workflow.defn(name="Trip")
class BrokenTrip(Trip):
    """One with a defect, after the bookings."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story, as far as it goes."""
        return await super().run(trip)

    async def _let_the_traveller_think(self, trip: TripOrder) -> None:
        raise KeyError(trip)


class AskWeatherCommand(Command):
    """Ask for the weather: no step of the saga, but something that a message handler does."""


@workflow.defn(name="Trip")
class TripWithWeather(Trip):
    """One that is asked for something that takes time."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        return await super().run(trip)

    @workflow.update
    async def ask_weather(self) -> str:
        """Ask a participant, and wait for the answer."""
        key = f"{workflow.info().workflow_id}/AskWeather"
        answer: Done = await workflow.execute_activity(
            "AskWeather",
            AskWeatherCommand(idempotency_key=key, traveller="ada"),
            task_queue="weather",
            result_type=Done,
            start_to_close_timeout=timedelta(seconds=30),
        )
        return answer.reference


@workflow.defn(name="Trip")
class TripWithoutStep(RecordedTrip):
    """One that asks for the weather as no step, so that nobody compensates or bounds it."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str]:
        """Tell the story."""
        return await super().run(trip)

    async def _before_the_hotel(self) -> None:
        await workflow.execute_activity(
            "AskWeather",
            AskWeatherCommand(f"{workflow.info().workflow_id}/AskWeather", "ada"),
            task_queue="weather",
            result_type=Done,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )


@workflow.defn(name="Trip")
class TripWithSleep(RecordedTrip):
    """One that waits as no pause of the saga."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str]:
        """Tell the story."""
        return await super().run(trip)

    async def _before_the_hotel(self) -> None:
        await workflow.sleep(3600)


@workflow.defn(name="Trip")
class TripWithTimeout(RecordedTrip):
    """One that leaves the end of a wait to Temporal."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str]:
        """Tell the story."""
        return await super().run(trip)

    async def _before_the_hotel(self) -> None:
        await workflow.wait_condition(lambda: False, timeout=timedelta(milliseconds=50))


@workflow.defn(name="Trip")
class TripThatFails(RecordedTrip):
    """One that fails as a plain workflow does, before the hotel or after the pivot."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str]:
        """Tell the story."""
        self._fails_late = trip.price_minor == 0
        return await super().run(trip)

    async def _before_the_hotel(self) -> None:
        if not self._fails_late:
            raise ApplicationError("the hotel has burnt down", type="HotelGone")

    async def _after_the_pivot(self) -> None:
        raise ApplicationError("no postcard was sent", type="NoPostcard")
