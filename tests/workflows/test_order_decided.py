"""What the saga decides is in its memo; each person's decision is in the closing command."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.common import RawValue

from contracts.acts import Act, TakenDecision, Through
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.stock import DecreaseStockCommand, RestoreStockCommand
from temporal_saga.call_state import Progress
from temporal_saga.history import project
from temporal_saga.memo import MOST_SIGNALS, TEMPORALS_CANCEL, SagaMemo
from temporal_saga.testing import Script
from tests.workflows.operators import RETRY, SETTLE, Say, each_way, until_stuck
from tests.workflows.orders import (
    AFTER_PAYMENT,
    AFTER_REGISTRATION,
    BEFORE_PIVOT,
    DECISION,
    ORDER,
    REFUSED,
    approved,
    begin_review,
    cancelled_while_it_is_paid,
    completed,
    found_on_record,
    obey,
    out_of_stock,
    payment_refused,
    refund_refused,
    take_back,
    yes,
)

WRITTEN = EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED
NO_ENCODING = RawValue(Payload(metadata={"encoding": b"binary/encrypted"}, data=b"?"))


async def memo(script: Script) -> SagaMemo:
    """Return the memo as describe has it, which needs no worker."""
    return SagaMemo.of(await (await script.handle.describe()).memo())


async def memo_writes(script: Script) -> int:
    """Return how often the saga has written its memo."""
    events = (await script.handle.fetch_history()).events
    return sum(event.event_type == WRITTEN for event in events)


def rows_of(decisions: tuple[TakenDecision, ...]) -> list[tuple[Any, ...]]:
    """Return what was decided by whom and how, without the times."""
    return [(d.act, d.by, d.step, d.evidence, d.through) for d in decisions]


@pytest.mark.parametrize("story", [completed, approved])
async def test_a_saga_that_completes_writes_no_memo(
    script: Script, story: Callable[[Script], Awaitable[None]]
) -> None:
    """Not even when a person approved it by an update, which stands in the history."""
    await story(script)
    assert await memo_writes(script) == 0


async def test_a_rollback_says_once_why_and_what_it_takes_back(script: Script) -> None:
    """Before its first compensation is answered, and in order; one event, whatever follows."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await script.handle.execute_update("request_cancel", DECISION)
    script.answer(yes(payment))
    refund = await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    async with script.orchestrator_away():
        saga_memo = await memo(script)
    assert saga_memo.failure is not None
    assert (saga_memo.failure.reason, saga_memo.failure.details) == ("CANCELLED", DECISION)
    assert [(r.step, r.command, r.settlement) for r in saga_memo.retriables] == [
        ("ProcessPayment", "RefundPayment", None),
        ("RegisterOrder", "CancelOrder", None),
    ]
    assert saga_memo.signals == ()
    script.answer(yes(refund))
    await take_back(script, CancelOrderCommand)
    await script.failed()
    assert await memo_writes(script) == 1
    assert await memo(script) == saga_memo, "the memo outlives the saga"


@pytest.mark.parametrize("story", [payment_refused, out_of_stock])
async def test_a_rollback_costs_one_event_more(
    script: Script, story: Callable[[Script], Awaitable[None]]
) -> None:
    """Whatever it takes back."""
    await story(script)
    assert await memo_writes(script) == 1


@each_way
async def test_what_is_stuck_and_settled_is_told(patient: Script, say: Say) -> None:
    """With the trouble while it is stuck, and then with the person's word; one event for each."""
    await refund_refused(patient)
    stuck_refund = (await memo(patient)).retriables[0]
    assert (stuck_refund.progress, stuck_refund.trouble) == (
        Progress.STUCK,
        "PaymentFailedEvent: no",
    )
    assert stuck_refund.stuck_since is not None
    before = await memo_writes(patient)
    await say(patient, "settle_step", SETTLE | {"attempts": 3})
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    settled_refund = (await memo(patient)).retriables[0]
    assert (settled_refund.progress, settled_refund.trouble, settled_refund.stuck_since) == (
        Progress.SETTLED,
        None,
        None,
    )
    assert settled_refund.settlement is not None
    assert (settled_refund.settlement.by, settled_refund.settlement.attempts) == ("otto", 3)
    assert await memo_writes(patient) == before + 1
    assert closing.compensations[0].settled is not None
    assert closing.compensations[0].settled.attempts == 3
    patient.answer(yes(closing))
    await patient.failed()


async def test_a_stuck_confirm_is_told_without_a_failure(patient: Script) -> None:
    """It is no rollback: only what keeps failing is told."""
    await patient.start(ORDER)
    await obey(patient, *BEFORE_PIVOT)
    await patient.expect(ConfirmOrderCommand)
    patient.fail(REFUSED)
    await until_stuck(patient)
    saga_memo = await memo(patient)
    assert saga_memo.failure is None
    assert [(r.step, r.command, r.progress) for r in saga_memo.retriables] == [
        ("ConfirmOrder", "ConfirmOrder", Progress.STUCK)
    ]
    await patient.handle.execute_update("request_retry_step", RETRY | {"step": "ConfirmOrder"})
    await obey(patient, ConfirmOrderCommand)
    await patient.completed()
    assert await memo_writes(patient) == 1


async def test_every_signal_is_told_with_what_became_of_it(script: Script) -> None:
    """Numbered as the history has them, whatever was sent, and what cannot be decoded, too."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await script.handle.signal("no_such_act", {"anything": 1})
    await script.handle.signal("cancel", NO_ENCODING)
    await script.handle.signal("cancel", {"by": "anna"})
    await script.handle.signal("settle_step", SETTLE)
    await script.handle.signal("approve", DECISION)
    await script.handle.signal("cancel", DECISION)
    await script.handle.query("status")
    outcomes = (await memo(script)).signals
    assert [(o.number, o.name) for o in outcomes] == [
        (1, "no_such_act"),
        (2, "cancel"),
        (3, "cancel"),
        (4, "settle_step"),
        (5, "approve"),
        (6, "cancel"),
    ]
    why = [o.ignored or "" for o in outcomes]
    assert why[0] == "there is no such message"
    assert why[1].startswith("it cannot be read: the argument cannot be decoded")
    assert why[2] == "it cannot be read: reason: is missing"
    assert "ProcessPayment is not stuck" in why[3]
    assert why[4] == "the order is not awaiting review, it is PENDING"
    assert why[5] == ""
    script.answer(yes(payment))
    await take_back(script, RefundPaymentCommand)
    closing = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    await script.handle.signal("cancel", DECISION)
    await script.handle.query("status")
    late = (await memo(script)).signals[-1]
    assert (late.number, late.ignored) == (7, "too late to cancel: the order is ROLLING_BACK")
    script.answer(yes(closing))
    await script.failed()


async def test_a_burst_of_signals_is_told_by_one_event(script: Script) -> None:
    """The last ones by name, of the others how many there were."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    async with script.orchestrator_away():
        for number in range(MOST_SIGNALS + 10):
            await script.handle.signal("no_such_act", number)
    await script.handle.query("status")
    saga_memo = await memo(script)
    assert (len(saga_memo.signals), saga_memo.signal_count) == (MOST_SIGNALS, MOST_SIGNALS + 10)
    assert saga_memo.signals[-1].number == MOST_SIGNALS + 10
    assert await memo_writes(script) == 1
    script.answer(yes(payment))
    await obey(script, *AFTER_PAYMENT, ConfirmOrderCommand)
    await script.completed()


async def test_a_decision_is_told_as_taken_whatever_comes_behind_it(script: Script) -> None:
    """Of a flood in one task, what was ignored is left out first."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    async with script.orchestrator_away():
        await script.handle.signal("cancel", DECISION)
        for number in range(MOST_SIGNALS + 10):
            await script.handle.signal("no_such_act", "x" * 40 + str(number))
    script.answer(yes(payment))
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    await script.failed()
    assert script.history is not None
    moments = project(script.history.events, lambda payload: json.loads(payload.data))
    decisions = [(m.name, m.ignored) for m in moments if m.kind == "decision"]
    assert decisions[0] == ("cancel", None)
    assert Counter(decisions[1:]) == {
        ("no_such_act", ""): 11,
        ("no_such_act", "there is no such message"): MOST_SIGNALS - 1,
    }


async def test_a_memo_shows_nothing_as_stuck_that_is_done_while_something_else_is_stuck(
    patient: Script,
) -> None:
    """So that readers know since when a person is needed; that costs one event."""
    await patient.start(ORDER)
    await obey(patient, RegisterOrderCommand, ProcessPaymentCommand)
    stock = await patient.expect(DecreaseStockCommand)
    await patient.handle.signal("cancel", DECISION)
    patient.answer(yes(stock))
    await patient.expect_compensation(RestoreStockCommand, of=DecreaseStockCommand)
    patient.fail(REFUSED)
    await patient.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    patient.fail(REFUSED)
    await until_stuck(patient, "ProcessPayment")
    both = await memo(patient)
    before = await memo_writes(patient)
    await patient.handle.execute_update("request_retry_step", RETRY | {"step": "DecreaseStock"})
    await take_back(patient, RestoreStockCommand)
    await patient.recorded()
    await patient.handle.query("status")
    restoration, still_stuck, _ = (await memo(patient)).retriables
    assert (restoration.progress, restoration.stuck_since) == (Progress.DONE, None)
    assert still_stuck == both.retriables[1]
    assert await memo_writes(patient) == before + 1
    await patient.handle.execute_update("request_retry_step", RETRY)
    await take_back(patient, RefundPaymentCommand, CancelOrderCommand)
    await patient.failed()
    assert await memo_writes(patient) == before + 1


async def test_temporals_own_cancel_that_comes_too_late_is_told_as_number_0(
    script: Script,
) -> None:
    """One that stops the saga is the failure; one in the rollback changed nothing."""
    await cancelled_while_it_is_paid(script)
    refund = await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    await script.handle.cancel()
    await script.handle.query("status")
    late = (await memo(script)).signals[0]
    assert (late.number, late.name) == (TEMPORALS_CANCEL, "cancel")
    assert late.ignored is not None
    script.answer(yes(refund))
    closing = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert rows_of(closing.decisions) == [(Act.CANCEL, "anna", None, None, Through.SIGNAL)]
    script.answer(yes(closing))
    await script.failed()


async def test_a_signal_in_the_last_task_is_told_too(script: Script) -> None:
    """It is read together with the answer after which the saga closes."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT)
    confirm = await script.expect(ConfirmOrderCommand)
    async with script.orchestrator_away():
        script.answer(yes(confirm))
        await script.recorded()
        await script.handle.signal("cancel", DECISION)
    await script.completed()
    [late] = (await memo(script)).signals
    assert late.ignored == "too late to cancel: the order is COMPLETED"


async def test_the_closing_command_tells_every_decision(patient: Script) -> None:
    """By signal and by update, in order: cancelled, retried, settled; what was ignored is none."""
    await refund_refused(patient)
    await patient.handle.execute_update("request_retry_step", RETRY)
    await patient.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    patient.fail(REFUSED)
    await until_stuck(patient)
    await patient.handle.signal("settle_step", SETTLE)
    await patient.handle.signal("settle_step", SETTLE | {"by": "olga"})
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert rows_of(closing.decisions) == [
        (Act.CANCEL, "anna", None, None, Through.SIGNAL),
        (Act.RETRY, "otto", "ProcessPayment", None, Through.UPDATE),
        (Act.SETTLE, "otto", "ProcessPayment", "transfer 4711", Through.SIGNAL),
    ]
    assert [d.reason for d in closing.decisions] == [
        DECISION["reason"],
        RETRY["reason"],
        SETTLE["reason"],
    ]
    assert closing.decisions_left_out == 0
    patient.answer(yes(closing))
    await patient.failed()


async def test_the_confirmation_tells_who_approved(script: Script) -> None:
    """The order's record knows it also when Temporal has forgotten the saga."""
    await begin_review(script)
    await script.handle.execute_update("request_approve", DECISION)
    await obey(script, *AFTER_REGISTRATION)
    confirm = await script.expect(ConfirmOrderCommand)
    assert rows_of(confirm.decisions) == [(Act.APPROVE, "anna", None, None, Through.UPDATE)]
    script.answer(yes(confirm))
    await script.completed()


async def test_temporals_own_cancel_is_a_decision_of_nobody_known(script: Script) -> None:
    """However it was worded; text that acts unseen is spelt out."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    await script.handle.cancel(reason="wrong\0shop")
    script.answer(yes(register))
    closing = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    [decision] = closing.decisions
    assert (decision.act, decision.by, decision.through) == ("cancel", "temporal", "temporal")
    assert decision.reason == r"wrong\x00shop"
    script.answer(yes(closing))
    await script.failed()


@each_way
async def test_a_settlement_that_a_reset_says_again_is_taken_again(
    patient: Script, say: Say
) -> None:
    """It comes before the step is stuck, and is no ignored message of the new run for that."""
    await refund_refused(patient)
    await say(patient, "settle_step", SETTLE)
    await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    await patient.reset()
    await found_on_record(patient, times=2)
    await patient.handle.query("status")
    assert [o.ignored for o in (await memo(patient)).signals if o.name == "settle_step"] in (
        [],
        [None],
    )
    await take_back(patient, RestoreStockCommand)
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert [(d.act, d.by) for d in closing.decisions] == [
        (Act.CANCEL, "anna"),
        (Act.SETTLE, "otto"),
    ]
    patient.answer(yes(closing))
    await patient.failed()
