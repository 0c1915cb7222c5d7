"""A cancel at every command of a saga with several commands to one participant."""

import asyncio
from dataclasses import dataclass
from itertools import product
from typing import Literal

import pytest

from temporal_saga.keys import compensation_key, step_key
from temporal_saga.retriables import all_ended
from temporal_saga.testing import Script
from tests.temporal_saga.basket import COMMANDS
from tests.temporal_saga.baskets import ALL, BASKET, yes
from tests.temporal_saga.conftest import Play

AT_ONCE = 8


@dataclass(frozen=True)
class Cancel:
    """A cancel while a command is under way, or in one workflow task with its answer.

    `at` counts the commands that the participant is sent, from 0: a rollback's, too.
    """

    at: int
    way: Literal["signal", "temporal"]
    together: bool
    times: int


CANCELS = [
    Cancel(at, way, together, times)  # type: ignore[arg-type]  # the product has lost the types
    for at, way, together, times in product(
        range(len(ALL)), ("signal", "temporal"), (False, True), (1, 2)
    )
]


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_a_cancel_at_every_command(buy: Play) -> None:
    """Every step that had begun is taken back under its own key, in reverse, and no other one.

    Past the pivot a cancel changes nothing.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def tell(cancel: Cancel) -> None:
        async with turns, buy() as script:
            try:
                await check(script, cancel, await keys_sent(script, cancel))
            except Exception as error:
                error.add_note(str(cancel))
                raise

    await all_ended(map(tell, CANCELS))


async def keys_sent(script: Script, cancel: Cancel) -> list[str]:
    """Run a basket with a cancel in it; return the keys of its commands, as they came."""
    keys: list[str] = []
    await script.start(BASKET)
    async for command in script.commands(*COMMANDS):
        is_due = len(keys) == cancel.at
        keys.append(command.idempotency_key)
        if is_due and cancel.together:
            async with script.orchestrator_away():
                script.answer(yes(command), to=command)
                await script.recorded()
                await send(script, cancel)
            continue
        if is_due:
            await send(script, cancel)
        script.answer(yes(command), to=command)
    return keys


async def send(script: Script, cancel: Cancel) -> None:
    """Send the cancel, as often as it says."""
    for _ in range(cancel.times):
        await (script.handle.signal("cancel") if cancel.way == "signal" else script.handle.cancel())


async def check(script: Script, cancel: Cancel, keys: list[str]) -> None:
    """See that the steps up to the cancel, and no others, were taken and taken back."""
    groups = [[step_key(script.saga_id, step) for step in group] for group in BASKET.groups]
    steps: list[str] = []
    for group in groups:
        if len(steps) > cancel.at:
            break
        steps += group
    if cancel.at >= len(ALL) - len(groups[-1]):
        await script.completed()
        assert sorted(keys) == sorted(steps)
        return
    assert (await script.failed()).details[0]["reason"] == "CANCELLED"
    assert sorted(keys[: len(steps)]) == sorted(steps)
    assert keys[len(steps) :] == [compensation_key(key) for key in reversed(steps)]
