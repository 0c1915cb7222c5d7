"""Steps have names of their own: one activity twice is two steps, each with its own key."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload

from temporal_saga.history import project
from temporal_saga.keys import compensation_key, step_key
from temporal_saga.memo import SagaMemo
from temporal_saga.policy import Policy
from temporal_saga.step_names import activity_id, step_of
from temporal_saga.testing import Script
from temporal_saga.testing.histories import SCHEDULED
from temporal_saga.tries import tries_under_way
from tests.temporal_saga.basket import (
    Basket,
    FreeCommand,
    PayCommand,
    RefundCommand,
    ReserveCommand,
)
from tests.temporal_saga.baskets import (
    ALL,
    BROKEN,
    SOLD_OUT,
    all_succeed,
    is_bought,
    is_reserved,
    is_shipped,
    is_taken_back,
    why_failed,
    yes,
)
from tests.temporal_saga.conftest import Play

PATIENT = Policy(stuck_attempts=1, longest_pause=timedelta(hours=1))
"""Stuck after one try, and then tried when somebody says so."""


def decode(payload: Payload) -> Any:
    """Return a payload's JSON value."""
    return json.loads(payload.data)


async def memo(script: Script) -> SagaMemo:
    """Return what the saga has decided so far."""
    return SagaMemo.of(await (await script.handle.describe()).memo())


@pytest.mark.parametrize("cache", [1000, 0], ids=["cached", "evicted"])
async def test_one_activity_twice_is_two_steps_with_two_keys(buy: Play, cache: int) -> None:
    """Side by side, one after another, and past the pivot; each answer goes to its own step."""
    async with buy(max_cached_workflows=cache) as script:
        await is_bought(script)
        assert await is_shipped(script) == ALL


async def test_a_refused_step_names_itself_and_the_others_are_taken_back(buy: Play) -> None:
    """The first payment was made, the second was not: of two refunds one comes."""
    async with buy() as script:
        await script.start(Basket())
        await is_reserved(script)
        script.answer(yes(await script.expect(PayCommand)))
        await script.expect(PayCommand, step="Pay-2")
        script.fail(SOLD_OUT)
        await is_taken_back(script, "Pay", "Reserve-2", "Reserve")
        assert await why_failed(script) == ("SoldOut", "Pay-2")


async def test_a_refused_branch_is_not_taken_back_and_its_twin_is(buy: Play) -> None:
    """Side by side, whichever of the two it is."""
    async with buy() as script:
        await script.start(Basket())
        one, other = await script.expect_all(ReserveCommand, (ReserveCommand, "Reserve-2"))
        script.fail(SOLD_OUT, to=one)
        all_succeed(script, other)
        await is_taken_back(script, "Reserve-2")
        assert await why_failed(script) == ("SoldOut", "Reserve")


async def test_what_is_stuck_is_retried_and_settled_by_its_step(buy: Play) -> None:
    """Of two refunds of one activity one is settled and the other retried; the memo tells both."""
    async with buy(policy=PATIENT) as script:
        await script.start(replace(Basket(), pay=("Pay", "Pay-2", "Pay-3")))
        await is_reserved(script)
        for step in ("Pay", "Pay-2"):
            script.answer(yes(await script.expect(PayCommand, step=step)))
        await script.expect(PayCommand, step="Pay-3")
        script.fail(SOLD_OUT)
        for step in ("Pay-2", "Pay"):
            await script.expect_compensation(RefundCommand, of=step)
            script.fail(BROKEN)
        frees = [await script.expect_compensation(FreeCommand, of="Reserve-2")]
        assert await script.handle.query("stuck_steps") == ["Pay", "Pay-2"]
        await script.handle.signal("settle", "Pay-2")
        await script.handle.signal("retry", "Pay")
        refund = await script.expect_compensation(RefundCommand, of="Pay")
        assert await script.handle.query("stuck_steps") == ["Pay"]
        assert [
            (one.step, one.command, str(one.progress), one.settlement and one.settlement.by)
            for one in (await memo(script)).retriables
        ] == [
            ("Pay-2", "Refund", "SETTLED", "otto"),
            ("Pay", "Refund", "STUCK", None),
            ("Reserve-2", "Free", "RUNNING", None),
            ("Reserve", "Free", "WAITING", None),
        ]
        all_succeed(script, refund, *frees)
        await is_taken_back(script, "Reserve")
        assert await why_failed(script) == ("SoldOut", "Pay-3")


async def test_a_command_sent_again_while_the_one_before_is_open_has_another_id(buy: Play) -> None:
    """A person's request cuts the round under way off, whose activity is not closed yet."""
    async with buy(policy=PATIENT) as script:
        await script.start(Basket())
        await is_reserved(script)
        script.answer(yes(await script.expect(PayCommand)))
        await script.expect(PayCommand, step="Pay-2")
        script.fail(BROKEN)  # its outcome is unknown
        await script.expect_compensation(RefundCommand, of="Pay-2")
        script.fail(BROKEN)
        await script.expect_compensation(RefundCommand, of="Pay")
        await script.handle.signal("retry", "Pay-2")
        await script.expect_compensation(RefundCommand, of="Pay-2")
        raw = (await script.handle.describe()).raw_description
        tries = tries_under_way(raw)
        assert tries["Pay-2/compensation#2"].step == "Pay-2"
        assert {(one.command, one.step) for one in tries.values()} == {
            ("Refund", "Pay-2"),
            ("Refund", None),
        }


async def test_the_history_and_the_web_ui_tell_the_steps_apart(buy: Play) -> None:
    """By the activity's id and summary; the story names the step of a command and its answer."""
    async with buy() as script:
        await is_bought(script)
        await is_shipped(script)
        assert script.history is not None
        views = [
            (event.activity_task_scheduled_event_attributes.activity_id, summary)
            for event in script.history.events
            if event.event_type == SCHEDULED
            for summary in [decode(event.user_metadata.summary)]
        ]
        moments = project(script.history.events, decode)
    assert views == [
        ("1", "for ada"),
        ("Reserve-2", "Reserve-2: for ada"),
        ("3", "for ada"),
        ("Pay-2", "Pay-2: for ada"),
        ("5", "for ada"),
        ("Ship-2", "Ship-2: for ada"),
    ]
    assert [(m.name, m.step) for m in moments if m.command == "PayCommand"] == [
        ("PayCommand", None),
        ("PayEvent", None),
        ("PayCommand", "Pay-2"),
        ("PayEvent", "Pay-2"),
    ]


@pytest.mark.parametrize("back", [False, True], ids=["forward", "back"])
@pytest.mark.parametrize("number", [1, 2, 30])
@pytest.mark.parametrize("step", ["Ship-2", "Ship.A:7_b-", "Überweisung-2"])
def test_an_activitys_id_names_its_step(step: str, number: int, back: bool) -> None:
    """Whichever of its commands it is, and however often it was sent."""
    key = step_key("order-7", step)
    assert step_of(activity_id(step, compensation_key(key) if back else key, number)) == step


def test_an_id_of_temporals_names_no_step() -> None:
    """It is a number; a local activity's may be missing."""
    assert [step_of(id_) for id_ in ("1", "23", "")] == [None, None, None]
