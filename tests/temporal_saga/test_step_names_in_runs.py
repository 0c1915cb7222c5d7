"""A saga that runs again from its start meets its own names again: those are no second steps."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import Client

from temporal_saga.history import project
from temporal_saga.testing import Script
from temporal_saga.testing.histories import SCHEDULED
from temporal_saga.testing.participants import Participants
from tests import temporal_server
from tests.temporal_saga.basket import COMMANDS, QUEUE, PayCommand, ReserveCommand
from tests.temporal_saga.baskets import (
    ALL,
    BASKET,
    SOLD_OUT,
    is_reserved,
    is_shipped,
    is_taken_back,
    why_failed,
    yes,
)
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.test_step_names import decode
from tests.temporal_saga.trips import until

SHORT = 40
"""Events after which a server of ours calls a history long."""

THINKS = replace(BASKET, thinks=True)
AT_ONCE = timedelta(seconds=5)


@pytest.mark.parametrize("at", ["Reserve-2", "Pay-2", None])
async def test_a_reset_sends_the_same_steps_under_the_same_keys(buy: Play, at: str | None) -> None:
    """From any task of it: to the participants they are the effects that they know."""
    async with buy() as script:
        await script.start(BASKET)
        await is_reserved(script)
        script.answer(yes(await script.expect(PayCommand)))
        await script.expect(PayCommand, step="Pay-2")
        await script.reset(at)
        if at != "Pay-2":
            await is_reserved(script)
            script.answer(yes(await script.expect(PayCommand)))
        script.answer(yes(await script.expect(PayCommand, step="Pay-2")))
        assert await is_shipped(script) == ALL


async def test_steps_that_are_tried_locally_are_told_apart(buy: Play) -> None:
    """Their answers, the markers in the history, and what is sent on of them."""
    async with buy(locally=AT_ONCE) as script:
        await script.start(BASKET)
        first, second = await script.expect_all(ReserveCommand, (ReserveCommand, "Reserve-2"))
        script.fail(RuntimeError("away"), to=second)
        script.answer(yes(first), to=first)
        script.answer(yes(await script.expect(ReserveCommand, step="Reserve-2", attempt=2)))
        script.answer(yes(await script.expect(PayCommand)))
        await script.expect(PayCommand, step="Pay-2")
        script.fail(SOLD_OUT)
        await is_taken_back(script, "Pay", "Reserve-2", "Reserve")
        assert await why_failed(script) == ("SoldOut", "Pay-2")
        assert script.history is not None
        answers = [
            (moment.name, moment.step)
            for moment in project(script.history.events, decode)
            if moment.kind == "event"
        ]
    assert answers == [
        ("ReserveEvent", None),
        ("ReserveEvent", "Reserve-2"),
        ("PayEvent", None),
        ("RefundEvent", None),
        ("FreeEvent", "Reserve-2"),
        ("FreeEvent", None),
    ]


async def test_what_the_script_holds_of_two_local_tries_is_told_apart(buy: Play) -> None:
    """Both go on as ordinary activities, and each answer goes to its own step."""
    async with buy(locally=timedelta(milliseconds=50)) as script:
        await script.start(BASKET)
        first, second = await script.expect_all(ReserveCommand, (ReserveCommand, "Reserve-2"))
        await until(script, SCHEDULED, SCHEDULED)
        script.answer(yes(second), to=second)
        script.answer(yes(first), to=first)
        script.answer(yes(await script.expect(PayCommand)))
        script.answer(yes(await script.expect(PayCommand, step="Pay-2")))
        assert await is_shipped(script) == ALL


async def test_each_step_is_sent_the_way_that_its_own_worker_chooses(buy: Play) -> None:
    """One was tried locally; a worker without participants takes over before its twin."""
    async with buy(locally=AT_ONCE) as script:
        await script.start(THINKS)
        await is_reserved(script)
        script.answer(yes(await script.expect(PayCommand)))
        await script.recorded()
        async with script.orchestrator_away(locally=False):
            await script.handle.signal("decide")
        script.answer(yes(await script.expect(PayCommand, step="Pay-2")))
        assert await is_shipped(script) == ALL
        assert script.history is not None
        ids = [
            event.activity_task_scheduled_event_attributes.activity_id
            for event in script.history.events
            if event.event_type == SCHEDULED
        ]
    assert ids[0] == "Pay-2"
    assert len(ids) == len(["Pay-2", "Ship", "Ship-2"])


@pytest.fixture(scope="module")
async def short_histories() -> AsyncIterator[Client]:
    """A server of its own, which calls a history long soon."""
    async with temporal_server.running(
        f"limit.historyCount.suggestContinueAsNew={SHORT}"
    ) as client:
        yield client


@pytest.mark.long
@pytest.mark.parametrize("is_refused", [False, True], ids=["bought", "taken back"])
async def test_another_run_goes_on_with_the_names_of_the_one_before(
    buy: Play, short_histories: Client, is_refused: bool
) -> None:
    """What was answered there is not sent again; what follows has its own keys."""
    async with (
        Participants(short_histories, {QUEUE: COMMANDS}) as sellers,
        buy(short_histories, sellers) as script,
    ):
        await script.start(THINKS)
        await is_reserved(script)
        script.answer(yes(await script.expect(PayCommand)))
        await until_another_run(script)
        await script.handle.signal("decide")
        payment = await script.expect(PayCommand, step="Pay-2")
        if is_refused:
            script.fail(SOLD_OUT)
            await is_taken_back(script, "Pay", "Reserve-2", "Reserve")
            assert await why_failed(script) == ("SoldOut", "Pay-2")
        else:
            script.answer(yes(payment))
            assert await is_shipped(script) == ALL
        assert len(script.runs) > 1


async def until_another_run(script: Script) -> None:
    """Send signals until the saga goes on in another run."""
    handle = script.handle
    for number in range(2 * SHORT):
        await handle.signal("note", number)
        await handle.query("stuck_steps")
        if (await handle.describe()).run_id != handle.first_execution_run_id:
            return
    raise AssertionError("it stays in its run")
