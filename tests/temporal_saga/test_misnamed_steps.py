"""A name that comes twice in one saga is an error at the second, never silently one effect."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus

from examples.trip_steps import CancelFlightCommand
from temporal_saga.step_names import MisnamedStep, StepNames
from temporal_saga.testing.histories import SCHEDULED
from tests.temporal_saga.basket import Basket, CorrectedBasket, PayCommand, ShipCommand, ship
from tests.temporal_saga.baskets import (
    ALL,
    all_succeed,
    is_reserved,
    is_taken_back,
    why_failed,
    yes,
)
from tests.temporal_saga.conftest import Play
from tests.temporal_saga.trip_releases import TripWithTwins, TripWithTwoWaysBack
from tests.temporal_saga.trips import (
    ORDER,
    begin_paying,
    failed_for,
    is_opened,
    take_back,
)


@pytest.mark.parametrize(
    ("first", "second"),
    [("Pay", "Pay"), ("Pay-2", "Pay-2"), ("Pay", "Reserve-2"), ("Pay", "Reserve")],
    ids=["the activity's", "its own", "another step's own", "another activity's"],
)
async def test_the_second_step_of_a_name_takes_everything_back(
    buy: Play, first: str, second: str
) -> None:
    """Nothing is sent of it."""
    async with buy() as script:
        await script.start(Basket(pay=(first, second)))
        await is_reserved(script)
        script.answer(yes(await script.expect(PayCommand, step=first)))
        await is_taken_back(script, first, "Reserve-2", "Reserve")
        assert await why_failed(script) == ("MISNAMED_STEP", None)


async def test_whoever_expects_it_is_told_why_it_does_not_come(
    buy: Play, caplog: pytest.LogCaptureFixture
) -> None:
    """By the script's error, and by the log."""
    problem = (
        "two steps of this saga are named Pay-2, and would be one effect: give each a name of its "
        "own, by Branch.to(…, step=…) or Call.to(…, step=…)"
    )
    async with buy() as script:
        await script.start(Basket(pay=("Pay-2", "Pay-2")))
        await is_reserved(script)
        script.answer(yes(await script.expect(PayCommand, step="Pay-2")))
        with pytest.raises(
            AssertionError, match=re.escape(f"rolls back: MISNAMED_STEP, {problem}")
        ):
            await script.expect(PayCommand, step="Pay-2")
    levels = [record.levelname for record in caplog.records if problem in record.message]
    assert levels == ["ERROR"]


@pytest.mark.parametrize(
    "name", ["", "2", "the pivot", "Pay/compensation", "Pay#2", "P" * 61, " Pay", "Pay\n"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    """It could be taken for another step's key, for an id of Temporal's, or for no step's."""
    with pytest.raises(MisnamedStep, match="is no name for a step"):
        StepNames().take(ship("Ship-1"), replace(ship("Ship-2"), step=name))


async def test_a_branch_with_no_name_keeps_the_others_from_being_sent(buy: Play) -> None:
    """So nothing is to be taken back."""
    async with buy() as script:
        await script.start(Basket(reserve=("Reserve", "Reserve 2")))
        assert "is no name for a step" in (await script.failed()).message
    assert script.history is not None
    assert not [event for event in script.history.events if event.event_type == SCHEDULED]


async def test_branches_of_one_name_are_not_sent_at_all(buy: Play) -> None:
    """Neither of them, so nothing is to be taken back."""
    async with buy() as script:
        await script.start(Basket(reserve=("Reserve-2", "Reserve-2")))
        assert await why_failed(script) == ("MISNAMED_STEP", None)


@pytest.mark.parametrize("ship", [("Ship-2", "Ship-2"), ("Ship", "Pay-2")])
async def test_past_the_pivot_the_second_of_a_name_leaves_the_run_open(
    buy: Play, ship: tuple[str, ...]
) -> None:
    """It cannot be left out, nor anything taken back: a corrected worker goes on with it."""
    async with buy() as script:
        await script.start(replace(Basket(), ship=ship), task_timeout=timedelta(seconds=1))
        await is_reserved(script)
        for step in ("Pay", "Pay-2"):
            script.answer(yes(await script.expect(PayCommand, step=step)))
        failed_task = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        async for event in script.handle.fetch_history_events(wait_new_event=True):
            if event.event_type == failed_task:
                break
        message = event.workflow_task_failed_event_attributes.failure.message
        assert f"two steps of this saga are named {ship[1]}, and" in message
        description = await script.handle.describe()
        assert description.status == WorkflowExecutionStatus.RUNNING
        async with script.orchestrator_away(back_as=CorrectedBasket):
            pass
        all_succeed(
            script, *await script.expect_all((ShipCommand, "Ship"), (ShipCommand, "Ship-2"))
        )
        assert len(await script.handle.result()) == len(ALL)


async def test_two_declared_steps_of_a_name_stop_the_saga_before_either(play: Play) -> None:
    """Only its record is opened, and closed again."""
    async with play(TripWithTwins) as script:
        await script.start(ORDER)
        await is_opened(script)
        assert await failed_for(script) == ("MISNAMED_STEP", None)


async def test_what_an_earlier_run_has_done_is_taken_back_all_the_same(play: Play) -> None:
    """A release with such a defect takes over, and the saga is reset."""
    async with play() as script:
        await begin_paying(script)
        async with script.orchestrator_away(back_as=TripWithTwins):
            await script.reset()
        await is_opened(script, "OPEN")
        await is_opened(script, "OPEN")
        await take_back(script, CancelFlightCommand)
        assert await failed_for(script) == ("MISNAMED_STEP", None)


async def test_a_step_is_taken_back_by_one_command(play: Play) -> None:
    """A second compensation is not silently left out: it was meant for another step."""
    async with play(TripWithTwoWaysBack) as script:
        await script.start(ORDER)
        await is_opened(script)
        await take_back(script, CancelFlightCommand)
        assert await failed_for(script) == ("MISNAMED_STEP", None)
