"""Work that goes on for ever says once what it fails with, and does not end."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from application import event_feed
from application.event_feed import EventFeed
from application.trouble import repeat
from participants.order.events import OrderEvents
from participants.order.service import OrderService
from participants.order.tables import EVENTS
from temporal_saga.database import DATABASE_AWAY
from tests.commands import cancel


async def test_an_error_is_in_the_log_once_until_it_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After it was gone it is said anew; that a database is away is said elsewhere."""
    away = sa.exc.OperationalError("SELECT 1", None, OSError("away"))
    doubles = [
        sa.exc.IntegrityError("INSERT", {"at": number}, ValueError("a double"))
        for number in range(2)
    ]
    errors = iter((*doubles, away, doubles[0], ValueError("a double"), None, doubles[0]))

    async def work() -> None:
        if error := next(errors, asyncio.CancelledError()):
            raise error

    with pytest.raises(asyncio.CancelledError):
        await repeat(work, 0, logging.getLogger("work"), "it is tried again", DATABASE_AWAY)
    assert caplog.messages == ["it is tried again"] * 3


async def test_events_are_published_after_a_defect(
    tmp_path: Path,
    open_engine: Callable[[str], sa.Engine],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A row that cannot be read is no reason to stop for good."""
    monkeypatch.setattr(event_feed, "KEEP_SECONDS", 0.02)
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    OrderService.open(engine).cancel(cancel("1"))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE events SET at = 'never', position = 7"))
    events = EventFeed(OrderEvents(engine), asyncio.Event())
    keeping = asyncio.create_task(events.keep(timedelta(days=1), DATABASE_AWAY))
    async with asyncio.timeout(20):
        while not caplog.messages:  # noqa: ASYNC110  # the log rings no bell
            await asyncio.sleep(0.01)
        with engine.begin() as connection:
            connection.execute(sa.delete(EVENTS))
        OrderService(engine).cancel(cancel("2"))
        while not _is_published(engine):  # noqa: ASYNC110  # nor does the database
            await asyncio.sleep(0.01)
    keeping.cancel()
    assert len(caplog.messages) == 1


def _is_published(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return connection.scalar(sa.select(EVENTS.c.position)) is not None
