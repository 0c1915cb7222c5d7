"""The order saga where the orchestrator's own worker tries the forward steps first."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from temporal_saga.testing import Script
from temporal_saga.testing.histories import SCHEDULED
from tests.workflows.conftest import Play
from tests.workflows.history_events import moments
from tests.workflows.operators import PATIENT
from tests.workflows.orders import (
    AFTER_PAYMENT,
    BEFORE_PIVOT,
    ORDER,
    completed_over_http,
    obey,
    out_of_stock,
    take_back,
    yes,
)
from tests.workflows.stored_stories import AT_ONCE, participants_gone

AWAY = RuntimeError("away")
MOST_EVENTS = 16


@pytest.fixture
async def local_script(play: Play) -> AsyncIterator[Script]:
    """One order's story, whose forward steps its orchestrator's worker tries itself."""
    async with play(locally=AT_ONCE) as script:
        yield script


def ordinary_activities(script: Script) -> list[str]:
    """Return the ordinary activities of its history, in their order."""
    assert script.history is not None
    return [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in script.history.events
        if event.event_type == SCHEDULED
    ]


def story(script: Script) -> list[tuple[str, str]]:
    """Return what its history tells, without times."""
    assert script.history is not None
    return [(moment.kind, moment.name) for moment in moments(script.history.events)]


async def test_a_completed_order_costs_few_events_and_tells_the_same_story(
    local_script: Script, play: Play
) -> None:
    """One workflow task and no ordinary activity; states, commands and events all stand there."""
    await completed_over_http(local_script)
    async with play(locally=None) as ordinary:
        await completed_over_http(ordinary)
    assert local_script.history is not None
    assert len(local_script.history.events) == 13 <= MOST_EVENTS
    assert ordinary_activities(local_script) == []
    assert story(local_script) == story(ordinary)


async def test_a_refusal_rolls_back_by_ordinary_activities(local_script: Script) -> None:
    """What must happen is tried by the server, whatever becomes of this worker."""
    await out_of_stock(local_script)
    assert ordinary_activities(local_script) == ["RefundPayment", "CancelOrder"]
    assert ("event", "StockDecreaseFailedEvent") in story(local_script)


@pytest.mark.parametrize("failing", [RegisterOrderCommand, ProcessPaymentCommand])
async def test_a_step_that_fails_here_is_sent_again_under_its_key(
    local_script: Script, failing: type
) -> None:
    """An outage is no refusal: the ordinary activity goes on, and the story says so."""
    script = local_script
    await script.start(ORDER)
    if failing is ProcessPaymentCommand:
        await obey(script, RegisterOrderCommand)
    await script.expect(failing)
    script.fail(AWAY)
    script.answer(yes(await script.expect(failing, attempt=2)))
    later_steps = BEFORE_PIVOT[BEFORE_PIVOT.index(failing) + 1 :]
    await obey(script, *later_steps, ConfirmOrderCommand)
    await script.completed()
    name = failing.__name__
    assert ordinary_activities(script) == [name.removesuffix("Command")]
    assert ("note", f"{name} failed") in story(script)
    assert story(script).count(("command", name)) == 2


async def test_a_confirm_that_fails_here_is_tried_until_it_is_done(play: Play) -> None:
    """One local try, then ordinary ones without end; those count until it is stuck."""
    async with play(locally=AT_ONCE, policy=PATIENT) as script:
        await script.start(ORDER)
        await obey(script, *BEFORE_PIVOT)
        await script.expect(ConfirmOrderCommand)
        script.fail(AWAY)
        await script.expect(ConfirmOrderCommand, attempt=2)
        script.fail(AWAY)
        script.answer(yes(await script.expect(ConfirmOrderCommand, attempt=3)))
        await script.completed()
        assert ordinary_activities(script) == ["ConfirmOrder"]


async def test_a_cancel_is_heard_while_a_step_has_no_answer(local_script: Script) -> None:
    """What is sent to the saga waits for the local try, which is short, and no longer."""
    script = local_script
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await script.handle.execute_update("request_cancel", {"by": "ann", "reason": "too slow"})
    script.answer(yes(payment))
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    failure = await script.failed()
    assert failure.message.startswith("CANCELLED")
    assert ordinary_activities(script) == ["ProcessPayment", "RefundPayment", "CancelOrder"]


async def test_a_saga_goes_on_under_a_worker_that_has_no_participants(
    local_script: Script,
) -> None:
    """Its history says how it began; what is left goes by ordinary activities."""
    script = local_script
    await participants_gone(script)
    assert ordinary_activities(script)[-2:] == ["DecreaseStock", "ConfirmOrder"]


async def test_a_saga_that_began_without_stays_without(play: Play) -> None:
    """A worker that could does not mix the ways of one run."""
    async with play(locally=None) as script:
        await script.start(ORDER)
        await obey(script, RegisterOrderCommand)
        payment = await script.expect(ProcessPaymentCommand)
        async with script.orchestrator_away(locally=True):
            script.answer(yes(payment))
        await obey(script, *AFTER_PAYMENT, ConfirmOrderCommand)
        await script.completed()
        assert len(ordinary_activities(script)) == 4


async def test_a_local_try_that_lasts_until_the_deadline_is_the_last(play: Play) -> None:
    """Nothing is sent once the deadline has passed; what may have been done is taken back."""
    async with play(locally=timedelta(seconds=10)) as script:
        await script.start(ORDER | {"deadline_seconds": 1})
        await obey(script, RegisterOrderCommand)
        await script.expect(ProcessPaymentCommand)
        script.ignore()
        await take_back(script, RefundPaymentCommand, CancelOrderCommand)
        assert (await script.failed()).message.startswith("DEADLINE_EXCEEDED")
        assert ordinary_activities(script) == ["RefundPayment", "CancelOrder"]


async def test_a_refusal_of_the_workflow_service_is_no_answer(local_script: Script) -> None:
    """A local try may fail for good without refusing: that is an outage like any other."""
    script = local_script
    await script.start(ORDER)
    await script.expect(RegisterOrderCommand)
    script.fail(ApplicationError("no such column", non_retryable=True))
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    await obey(script, *AFTER_PAYMENT, ConfirmOrderCommand)
    await script.completed()
    assert ordinary_activities(script) == ["RegisterOrder"]
