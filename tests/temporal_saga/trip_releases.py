"""Other releases of the trip of `examples/trip.py`."""

from datetime import timedelta

from temporalio import workflow

from examples.trip import Trip
from examples.trip_steps import Command, Done, TripOrder


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
