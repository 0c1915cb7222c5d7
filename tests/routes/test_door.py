"""When the API's door is shut, and what it writes to the log then."""

import logging
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy.exc import OperationalError

from api import create_app
from application.errors import NotNow
from application.orders import Orders
from config import Settings
from participants.order.service import OrderService
from process import Connection
from routes import door
from routes.door import Door
from temporal_saga.database import open_database
from temporal_saga.identity import Identity, identify
from tests.stack import free_port


def no_answer() -> tuple[Identity, bool]:
    """Answer as a database that is locked."""
    raise OperationalError("SELECT 1", {}, Exception("database is locked"))


async def test_what_is_missing_at_the_start_is_no_warning_yet(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts start together: it warns when one is missing for longer, and says it once."""
    connection = Connection()
    client = await connection.open(lazy=True)
    caplog.set_level(logging.INFO, logger="api")
    for seconds in (door.START_SECONDS, 0):
        monkeypatch.setattr(door, "START_SECONDS", seconds)
        closed_door = Door(
            connection,
            client,
            no_answer,
            lambda _client: cast("Orders", None),
            (OperationalError,),
        )
        await closed_door.look()
        await closed_door.look()
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert all("not ready" in record.message for record in caplog.records)


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
