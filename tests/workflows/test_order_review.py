"""Review: a large order is paid only when a person lets it through.

It waits for that no longer than the review time.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationErrorCategory
from temporalio.testing import TimeSkipper

from contracts.order import (
    CancelOrderCommand,
    ConfirmOrderCommand,
    OrderRegisteredEvent,
    RegisterOrderCommand,
)
from contracts.payment import ProcessPaymentCommand
from contracts.states import OrderStatus
from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from temporal_saga.testing.histories import SCHEDULED
from tests.workflows.orders import (
    AFTER_PAYMENT,
    AFTER_REGISTRATION,
    DECISION,
    ORDER,
    approved,
    begin_review,
    obey,
    rejected,
    take_back,
    yes,
)

Say = Callable[[Script, str], Awaitable[Any]]


async def by_signal(script: Script, act: str) -> None:
    """Say it as the command line does."""
    await script.handle.signal(act, DECISION)


async def by_update(script: Script, act: str) -> None:
    """Say it as the HTTP front door does."""
    await script.handle.execute_update(f"request_{act}", DECISION)


each_way = pytest.mark.parametrize("say", [by_signal, by_update], ids=lambda way: way.__name__)


async def refusal_of(script: Script, act: str) -> str:
    """Return why the saga refuses a verdict."""
    with pytest.raises(WorkflowUpdateFailedError) as why:
        await by_update(script, act)
    return str(why.value.cause)


@each_way
async def test_an_approved_order_is_paid(script: Script, say: Say) -> None:
    """It waits in AWAITING_REVIEW, and goes on as PENDING once somebody lets it through."""
    await begin_review(script)
    await say(script, "approve")
    await obey(script, *AFTER_REGISTRATION)
    confirm = await script.expect(ConfirmOrderCommand)
    states = [move.state for move in confirm.moves]
    assert states == ["PENDING", "AWAITING_REVIEW", "PENDING", "PAYMENT_COMPLETED", "COMPLETED"]
    script.answer(yes(confirm))
    await script.completed()


@each_way
async def test_a_rejected_order_is_closed_unpaid(script: Script, say: Say) -> None:
    """Nobody is charged; the record names who said no and why; that is business, no outage."""
    await begin_review(script)
    await say(script, "reject")
    await take_back(script, CancelOrderCommand)
    error = await script.failed()
    failure = error.details[0]
    assert (failure["reason"], failure["message"], failure["details"]) == (
        "REJECTED",
        "rejected by anna: changed her mind",
        DECISION,
    )
    assert error.category == ApplicationErrorCategory.BENIGN


async def test_a_review_that_nobody_takes_in_time_rejects_the_order(
    skipping_script: Script,
) -> None:
    """After the review time, here a day, the order is closed unpaid."""
    await skipping_script.start(ORDER)
    register = await skipping_script.expect(RegisterOrderCommand)
    skipping_script.answer(OrderRegisteredEvent(order_id=register.order_id, review_seconds=86_400))
    await take_back(skipping_script, CancelOrderCommand)
    failure = (await skipping_script.failed()).details[0]
    assert (failure["reason"], failure["message"]) == (
        "REVIEW_EXPIRED",
        "nobody approved the order within 24 hours",
    )
    assert failure["details"] == {"review_seconds": 86_400}


async def test_the_clock_of_the_deadline_stands_still_during_a_review(
    temporal: Client, script: Script
) -> None:
    """An order that may take 15 minutes is approved after 20 hours, and has its 15 minutes.

    That is more than a step's limit.
    """
    await begin_review(script)
    await TimeSkipper(temporal).fast_forward(script.handle, timedelta(hours=20))
    await by_update(script, "approve")
    await obey(script, *AFTER_REGISTRATION, ConfirmOrderCommand)
    await script.completed()
    assert script.history is not None
    attributes = [
        event.activity_task_scheduled_event_attributes
        for event in script.history.events
        if event.event_type == SCHEDULED
    ]
    limits = [
        a.schedule_to_close_timeout.ToTimedelta()
        for a in attributes
        if a.activity_type.name == "ProcessPayment"
    ]
    assert limits == [Policy().forward_step]


@pytest.mark.parametrize("cancel", ["signal", "update", "temporal"])
async def test_a_cancel_ends_a_review(script: Script, cancel: str) -> None:
    """By every way, at once."""
    await begin_review(script)
    if cancel == "temporal":
        await script.handle.cancel()
    elif cancel == "signal":
        await by_signal(script, "cancel")
    else:
        await by_update(script, "cancel")
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "CANCELLED"


async def test_a_cancel_together_with_an_approval_cancels(script: Script) -> None:
    """In one workflow task, whatever came first: nobody is charged who did not want to be."""
    await begin_review(script)
    async with script.orchestrator_away():
        await by_signal(script, "approve")
        await by_signal(script, "cancel")
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "CANCELLED"


async def test_the_first_verdict_counts(script: Script) -> None:
    """A second person is told how the order stands now."""
    await begin_review(script)
    async with script.orchestrator_away():
        await by_signal(script, "reject")
        await by_signal(script, "approve")
    closing = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    message = "the order is not awaiting review, it is ROLLING_BACK"
    assert (await refusal_of(script, "approve")).endswith(message)
    script.answer(yes(closing))
    await script.failed()


@each_way
@pytest.mark.parametrize("review_seconds", [60, None], ids=["large", "small"])
async def test_a_rejection_before_the_registration_is_answered_holds(
    script: Script, say: Say, review_seconds: int | None
) -> None:
    """Whoever was told that it was taken finds the order rolled back, whatever its size."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    await say(script, "reject")
    why = "anna decided already: reject, changed her mind"
    assert (await refusal_of(script, "approve")).endswith(why)
    script.answer(OrderRegisteredEvent(order_id=register.order_id, review_seconds=review_seconds))
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "REJECTED"


@each_way
async def test_an_approval_before_the_registration_is_answered_holds(
    script: Script, say: Say
) -> None:
    """Nobody need wait for an order service that hangs, and then say it again."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    await say(script, "approve")
    script.answer(OrderRegisteredEvent(order_id=register.order_id, review_seconds=60))
    await obey(script, *AFTER_REGISTRATION, ConfirmOrderCommand)
    await script.completed()


async def test_an_order_below_the_threshold_awaits_no_verdict(script: Script) -> None:
    """Approving it is refused in words, and a signal changes nothing."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    message = "the order is not awaiting review, it is PENDING"
    assert (await refusal_of(script, "approve")).endswith(message)
    await by_signal(script, "reject")
    script.answer(yes(payment))
    await obey(script, *AFTER_PAYMENT, ConfirmOrderCommand)
    await script.completed()


async def test_a_verdict_after_the_review_ran_out_is_refused(script: Script) -> None:
    """The answer says how the order stands instead."""
    await begin_review(script, seconds=1)
    closing = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert "it is ROLLING_BACK" in await refusal_of(script, "approve")
    await by_signal(script, "approve")
    script.answer(yes(closing))
    assert (await script.failed()).details[0]["reason"] == "REVIEW_EXPIRED"


async def test_an_order_that_had_completed_before_a_reset_is_not_reviewed_again(
    script: Script,
) -> None:
    """It was let through once: nothing is sent again but what closes its record."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    answer = OrderRegisteredEvent(
        order_id=register.order_id, review_seconds=60, known=OrderStatus.CONFIRMED
    )
    script.answer(answer)
    await obey(script, ConfirmOrderCommand)
    await script.completed()


@pytest.mark.parametrize("story", [approved, rejected], ids=lambda story: story.__name__)
async def test_an_evicted_review_goes_on_where_it_was(
    play: Callable[..., Script], story: Callable[[Script], Any]
) -> None:
    """No verdict lives in the worker's memory alone."""
    async with play(max_cached_workflows=0) as script:
        await story(script)
