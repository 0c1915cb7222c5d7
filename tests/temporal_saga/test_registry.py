"""Which database a participant serves from, as Temporal keeps it.

One at a time, and no workflow task is ever made of it.
"""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

from temporal_saga import registry
from temporal_saga.database import open_database
from temporal_saga.identity import Identity, identify
from temporal_saga.registry import ForeignDatabase, Registration


@pytest.fixture
def participant() -> str:
    """Give a participant of this test's own."""
    return f"participant{uuid4().hex}"


def database(participant: str, where: str = "here") -> Identity:
    """Return a new database of a participant's."""
    return Identity(str(uuid4()), participant, where)


async def test_of_two_who_come_first_at_once_one_is_let_in(
    temporal: Client, participant: str
) -> None:
    """The other is told which database is the right one.

    Whoever has that one is let in at any time.
    """
    first = database(participant, "A")
    second = database(participant, "B")
    rivals = [Registration(temporal, participant, own) for own in (first, second)]
    answers = await asyncio.gather(*(rival.check() for rival in rivals), return_exceptions=True)
    assert [type(answer) for answer in answers if answer is not True] == [ForeignDatabase]
    winner, loser = (first, second) if answers[0] is True else (second, first)
    assert await Registration(temporal, participant, winner).check()
    with pytest.raises(ForeignDatabase) as error_info:
        await Registration(temporal, participant, loser).check()
    for words in (
        winner.id,
        winner.where,
        loser.id,
        loser.where,
        f"--workflow-id participant-{participant}",
        f"--address {temporal.service_client.config.target_host}",
    ):
        assert words in str(error_info.value)


async def test_another_participants_database_is_never_registered(
    temporal: Client, participant: str
) -> None:
    """Two URLs that were mixed up are found out before anything is served."""
    with pytest.raises(ForeignDatabase, match=f"the database of stock, not of {participant}"):
        await Registration(temporal, participant, database("stock")).check()
    assert await Registration(temporal, participant, database(participant)).check()


async def test_no_worker_is_ever_asked_for_anything(temporal: Client, participant: str) -> None:
    """What is registered is one event of history, open for ever."""
    await Registration(temporal, participant, database(participant)).check()
    description = await temporal.get_workflow_handle(f"participant-{participant}").describe()
    assert description.history_length == 1
    assert description.workflow_type == registry.WORKFLOW_TYPE
    assert description.close_time is None


async def test_what_was_ended_is_registered_again_by_who_serves_and_later_by_who_was_turned_away(
    temporal: Client, participant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a registration that was ended by mistake is not lost to a database that waited for it."""
    right, wrong = (
        Registration(temporal, participant, database(participant, where)) for where in "AB"
    )
    handle = temporal.get_workflow_handle(f"participant-{participant}")
    await right.check()
    with pytest.raises(ForeignDatabase):
        await wrong.check()
    await handle.terminate()
    with pytest.raises(ForeignDatabase, match="becomes the database of"):
        await wrong.check()
    assert await right.check()
    with pytest.raises(ForeignDatabase, match="this is not the database"):
        await wrong.check()
    await handle.terminate()
    monkeypatch.setattr(registry, "LEAVE_IT_SECONDS", 0)
    assert await wrong.check()
    with pytest.raises(ForeignDatabase):
        await right.check()


async def test_a_new_file_in_the_place_of_the_registered_one_is_called_that(
    temporal: Client, participant: str
) -> None:
    """Two databases at one URL: no setting is wrong, and the file is to be put back."""
    first = database(participant)
    second = database(participant)
    await Registration(temporal, participant, first).check()
    with pytest.raises(ForeignDatabase) as error_info:
        await Registration(temporal, participant, second).check()
    for words in (
        "this is not the database that",
        f"what was at here was deleted or replaced (it was {first.id}, and is {second.id} now)",
        "put it back from a backup",
        f"--workflow-id participant-{participant}",
        f"--address {temporal.service_client.config.target_host}",
    ):
        assert words in str(error_info.value)
    assert "DATABASE_URL" not in str(error_info.value)


async def test_a_file_that_goes_while_it_is_served_from_is_noticed(
    temporal: Client, participant: str, tmp_path: Path
) -> None:
    """Whoever goes on would write what is lost when it ends."""
    path = tmp_path / "own.db"
    engine = open_database(f"sqlite:///{path}")
    registration = Registration(temporal, participant, identify(engine, participant, "here"))
    assert await registration.check()
    path.unlink()
    with pytest.raises(ForeignDatabase, match="the file of here was deleted or replaced under"):
        await registration.check()
    engine.dispose()
