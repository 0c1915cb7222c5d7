"""What the API's door writes to the log while it is shut."""

import logging
from typing import cast

import pytest
from sqlalchemy.exc import OperationalError

from application.orders import Orders
from process import Connection
from routes import door
from routes.door import Door
from temporal_saga.identity import Identity


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
