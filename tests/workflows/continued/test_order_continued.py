"""Floods: whatever is sent to a saga, its histories stay short, and it ends as without them."""

import asyncio
import logging
from datetime import UTC, timedelta
from itertools import pairwise

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError

from contracts import stubs
from contracts.order import (
    CancelOrderCommand,
    ConfirmOrderCommand,
    OrderRegisteredEvent,
    RegisterOrderCommand,
)
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.states import LEGAL_MOVES, OrderStatus, SagaState, StateMove
from contracts.stock import DecreaseStockCommand, RestoreStockCommand
from operations.up.temporal_server import MOST_SIGNALS
from temporal_saga.memo import MEMO_KEY, SagaMemo
from temporal_saga.testing import Script
from temporal_saga.testing.histories import ENDED
from tests.workflows.continued.floods import (
    AWAY,
    away,
    first_start,
    flood,
    flood_into_next_run,
    stuck_refund,
    until_next_run,
)
from tests.workflows.operators import RETRY, SETTLE, until_stuck
from tests.workflows.orders import (
    AFTER_PAYMENT,
    AFTER_REGISTRATION,
    BEFORE_PIVOT,
    DECISION,
    ORDER,
    obey,
    short,
    take_back,
    yes,
)


def states(moves: tuple[StateMove, ...]) -> list[str]:
    """Return the states, after checking that each move is legal and not before the last."""
    for before, after in pairwise(moves):
        assert after.state in LEGAL_MOVES[before.state]
        assert before.at <= after.at
    return [str(move.state) for move in moves]


@pytest.mark.long
async def test_a_stuck_rollback_goes_on_to_its_end(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    """The refund is made when payment is back.

    The record's story has no gap, and knows who cancelled and when it was placed; the log's last
    line says how long ago that was.
    """
    caplog.set_level(logging.INFO, "order")
    await stuck_refund(script)
    placed_at = await first_start(script)
    async with away(script, RefundPaymentCommand):
        await until_stuck(script)
        await flood_into_next_run(script)
        description = await script.handle.describe()
        assert description.typed_search_attributes[stubs.SAGA_STATE] == "ROLLBACK_STUCK"
        assert description.typed_search_attributes[stubs.NEEDS_ATTENTION] is True
        memo = dict(await description.memo())
        saga_memo = SagaMemo.of(memo)
        assert [(r.step, r.progress) for r in saga_memo.retriables] == [
            ("ProcessPayment", "STUCK"),
            ("RegisterOrder", "WAITING"),
        ]
        assert saga_memo.failure is not None
        assert all(signal.number > 0 for signal in saga_memo.signals)
        del memo[MEMO_KEY]
        assert memo == {"fingerprint": "f", "request_key": "key-7"}
    closing = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert (closing.placed_at, closing.request_key) == (placed_at, "key-7")
    assert states(closing.moves) == [
        "PENDING",
        "PAYMENT_COMPLETED",
        "ROLLING_BACK",
        "ROLLBACK_STUCK",
        "ROLLING_BACK",
    ]
    assert (closing.failure.reason, closing.failure.details) == ("CANCELLED", DECISION)
    assert [(c.step, c.state) for c in closing.compensations] == [
        ("ProcessPayment", "DONE"),
        ("RegisterOrder", "DONE"),
    ]
    script.answer(yes(closing))
    assert (await script.failed()).details[0]["message"] == "cancelled by anna: changed her mind"
    assert len(script.runs) > 1
    [*_, ended_at] = [
        event.event_time.ToDatetime(UTC)
        for event in script.runs[-1].events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
    ]
    line = f"FAILED CANCELLED in {(ended_at - placed_at).total_seconds():.1f} s"
    lines = [entry.message for entry in caplog.records if entry.name == "order"]
    assert [one.partition(" ")[2] for one in lines] == [line]


@pytest.mark.long
async def test_what_was_settled_stays_settled_and_what_is_done_is_not_done_again(
    script: Script,
) -> None:
    """Stock is put back, the refund is settled by hand.

    In the runs that follow nothing but the closing command is sent.
    """
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    stock = await script.expect(DecreaseStockCommand)
    await script.handle.signal("cancel", DECISION)
    script.answer(yes(stock))
    await take_back(script, RestoreStockCommand)
    closing: list[CancelOrderCommand] = []
    back = asyncio.Event()

    async def keep_books() -> None:
        async for command in script.commands(RefundPaymentCommand, CancelOrderCommand):
            if back.is_set() and isinstance(command, CancelOrderCommand):
                closing.append(command)
                script.answer(yes(command), to=command)
            else:
                script.fail(AWAY, to=command)

    books = asyncio.create_task(keep_books())
    await until_stuck(script, "ProcessPayment")
    await script.handle.execute_update("request_settle_step", SETTLE)
    await until_stuck(script, "RegisterOrder")
    await flood(script)
    back.set()
    await books
    outcomes = {c.step: (c.state, c.settled and c.settled.by) for c in closing[-1].compensations}
    expected = {
        "DecreaseStock": ("DONE", None),
        "ProcessPayment": ("SETTLED", "otto"),
        "RegisterOrder": ("DONE", None),
    }
    assert outcomes == expected
    answers = {c.step: c.answer for c in closing[-1].compensations if c.answer}
    assert answers == {"DecreaseStock": {"restored": True}}
    assert states(closing[-1].moves)[-1] == "ROLLING_BACK"
    assert [one["step"] for one in (await script.failed()).details[1]] == ["ProcessPayment"]
    assert len(script.runs) > 1


@pytest.mark.long
async def test_a_review_goes_on_with_the_time_that_is_left(script: Script) -> None:
    """Nobody decides; the order closes when its own review time is over, not its last run's."""
    await script.start(ORDER)
    began = await first_start(script)
    register = await script.expect(RegisterOrderCommand)
    script.answer(OrderRegisteredEvent(order_id=register.order_id, review_seconds=5))
    await flood_into_next_run(script)
    closing = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert timedelta(seconds=5) <= closing.moves[-1].at - began < timedelta(seconds=8)
    assert states(closing.moves) == ["PENDING", "AWAITING_REVIEW", "ROLLING_BACK"]
    script.answer(yes(closing))
    assert (await script.failed()).details[0]["reason"] == "REVIEW_EXPIRED"
    assert len(script.runs) > 1


async def test_a_review_is_decided_in_a_later_run(script: Script) -> None:
    """And its order completes, with every move on record, and no command sent twice."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    script.answer(OrderRegisteredEvent(order_id=register.order_id, review_seconds=60))
    await flood_into_next_run(script)
    await script.handle.execute_update("request_approve", DECISION)
    await obey(script, *AFTER_REGISTRATION)
    confirm = await script.expect(ConfirmOrderCommand)
    assert states(confirm.moves) == [
        "PENDING",
        "AWAITING_REVIEW",
        "PENDING",
        "PAYMENT_COMPLETED",
        "COMPLETED",
    ]
    script.answer(yes(confirm))
    await script.completed()
    assert len(script.runs) > 1


@pytest.mark.long
async def test_a_stuck_confirm_goes_on_past_the_pivot(script: Script) -> None:
    """Nothing is taken back, whoever cancels in whatever run."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT)
    async with away(script, ConfirmOrderCommand):
        await until_stuck(script)
        await flood_into_next_run(script)
        await script.handle.signal("cancel", DECISION)
        await script.handle.cancel()
    assert (await script.completed())["state"] == "COMPLETED"
    assert len(script.runs) > 1


@pytest.mark.long
async def test_the_first_step_is_asked_on(script: Script) -> None:
    """Nobody knows whether the order is on record; in the end it had completed."""
    await script.start(ORDER)
    await script.expect(RegisterOrderCommand)
    script.fail(ApplicationError("the disk is gone", type="Broken", non_retryable=True))
    async with away(script, RegisterOrderCommand, known_status=OrderStatus.CONFIRMED):
        await until_stuck(script)
        await flood_into_next_run(script)
    await obey(script, ConfirmOrderCommand)
    assert (await script.completed())["state"] == "COMPLETED"
    assert len(script.runs) > 1


@pytest.mark.long
async def test_a_step_under_way_is_waited_for(script: Script) -> None:
    """The history gets long during the payment, which is charged by one command.

    The next step is another run's.
    """
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await flood(script)
    script.answer(yes(payment))
    stock = await script.expect(DecreaseStockCommand)
    script.answer(short(stock))
    await take_back(script, RefundPaymentCommand)
    closing = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert states(closing.moves) == ["PENDING", "PAYMENT_COMPLETED", "ROLLING_BACK"]
    assert closing.failure.reason == "OUT_OF_STOCK"
    script.answer(yes(closing))
    await script.failed()
    assert len(script.runs) > 1


@pytest.mark.long
@pytest.mark.parametrize("by_temporal", [False, True])
async def test_a_cancel_is_not_forgotten_between_two_runs(
    script: Script, by_temporal: bool
) -> None:
    """It came while the payment was under way, in the middle of a flood.

    What is paid is refunded, and nothing else begins.
    """
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await flood(script, 2)
    await (script.handle.cancel() if by_temporal else script.handle.signal("cancel", DECISION))
    await flood(script, 1)
    script.answer(yes(payment))
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "CANCELLED"
    assert len(script.runs) > 1


@pytest.mark.long
async def test_large_messages_do_not_end_a_saga_whose_step_is_under_way(
    patient_script: Script,
) -> None:
    """Before the server's limit of 50 MB another run asks for the step again, under the same key.

    So nothing is lost.
    """
    script = patient_script
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    async with away(script, ProcessPaymentCommand):
        for number in range(20):
            await script.handle.signal("no_such_act", str(number % 10) * 1_000_000)
        await until_next_run(script)
    await obey(script, *AFTER_PAYMENT, ConfirmOrderCommand)
    await script.completed()
    assert [event for event in script.runs[0].events if event.event_type in ENDED][1:] == []


@pytest.mark.long
async def test_a_reset_of_a_later_run_keeps_what_was_settled_in_an_earlier_one(
    script: Script,
) -> None:
    """The operator's word stands in what the run was told when it began."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    stock = await script.expect(DecreaseStockCommand)
    await script.handle.signal("cancel", DECISION)
    script.answer(yes(stock))
    kinds = (RegisterOrderCommand, RestoreStockCommand, RefundPaymentCommand)
    async with away(script, *kinds, known_status=OrderStatus.PENDING):
        await until_stuck(script, "ProcessPayment")
        await script.handle.execute_update("request_settle_step", SETTLE)
        await flood_into_next_run(script)
        await until_stuck(script, "DecreaseStock")
        await script.reset()
        await until_stuck(script, "DecreaseStock")
    closing = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert {c.step: c.state for c in closing.compensations}["ProcessPayment"] == "SETTLED"
    states(closing.moves)
    script.answer(yes(closing))
    await script.failed()
    assert len(script.runs) > 1


async def test_nobody_tells_a_saga_by_hand_what_a_run_before_it_did(script: Script) -> None:
    """A second argument is an invalid start, unless another run gave it."""
    moves = [{"state": SagaState.COMPLETED, "cause": "me", "at": "2026-01-01T00:00:00Z"}]
    carried_state = {
        "saga": {"closing": True},
        "record": {"placed_at": "2026-01-01T00:00:00Z", "moves": moves, "failure": None},
    }
    await script.start(ORDER, carried_state)
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "INVALID_ORDER"


@pytest.mark.long
async def test_what_comes_while_nobody_is_there_is_read_in_one_task(patient: Script) -> None:
    """A burst as large as a run takes, and the server refuses more: it is read in time.

    The next run takes as many again.
    """
    await stuck_refund(patient)
    for attempt in (1, 2):
        await patient.expect_compensation(
            RefundPaymentCommand, of=ProcessPaymentCommand, attempt=attempt
        )
        patient.fail(AWAY)
    await until_stuck(patient)
    async with patient.orchestrator_away():
        words = (RETRY | {"reason": f"once more, {number}"} for number in range(MOST_SIGNALS + 10))
        signals = [patient.handle.signal("retry_step", word) for word in words]
        answers = await asyncio.gather(*signals, return_exceptions=True)
    assert 1 <= len([answer for answer in answers if answer is not None]) < 20
    async with away(patient, RefundPaymentCommand):
        await until_next_run(patient)
        await patient.handle.signal("retry_step", RETRY)
    await take_back(patient, CancelOrderCommand)
    await patient.failed()
    assert len(patient.runs) == 2
