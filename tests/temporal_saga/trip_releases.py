"""Other releases of the trip of `examples/trip.py`."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from examples.trip_record import closing, opening
from examples.trip_steps import Command, Done, TripOrder, flight, hotel
from temporal_saga.failure import Failure, SagaStopped
from temporal_saga.on_record import OnRecord
from tests.temporal_saga.steered_trip import SteeredTrip


class AskWeatherCommand(Command):
    """Ask for the weather: no step of the saga, and nothing that is taken back."""


async def ask_weather() -> str:
    """Ask a participant once, as no step of the saga, and wait for the answer."""
    key = f"{workflow.info().workflow_id}/AskWeather"
    answer: Done = await workflow.execute_activity(
        "AskWeather",
        AskWeatherCommand(idempotency_key=key, traveller="ada"),
        task_queue="weather",
        result_type=Done,
        start_to_close_timeout=timedelta(seconds=30),
        retry_policy=RetryPolicy(maximum_attempts=1),
    )
    return answer.reference


@workflow.defn(name="Trip")
class BrokenTrip(SteeredTrip):
    """One with a defect, after the bookings."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story, as far as it goes."""
        return await super().run(trip)

    async def _let_the_traveller_think(self, trip: TripOrder) -> None:
        raise KeyError(trip)


@workflow.defn(name="Trip")
class TripWithWeather(SteeredTrip):
    """One that is asked for something that takes time."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        return await super().run(trip)

    @workflow.update
    async def ask_weather(self) -> str:
        """Ask a participant, and wait for the answer."""
        return await ask_weather()


@workflow.defn(name="Trip")
class TripWithoutStep(SteeredTrip):
    """One that asks for the weather on its way."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        return await super().run(trip)

    async def _let_the_traveller_think(self, _trip: TripOrder) -> None:
        await ask_weather()


@workflow.defn(name="Trip")
class TripWithSleep(SteeredTrip):
    """One that waits as no pause of the saga."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        return await super().run(trip)

    async def _let_the_traveller_think(self, _trip: TripOrder) -> None:
        await workflow.sleep(3600)


@workflow.defn(name="Trip")
class TripWithTimeout(SteeredTrip):
    """One that leaves the end of a wait to Temporal."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        return await super().run(trip)

    async def _let_the_traveller_think(self, _trip: TripOrder) -> None:
        await workflow.wait_condition(lambda: False, timeout=timedelta(milliseconds=50))


@workflow.defn(name="Trip")
class TripThatFails(SteeredTrip):
    """One that fails as a plain workflow does."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        return await super().run(trip)

    async def _let_the_traveller_think(self, _trip: TripOrder) -> None:
        raise ApplicationError("the hotel has burnt down", type="HotelGone")


@workflow.defn(name="Trip")
class TripThatFailsLate(SteeredTrip):
    """One that does so past its pivot."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        async with OnRecord(self._saga, closing(trip)) as record:
            await record.open(opening(trip), then=())
            self._saga.pivot()
            raise ApplicationError("no postcard was sent", type="NoPostcard")
        return []


@workflow.defn(name="Trip")
class TripThatBooksLate(SteeredTrip):
    """One that takes a step past its pivot, where nothing can be taken back."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        async with OnRecord(self._saga, closing(trip)) as record:
            await record.open(opening(trip), then=(flight(trip),))
            self._saga.pivot()
            await self._saga.step(*flight(trip))
        return []


@workflow.defn(name="Trip")
class TripThatStopsLate(SteeredTrip):
    """One that stops past its pivot."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        async with OnRecord(self._saga, closing(trip)) as record:
            await record.open(opening(trip), then=(flight(trip),))
            self._saga.pivot()
            raise SagaStopped(Failure("TOO_LATE", "the flight is gone"))
        return []


@workflow.defn(name="Trip")
class TripThatEndsThere(SteeredTrip):
    """One that ends at its pivot: what corrects the two before."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        async with OnRecord(self._saga, closing(trip)) as record:
            await record.open(opening(trip), then=(flight(trip),))
        return []


@workflow.defn(name="Trip")
class TripWithTwins(SteeredTrip):
    """One that declares two steps of one name."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        async with OnRecord(self._saga, closing(trip)) as record:
            await record.open(opening(trip), then=(flight(trip), flight(trip)))
            await self._saga.step(*flight(trip))
            await self._saga.step(*flight(trip))
            self._saga.pivot()
        failure = self._saga.failure
        raise ApplicationError("it fails", vars(failure), type="TripFailed")


@workflow.defn(name="Trip")
class TripWithTwoWaysBack(SteeredTrip):
    """One that registers two commands to take one step back."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Tell the story."""
        async with OnRecord(self._saga, closing(trip)) as record:
            await record.open(opening(trip), then=())
            for back in (flight(trip).compensation, hotel(trip).compensation):
                assert back is not None
                self._saga.compensate_always("BookFlight", back)
            self._saga.pivot()
        failure = self._saga.failure
        raise ApplicationError("it fails", vars(failure), type="TripFailed")
