"""When the API's door is shut, and what it writes to the log then."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from api import create_app
from application.errors import NotNow
from application.orders import Orders
from config import Settings
from participants.order.service import OrderService
from process import Connection
from routes import door
from routes.door import UNUSABLE, Door
from temporal_saga.database import open_database
from temporal_saga.identity import Identity, identify
from tests.stack import free_port

Prepare = Callable[[], tuple[Identity, bool]]


def no_answer() -> tuple[Identity, bool]:
    """Answer as a database that is locked."""
    raise OperationalError("SELECT 1", {}, Exception("database is locked"))


def no_privilege() -> tuple[Identity, bool]:
    """Answer as a database where our role may create nothing."""
    raise ProgrammingError("CREATE TABLE", {}, Exception("permission denied for schema public"))


def defect() -> tuple[Identity, bool]:
    """Fail as code of ours may."""
    raise KeyError("nobody thought of this")


async def door_before(prepare: Prepare, client: Client | None = None) -> Door:
    """Return a door before a database that is made ready so."""
    connection = Connection()
    return Door(
        connection,
        client or await connection.open(lazy=True),
        prepare,
        lambda _client: cast("Orders", None),
        (OperationalError,),
    )


async def test_what_is_missing_at_the_start_is_no_warning_yet(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts start together: it warns when one is missing for longer, and says it once."""
    caplog.set_level(logging.INFO, logger="api")
    for seconds in (door.START_SECONDS, 0):
        monkeypatch.setattr(door, "START_SECONDS", seconds)
        closed_door = await door_before(no_answer)
        await closed_door.look()
        await closed_door.look()
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert all("not ready" in record.message for record in caplog.records)


@pytest.mark.parametrize(
    ("prepare", "line", "has_traceback"),
    [(no_privilege, "permission denied", False), (defect, "nobody thought of this", True)],
)
async def test_whatever_a_look_fails_with_shuts_the_door(
    caplog: pytest.LogCaptureFixture, prepare: Prepare, line: str, *, has_traceback: bool
) -> None:
    """Callers are told that it is shut, and the log, once, why; of a defect of ours also where."""
    caplog.set_level(logging.INFO, logger="api")
    closed_door = await door_before(prepare)
    for _ in range(2):
        await closed_door.look()
        with pytest.raises(NotNow, match=UNUSABLE):
            closed_door.orders()
    [record] = caplog.records
    assert line in record.message
    assert bool(record.exc_info) is has_traceback


class OddTemporal:
    """Answers every question by a status that says nothing of who we are."""

    def get_workflow_handle(self, _workflow_id: str) -> "OddTemporal":
        """Return what is asked."""
        return self

    async def describe(self, **_: object) -> None:
        """Answer."""
        raise RPCError("shard is moving", RPCStatusCode.ABORTED, b"")


@pytest.mark.parametrize("had_a_name", [True, False])
async def test_a_temporal_that_cannot_tell_is_as_one_that_is_away(*, had_a_name: bool) -> None:
    """A database that was given its name before is taken for what it was, any other is not."""
    identity = Identity("1", "order", "sqlite:///order.db")
    found_door = await door_before(lambda: (identity, had_a_name), cast("Client", OddTemporal()))
    await found_door.look()
    assert found_door.is_ready.is_set() is had_a_name


async def test_a_database_that_is_put_back_from_a_backup_opens_the_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged file at the start is looked at again and again, and nobody starts the API anew."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port()}")
    monkeypatch.setattr(door, "SHUT_SECONDS", 0.05)
    database_at(tmp_path / "backup.db", has_name=True)
    (tmp_path / "order.db").write_bytes(b"garbage" * 2_000)
    app = create_app(Settings(data_dir=tmp_path))
    async with app.router.lifespan_context(app):
        await app.state.door.first_look.wait()
        with pytest.raises(NotNow, match=UNUSABLE):
            app.state.door.orders()
        (tmp_path / "backup.db").replace(tmp_path / "order.db")
        async with asyncio.timeout(30):
            await app.state.door.is_ready.wait()


def database_at(path: Path, *, has_name: bool) -> None:
    """Make an order database in a file."""
    url = f"sqlite:///{path}"
    engine = open_database(url)
    OrderService.open(engine)
    if has_name:
        identify(engine, "order", url)
    engine.dispose()


async def test_a_file_put_in_place_of_the_database_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Temporal away a database without a name opens nothing.

    Connections that lead to the one before, which had its name, change nothing about that.
    """
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_port()}")
    monkeypatch.setattr(door, "OPEN_SECONDS", 60)  # only this test looks
    database_at(tmp_path / "order.db", has_name=True)
    database_at(tmp_path / "other.db", has_name=False)
    app = create_app(Settings(data_dir=tmp_path))
    async with app.router.lifespan_context(app):
        await app.state.door.is_ready.wait()
        (tmp_path / "other.db").replace(tmp_path / "order.db")
        for why in ("was deleted or replaced", "Temporal gives no answer"):
            await app.state.door.look()
            with pytest.raises(NotNow, match=why):
                app.state.door.orders()
