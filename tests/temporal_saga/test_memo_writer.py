"""A memo that cannot be written stops no saga."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import DefaultPayloadConverter

from temporal_saga.testing import Script
from temporal_saga.testing.participants import Participants
from tests.temporal_saga.steered_trip import SteeredTrip
from tests.temporal_saga.test_on_record import PATIENT, SETTLE, memo, stuck_flight
from tests.temporal_saga.trips import failed_for


class Choosy(DefaultPayloadConverter):
    """Writes no memo in which something is stuck."""

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """Write everything else."""
        for value in values:
            states = value.get("retriables", []) if isinstance(value, dict) else []
            if any(state["progress"] == "STUCK" for state in states):
                raise TypeError("nothing is ever stuck")
        return super().to_payloads(values)


def choosy(client: Client) -> Client:
    """Return a client that converts so, for the saga's worker as well."""
    config = client.config()
    config["data_converter"] = replace(client.data_converter, payload_converter_class=Choosy)
    return Client(**config)


async def test_what_cannot_be_written_leaves_why_it_fails_and_later_memos(
    temporal: Client, travel: Participants
) -> None:
    """It is cut, and says so; the next one is whole again."""
    client = choosy(temporal)
    async with Script(
        client,
        travel,
        SteeredTrip,
        saga_id="trip-choosy",
        workflow_type="Trip",
        policy=PATIENT,
    ) as script:
        await stuck_flight(script)
        cut = await memo(script)
        assert cut.failure is not None
        assert (cut.failure.reason, cut.retriables, cut.was_cut) == ("SoldOut", (), True)
        await script.handle.signal("settle", args=SETTLE)
        assert await failed_for(script) == ("SoldOut", "BookHotel")
        whole = await memo(script)
    assert [state.step for state in whole.retriables] == ["BookFlight", "OpenTrip"]
    assert not whole.was_cut
