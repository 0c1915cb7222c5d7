from dataclasses import replace
from pathlib import Path

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.forwarding import forward
from config import Settings
from contracts.steps import PARTICIPANT_OF, PARTICIPANTS
from temporal_saga.database import open_database
from worker import ACTIVITIES


@pytest.mark.parametrize("participant", PARTICIPANTS)
def test_no_cancel_cuts_a_transaction_in_half(participant: str, tmp_path: Path) -> None:
    """A cancel never interrupts an activity's thread: a begun transaction ends."""
    engine = open_database(f"sqlite:///{tmp_path}/{participant}.db")
    definitions = [
        activity._Definition.must_from_callable(definitions)
        for definitions in ACTIVITIES[participant](engine, Settings())
    ]
    engine.dispose()
    assert {definition.name for definition in definitions} >= {
        name for name, taker in PARTICIPANT_OF.items() if taker == participant
    }
    assert [
        (definition.name, definition.no_thread_cancel_exception, definition.is_async)
        for definition in definitions
    ] == [(definition.name, True, False) for definition in definitions]


async def test_a_command_of_another_release_is_forwarded_to_nobody() -> None:
    """The sentence says which one and what to do; a newer worker may take its next try."""
    environment = ActivityEnvironment(await Client.connect("nobody:1", lazy=True))
    environment.info = replace(environment.info, activity_type="NoSuchStep")
    with pytest.raises(ApplicationError) as refusal:
        await environment.run(forward, [])
    assert refusal.value.type == "UnknownCommand"
    assert "NoSuchStep" in refusal.value.message
    assert "start the orchestrator of the release that sent it" in refusal.value.message
    assert not refusal.value.non_retryable
