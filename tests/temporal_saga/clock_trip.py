import time

from temporalio import workflow

from examples.trip_steps import TripOrder
from tests.temporal_saga.steered_trip import SteeredTrip


@workflow.defn(name="Trip")
class ClockTrip(SteeredTrip):
    """A release that reads the machine's clock, and then goes on as any other."""

    @workflow.run
    async def run(self, trip: TripOrder) -> list[str | None]:
        """Decide nothing by the clock: nothing but the sandbox refuses it."""
        time.time()
        return await super().run(trip)
