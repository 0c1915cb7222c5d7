"""The traps of cancellation and rollback on Temporal, one test each, named after the trap: ours does not fall into it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from contracts.order import ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand
from contracts.stock import DecreaseStockCommand
from temporal_saga.keys import compensated_key
from temporal_saga.policy import Policy
from temporal_saga.testing import Participants, Script, Sent
from tests.workflows import trip
from tests.workflows.conftest import Play
from tests.workflows.heard import CLOSED
from tests.workflows.retelling import waiting
from tests.workflows.stage import RUNNER
from tests.workflows.stories import ORDER, obey, yes
from tests.workflows.trip import (
    AskWeatherCommand,
    BookRoomCommand,
    BookSeatCommand,
    BrokenTrip,
    FreeRoomCommand,
    FreeSeatCommand,
    Plan,
    PrintTicketCommand,
    Trip,
)
from tests.workflows.trips import TAKES_BACK, book, cancel, free, happened, side_by_side, until, why
from workflows.order import OrderSaga

FULL = ApplicationError("no room left", type="Full", non_retryable=True)
NUMBERS = count(1)

Prepare = Callable[..., Script]


@pytest.fixture(scope="session")
async def bookers(temporal: Client) -> AsyncIterator[Participants]:
    """Who books seats and rooms, and prints tickets."""
    async with Participants(temporal, trip.COMMANDS) as players:
        yield players


@pytest.fixture
def prepare(temporal: Client, bookers: Participants) -> Prepare:
    """Prepare scripts of trips."""
    return lambda kind=Trip, **how: Script(
        temporal,
        bookers,
        kind,
        saga_id=f"trip-{next(NUMBERS)}",
        workflow_type="Trip",
        runner=RUNNER,
        **how,
    )


@pytest.fixture
async def script(prepare: Prepare) -> AsyncIterator[Script]:
    """The story of one trip."""
    async with prepare() as story:
        yield story


async def test_except_exception_misses_a_cancel_in_a_timer(script: Script) -> None:
    """Cancelled while it waits for nothing but time, ours takes back what it has done."""
    await script.start(Plan(pause_seconds=3600))
    await book(script, BookSeatCommand)
    await script.recorded()
    await cancel(script)
    await free(script, FreeSeatCommand)
    assert await why(script) == "CANCELLED"


async def test_one_shield_is_broken_by_a_cancel_during_the_rollback(script: Script) -> None:
    """Cancelled in each compensation, as often as one likes, ours runs the next one all the same."""
    await script.start(Plan())
    await book(script, BookSeatCommand)
    await script.expect(BookRoomCommand)
    script.fail(ApplicationError("the booking system is on fire", non_retryable=True))
    for undoing in (FreeRoomCommand, FreeSeatCommand):
        await script.expect_compensation(undoing, of=TAKES_BACK[undoing])
        await cancel(script)
        await cancel(script)
        script.answer("done")
    assert await why(script) == "STEP_UNAVAILABLE"


async def test_try_cancel_takes_a_step_back_before_it_lands(script: Script) -> None:
    """Cancelled in the middle of a step, ours asks nobody to stop: the step ends, and only then is it taken back."""
    await script.start(Plan())
    await script.expect(BookSeatCommand)
    await cancel(script)
    script.answer("done")
    await free(script, FreeSeatCommand)
    await why(script)
    assert happened(script) == [
        "BookSeat sent",
        "cancelled",
        "BookSeat over",
        "FreeSeat sent",
        "FreeSeat over",
    ]


async def test_a_step_that_is_cut_off_by_its_timeout_lands_after_it_was_taken_back(
    prepare: Prepare,
) -> None:
    """Nobody can prevent that; so the compensation names the step that it takes back, and the participant's fence knows it."""
    async with prepare(
        policy=Policy(start_to_close=timedelta(seconds=1), forward_step=timedelta(seconds=1))
    ) as script:
        await script.start(Plan())
        late = await script.expect(BookSeatCommand)
        script.ignore()
        undoing = await script.expect_compensation(FreeSeatCommand, of=BookSeatCommand)
        assert compensated_key(undoing.idempotency_key) == late.idempotency_key
        script.answer("done")
        assert await why(script) == "STEP_UNAVAILABLE"


async def test_wait_cancellation_completed_loses_the_cancel(script: Script) -> None:
    """Cancelled in the middle of a step that succeeds, ours does not go on as if nothing had been said."""
    await script.start(Plan())
    await script.expect(BookSeatCommand)
    await cancel(script)
    script.answer("done")
    await free(script, FreeSeatCommand)
    assert await why(script) == "CANCELLED"
    description = await script.handle.describe()
    assert description.status == WorkflowExecutionStatus.FAILED


async def test_a_cancel_comes_together_with_the_success_of_the_step(script: Script) -> None:
    """The compensation was registered before the step, so the step is taken back."""
    await script.start(Plan())
    await script.expect(BookSeatCommand)
    async with script.orchestrator_away():
        script.answer("done")
        await script.recorded()
        await script.handle.cancel()
    await free(script, FreeSeatCommand)
    assert await why(script) == "CANCELLED"


async def test_a_second_cancel_is_never_delivered(script: Script) -> None:
    """Ours asks whether it was cancelled, and needs no second call to believe the first."""
    await script.start(Plan(pause_seconds=3600))
    await script.expect(BookSeatCommand)
    await cancel(script)
    await cancel(script)
    script.answer("done")
    await free(script, FreeSeatCommand)
    assert await why(script) == "CANCELLED"


async def test_a_cancelled_gather_loses_what_its_branches_have_done(script: Script) -> None:
    """Cancelled while two steps are under way, ours hears of both: the one that is done is taken back, the refused one is not."""
    await script.start(Plan(side_by_side=True))
    seat, room = await side_by_side(script)
    await cancel(script)
    seat.set_result("done")
    await cancel(script)
    room.set_exception(FULL)
    await free(script, FreeSeatCommand)
    assert await why(script) == "Full"


async def test_a_failing_branch_of_a_gather_leaves_the_others_running(script: Script) -> None:
    """One branch is refused at once: the rollback begins when the other has ended, and takes it back."""
    await script.start(Plan(side_by_side=True))
    seat, room = await side_by_side(script)
    room.set_exception(FULL)
    await until(script, EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED)
    await script.handle.query("__stack_trace")
    seat.set_result("done")
    await free(script, FreeSeatCommand)
    await why(script)
    assert happened(script)[-4:] == [
        "BookRoom over",
        "BookSeat over",
        "FreeSeat sent",
        "FreeSeat over",
    ]


async def test_an_execution_timeout_skips_every_compensation(script: Script) -> None:
    """Our deadline bounds the steps, and everything is taken back after it."""
    await script.start(Plan(deadline_seconds=1))
    await script.expect(BookSeatCommand)
    script.answer("done")
    await script.expect(BookRoomCommand)
    script.ignore()
    await free(script, FreeRoomCommand)
    await free(script, FreeSeatCommand)
    assert await why(script) == "DEADLINE_EXCEEDED"


async def test_an_unexpected_error_in_workflow_code_fails_the_saga_with_everything_kept(
    prepare: Prepare,
) -> None:
    """Ours stays open, and goes on where it was when a worker without the defect takes it up: here it is then cancelled."""
    async with prepare(BrokenTrip) as script:
        await script.start(Plan(), task_timeout=timedelta(seconds=1))
        await book(script, BookSeatCommand)
        await until(script, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
        assert (await script.handle.describe()).status == WorkflowExecutionStatus.RUNNING
        async with script.orchestrator_away(back_as=Trip):
            await script.handle.cancel()
        await free(script, FreeSeatCommand)
        with pytest.raises(WorkflowFailureError) as failed:
            await script.handle.result()
        assert str(failed.value.cause) == "TripFailed: CANCELLED"


async def test_an_error_in_a_handler_ends_or_wedges_the_saga(script: Script) -> None:
    """Whatever ours is told, whenever, only becomes a fact: nonsense changes nothing, and what is said twice counts once."""
    await script.start(Plan())
    await script.expect(BookSeatCommand)
    await script.handle.signal("say", args=["more", {"than": "expected"}])
    await script.handle.signal("say")
    script.answer("done")
    await script.expect_compensation(FreeSeatCommand, of=BookSeatCommand)
    await script.handle.signal("say")
    script.answer("done")
    assert await why(script) == "CHANGED_MIND"


async def test_no_handler_of_the_order_saga_falls_for_nonsense(play: Play) -> None:
    """Found by asking the workflow which signals it takes, each is sent nothing, too much and garbage; the order completes."""
    definition = workflow._Definition.from_class(OrderSaga)
    assert definition is not None
    signals = [name for name in definition.signals if name]
    assert len(signals) >= 5
    nonsense: tuple[list[Any], ...] = (
        [],
        [None],
        [7, 8],
        [{"by": 7}],
        [{"step": "NoSuchStep", "by": "o", "reason": "r", "evidence": "e"}],
    )
    async with play() as script:
        await script.start(ORDER)
        register = await script.expect(RegisterOrderCommand)
        async with script.orchestrator_away():
            for name in signals:
                for arguments in nonsense if name != "cancel" else nonsense[:-1]:
                    await script.handle.signal(name, args=arguments)
        script.answer(yes(register))
        await obey(script, ProcessPaymentCommand, DecreaseStockCommand, ConfirmOrderCommand)
        await script.completed()


async def test_a_timeout_error_of_wait_condition_fails_the_saga(script: Script) -> None:
    """Our pause ends when its time is over, and the saga goes on."""
    await script.start(Plan(pause_seconds=0.1))
    await book(script, BookSeatCommand, BookRoomCommand, PrintTicketCommand)
    assert await script.completed() == "bon voyage"


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
async def test_an_eviction_runs_what_stands_in_finally(
    prepare: Prepare, caplog: pytest.LogCaptureFixture
) -> None:
    """Thrown out of the worker's memory after every task, in a step, a pause and a rollback, ours leaves no error behind."""
    caplog.set_level(logging.WARNING)
    async with prepare(max_cached_workflows=0) as script:
        await script.start(Plan(pause_seconds=3600))
        await book(script, BookSeatCommand)
        await until(script, EventType.EVENT_TYPE_TIMER_STARTED)
        await script.handle.cancel()
        await free(script, FreeSeatCommand)
        assert await why(script) == "CANCELLED"
    assert not [record.getMessage() for record in caplog.records]


async def test_a_return_loses_what_a_handler_is_about_to_do(script: Script) -> None:
    """Somebody asked the saga something that takes time: it does not close before he is answered."""
    await script.start(Plan())
    await book(script, BookSeatCommand, BookRoomCommand)
    await script.expect(PrintTicketCommand)
    asked = asyncio.create_task(script.handle.execute_update("ask_weather"))
    await script.expect(AskWeatherCommand)
    ticket, weather = [sent.answer for sent in script._came[-2:] if isinstance(sent, Sent)]
    ticket.set_result("done")
    await until(script, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, 3)
    assert (await waiting(script))[-1].event_type not in CLOSED
    weather.set_result("sunny")
    assert await asked == "sunny"
    assert await script.completed() == "bon voyage"
