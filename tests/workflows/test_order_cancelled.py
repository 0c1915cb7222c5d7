from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from contracts.base import Command
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.stock import DecreaseStockCommand
from temporal_saga.testing import Script
from tests.workflows.orders import (
    BEFORE_PIVOT,
    DECISION,
    ORDER,
    ROLLBACK,
    ROLLBACK_FROM,
    TAKES_BACK,
    decline,
    obey,
    short,
    take_back,
    yes,
)

Cancel = Callable[[Script], Awaitable[Any]]


async def by_signal(script: Script) -> None:
    """Send what `temporal workflow signal` sends."""
    await script.handle.signal("cancel", DECISION)


async def by_update(script: Script) -> None:
    """Send what the HTTP front door sends."""
    await script.handle.execute_update("request_cancel", DECISION)


async def by_temporal(script: Script) -> None:
    """Send what `temporal workflow cancel` sends."""
    await script.handle.cancel()


each_step = pytest.mark.parametrize("step", BEFORE_PIVOT, ids=lambda step: step.__name__)
each_way = pytest.mark.parametrize(
    "cancel", [by_signal, by_update, by_temporal], ids=lambda way: way.__name__
)
each_way_without_a_worker = pytest.mark.parametrize(
    "cancel", [by_signal, by_temporal], ids=lambda way: way.__name__
)


@each_way_without_a_worker
async def test_a_cancel_before_the_first_step_leaves_only_a_closed_record(
    script: Script, cancel: Cancel
) -> None:
    """Nobody is charged and no stock moves: the order service alone hears of it."""
    async with script.orchestrator_away():
        await script.start(ORDER)
        await cancel(script)
    await obey(script, RegisterOrderCommand)
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "CANCELLED"


@each_way
@each_step
async def test_a_cancel_during_a_step_waits_for_its_end_and_takes_it_back(
    script: Script, step: type[Command], cancel: Cancel
) -> None:
    """The step under way is not cut in half: it ends, and nothing follows it.

    It is undone with all before it.
    """
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT[: BEFORE_PIVOT.index(step)])
    command = await script.expect(step)
    await cancel(script)
    script.answer(yes(command))
    await take_back(script, *ROLLBACK_FROM[step])
    failure = (await script.failed()).details[0]
    assert (failure["step"], failure["event"], failure["reason"]) == (None, None, "CANCELLED")


@each_way_without_a_worker
@each_step
async def test_a_cancel_together_with_a_success_takes_the_step_back(
    script: Script, step: type[Command], cancel: Cancel
) -> None:
    """Even when both come in one workflow task, the step is known as done, and is undone."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT[: BEFORE_PIVOT.index(step)])
    command = await script.expect(step)
    async with script.orchestrator_away():
        script.answer(yes(command))
        await script.recorded()
        await cancel(script)
    await take_back(script, *ROLLBACK_FROM[step])
    assert (await script.failed()).details[0]["reason"] == "CANCELLED"


@each_way_without_a_worker
async def test_a_cancel_just_before_a_success_in_one_workflow_task_takes_the_step_back(
    script: Script, cancel: Cancel
) -> None:
    """The other way round is no different."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    async with script.orchestrator_away():
        await cancel(script)
        script.answer(yes(payment))
        await script.recorded()
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    await script.failed()


@each_way
async def test_a_step_that_is_refused_after_a_cancel_is_the_reason_of_the_failure(
    script: Script, cancel: Cancel
) -> None:
    """What the participant said is looked at first, and what it refused is not taken back."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await cancel(script)
    script.answer(decline(payment))
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "INSUFFICIENT_FUNDS"


async def test_a_step_that_fails_after_a_cancel_is_tried_to_its_end(script: Script) -> None:
    """The cancel does not stop retries, so the outcome is known when the saga rolls back."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    await script.expect(ProcessPaymentCommand)
    await script.handle.cancel()
    script.fail(RuntimeError("the payment provider is away"))
    script.answer(yes(await script.expect(ProcessPaymentCommand, attempt=2)))
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    await script.failed()


@each_way
async def test_whoever_cancels_is_recorded(script: Script, cancel: Cancel) -> None:
    """The failure says who cancelled and why, in words and for programs."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    await cancel(script)
    script.answer(yes(register))
    closing = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.answer(yes(closing))
    await script.failed()
    message_and_details = (closing.failure.message, closing.failure.details)
    assert message_and_details == (
        ("cancelled by an operator", {"by": "temporal", "reason": ""})
        if cancel is by_temporal
        else ("cancelled by anna: changed her mind", DECISION)
    )


async def test_the_first_who_cancels_is_the_reason(script: Script) -> None:
    """A second cancel, by whatever way, changes nothing."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    await script.handle.signal("cancel", DECISION)
    await script.handle.signal("cancel", {"by": "berta", "reason": "me too"})
    await script.handle.execute_update("request_cancel", {"by": "cleo", "reason": "and me"})
    await script.handle.cancel()
    script.answer(yes(register))
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["details"] == DECISION


@pytest.mark.parametrize(
    "cancels",
    [(by_temporal,), (by_temporal, by_temporal), (by_signal,)],
    ids=["once", "twice", "signal"],
)
@pytest.mark.parametrize(
    "moment",
    ROLLBACK,
    ids=lambda c: c.__name__,
)
async def test_a_cancel_during_the_rollback_stops_nothing(
    script: Script, moment: type[Command], cancels: tuple[Cancel, ...]
) -> None:
    """Every compensation still runs, once and in order, and the reason stays the first one."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    command = await script.expect(DecreaseStockCommand)
    await script.handle.signal("cancel", {"by": "berta", "reason": "was first"})
    script.answer(yes(command))
    for undoing in ROLLBACK:
        compensation = await script.expect_compensation(undoing, of=TAKES_BACK[undoing])
        for cancel in cancels if undoing is moment else ():
            await cancel(script)
        script.answer(yes(compensation))
    assert (await script.failed()).details[0]["details"]["by"] == "berta"


async def test_cancels_at_every_compensation_stop_nothing(script: Script) -> None:
    """Temporal's cancel as often as there is something to undo, and together with each answer."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    script.answer(short(await script.expect(DecreaseStockCommand)))
    for undoing in (RefundPaymentCommand, CancelOrderCommand):
        compensation = await script.expect_compensation(undoing, of=TAKES_BACK[undoing])
        async with script.orchestrator_away():
            await script.handle.cancel()
            script.answer(yes(compensation))
            await script.recorded()
            await script.handle.cancel()
    assert (await script.failed()).details[0]["reason"] == "OUT_OF_STOCK"


@each_way_without_a_worker
async def test_a_cancel_after_the_pivot_changes_nothing(script: Script, cancel: Cancel) -> None:
    """The order is paid and taken from stock: it is confirmed and completes."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT)
    confirm = await script.expect(ConfirmOrderCommand)
    await cancel(script)
    script.answer(yes(confirm))
    assert (await script.completed())["state"] == "COMPLETED"


async def test_a_cancel_together_with_the_confirmation_changes_nothing(script: Script) -> None:
    """A cancel in one workflow task with the last answer cancels no confirmed order."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT)
    confirm = await script.expect(ConfirmOrderCommand)
    async with script.orchestrator_away():
        script.answer(yes(confirm))
        await script.recorded()
        await script.handle.cancel()
    assert (await script.completed())["state"] == "COMPLETED"


async def test_a_cancel_while_a_confirm_is_failing_does_not_stop_the_tries(script: Script) -> None:
    """After the pivot the saga only goes on."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT)
    await script.expect(ConfirmOrderCommand)
    await script.handle.cancel()
    script.fail(RuntimeError("the order service is away"))
    script.answer(yes(await script.expect(ConfirmOrderCommand, attempt=2)))
    await script.completed()


async def test_an_update_is_answered_with_the_status(script: Script) -> None:
    """Who cancels sees where the order stood."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    status = await script.handle.execute_update("request_cancel", DECISION)
    assert (status["state"], status["customer_id"], status["failure"]) == ("PENDING", "17850", None)
    script.answer(yes(register))
    await take_back(script, CancelOrderCommand)
    await script.failed()


async def test_an_update_after_the_pivot_is_refused(script: Script) -> None:
    """It is told that it comes too late, and leaves no trace in the history."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT)
    confirm = await script.expect(ConfirmOrderCommand)
    with pytest.raises(WorkflowUpdateFailedError) as error_info:
        await by_update(script)
    script.answer(yes(confirm))
    await script.completed()
    assert str(error_info.value.cause).endswith("too late to cancel: the order is COMPLETED")
    assert not [
        e
        for e in _history(script)
        if e.HasField("workflow_execution_update_accepted_event_attributes")
    ]


async def test_an_update_during_the_rollback_is_refused(script: Script) -> None:
    """It is told that the order is rolling back already."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    script.answer(decline(await script.expect(ProcessPaymentCommand)))
    cancel = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    with pytest.raises(WorkflowUpdateFailedError) as error_info:
        await by_update(script)
    script.answer(yes(cancel))
    await script.failed()
    assert str(error_info.value.cause).endswith("too late to cancel: the order is ROLLING_BACK")


def _history(script: Script) -> Any:
    assert script.history is not None
    return script.history.events
