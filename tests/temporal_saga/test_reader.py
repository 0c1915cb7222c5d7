"""Whether a database that a process reads is the one its participant serves from."""

from uuid import uuid4

import pytest
from temporalio.client import Client

from temporal_saga import reader
from temporal_saga.identity import Identity
from temporal_saga.reader import ReaderCheck
from temporal_saga.registry import ForeignDatabase, Registration


@pytest.fixture
def participant() -> str:
    """Give a participant of this test's own."""
    return f"participant{uuid4().hex}"


def database(participant: str, where: str) -> Identity:
    """Return a new database of a participant's."""
    return Identity(str(uuid4()), participant, where)


class Reader:
    """Reads a database, which may be replaced by another one, and counts how often it is asked."""

    def __init__(self, participant: str, identity: Identity | None) -> None:
        self.identity = identity
        self.times = 0
        self._check = ReaderCheck(participant, "what is read", self._read)

    async def _read(self) -> Identity | None:
        self.times += 1
        return self.identity

    async def check(self, client: Client) -> str | None:
        """Return why nothing may be read; None when all is well."""
        try:
            await self._check.check(client)
        except ForeignDatabase as error:
            return str(error)
        return None


async def test_another_database_than_the_participants_is_noticed(
    temporal: Client, participant: str
) -> None:
    """The message names both, and the setting to change; the right database is no trouble."""
    right, wrong = (database(participant, where) for where in ("right", "wrong"))
    await Registration(temporal, participant, right).check()
    assert await Reader(participant, right).check(temporal) is None
    for identity in (wrong, None):
        problem = await Reader(participant, identity).check(temporal)
        own = identity.id if identity else "without an identity"
        for words in (right.id, "right", own, f"Set {participant.upper()}_DATABASE_URL"):
            assert words in str(problem)


async def test_a_reader_registers_nothing(temporal: Client, participant: str) -> None:
    """Before a worker has come there is nothing to compare with; the first worker may be any."""
    own = database(participant, "read")
    for identity in (own, None):
        assert await Reader(participant, identity).check(temporal) is None
    assert await Registration(temporal, participant, database(participant, "served")).check()
    assert "served" in str(await Reader(participant, own).check(temporal))


async def test_a_mixed_up_url_is_noticed_without_temporal(participant: str) -> None:
    """The database itself says whose it is; with Temporal away nothing else is compared."""
    nobody = await Client.connect("127.0.0.1:1", lazy=True)
    assert await Reader(participant, database(participant, "own")).check(nobody) is None
    problem = await Reader(participant, database("stock", "mixed up")).check(nobody)
    assert f"is the database of stock, not of {participant}" in str(problem)


async def test_what_was_seen_holds_while_temporal_is_away(
    temporal: Client, participant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is replaced meanwhile is noticed by the registration that was seen last."""
    monkeypatch.setattr(reader, "CHECK_SECONDS", 0)
    right = database(participant, "right")
    await Registration(temporal, participant, right).check()
    reads = Reader(participant, right)
    assert await reads.check(temporal) is None
    nobody = await Client.connect("127.0.0.1:1", lazy=True)
    assert await reads.check(nobody) is None
    reads.identity = database(participant, "replaced")
    assert "is not the one" in str(await reads.check(nobody))
    reads.identity = right
    assert await reads.check(nobody) is None


async def test_a_result_holds_for_a_while(temporal: Client, participant: str) -> None:
    """Many reads in a row ask the database and Temporal once."""
    reads = Reader(participant, database(participant, "own"))
    for _ in range(10):
        assert await reads.check(temporal) is None
    assert reads.times == 1


async def test_a_deleted_file_is_called_that(temporal: Client, participant: str) -> None:
    """Also before anybody has made a new one: what is not there differs from it, too."""
    right = database(participant, "what is read")
    await Registration(temporal, participant, right).check()
    for identity in (None, database(participant, "what is read")):
        problem = str(await Reader(participant, identity).check(temporal))
        own = identity.id if identity else "without an identity"
        assert "what was at what is read was deleted or replaced" in problem
        assert f"(it was {right.id}, and is {own} now)" in problem
        assert "DATABASE_URL" not in problem
