"""Waiting for a dependency: until it is ready, or until the process stops."""

import asyncio
import logging

import pytest

import process
from process import wait_until_ready


async def test_stopping_ends_the_wait() -> None:
    """Also while a probe hangs, as it may while Temporal starts; it is cancelled."""
    stop = asyncio.Event()
    probing = asyncio.Event()
    cancel_event = asyncio.Event()

    async def probe() -> str:
        probing.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancel_event.set()
        return "never"

    waiting = asyncio.create_task(wait_until_ready("something", probe, stop))
    await probing.wait()
    stop.set()
    assert await asyncio.wait_for(waiting, 5) is None
    await asyncio.wait_for(cancel_event.wait(), 5)


async def test_the_result_of_the_probe_is_returned() -> None:
    """A probe that succeeds ends the wait."""

    async def probe() -> str:
        return "here"

    assert await wait_until_ready("something", probe, asyncio.Event()) == "here"


async def test_a_reason_is_logged_once_until_it_changes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A dependency that fails for the same reason many times is one line, not many."""
    monkeypatch.setattr(process, "PROBE_PAUSE_SECONDS", 0)
    reasons = iter(["away", "away", "away", "refused"])

    async def probe() -> str:
        if reason := next(reasons, None):
            raise RuntimeError(reason)
        return "here"

    with caplog.at_level(logging.INFO, "worker"):
        assert await wait_until_ready("something", probe, asyncio.Event()) == "here"
    assert [record.message for record in caplog.records] == [
        "waiting for something: away",
        "waiting for something: refused",
    ]
