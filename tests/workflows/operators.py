"""What operators say of what is stuck, by signal and by update, and what they hear."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from temporal_saga.policy import Policy
from temporal_saga.testing import Script

SOON = Policy(stuck_attempts=2, longest_pause=timedelta(milliseconds=50))
"""Stuck after two tries, and tried on without waiting for anybody."""

PATIENT = Policy(stuck_attempts=2, longest_pause=timedelta(hours=1))
"""Stuck after two tries, and then tried when somebody says so."""

RETRY = {"step": "ProcessPayment", "by": "otto", "reason": "the provider is back"}
SETTLE = RETRY | {"reason": "paid by hand", "evidence": "transfer 4711"}

Say = Callable[[Script, str, dict[str, Any]], Awaitable[Any]]


async def by_signal(script: Script, act: str, words: dict[str, Any]) -> None:
    """Say it as the command line does."""
    await script.handle.signal(act, words)


async def by_update(script: Script, act: str, words: dict[str, Any]) -> None:
    """Say it as the HTTP front door does."""
    await script.handle.execute_update(f"request_{act}", words)


each_way = pytest.mark.parametrize("say", [by_signal, by_update], ids=lambda way: way.__name__)


async def until_stuck(script: Script, step: str | None = None) -> None:
    """Wait until the saga has heard that a round of tries is over.

    Of any step, or of the compensation of this one.
    """
    async with asyncio.timeout(15):
        while True:
            status = await script.handle.query("status")
            stuck_steps = [c["step"] for c in status["compensations"] if c["state"] == "STUCK"]
            if status["needs_attention"] if step is None else step in stuck_steps:
                return


async def refusal_of(script: Script, act: str, words: dict[str, Any]) -> str:
    """Return why the saga refuses an act."""
    with pytest.raises(WorkflowUpdateFailedError) as why:
        await by_update(script, act, words)
    return str(why.value.cause)
