"""Stuck: what keeps failing is shown, tried on, and put right by a person if need be.

Nothing else waits for it.
"""

from dataclasses import replace
from datetime import timedelta

from contracts.order import CancelOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.stock import DecreaseStockCommand, RestoreStockCommand
from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from tests.workflows.conftest import Play
from tests.workflows.operators import (
    PATIENT,
    RETRY,
    SETTLE,
    Say,
    by_signal,
    by_update,
    each_way,
    refusal_of,
    until_stuck,
)
from tests.workflows.orders import ORDER, REFUSED, obey, take_back, yes
from tests.workflows.stuck_orders import state_and_attention, states, stuck_refund

EVENTS_OF_A_MESSAGE = 5
"""The message, the workflow task that it leads to (scheduled, taken up, done), and the memo."""

BRISK = replace(PATIENT, start_to_close=timedelta(seconds=1))


async def test_a_compensation_that_keeps_failing_is_stuck_and_is_tried_on_until_it_is_done(
    soon: Script,
) -> None:
    """After the named number of tries the saga says so, and the tries go on.

    When one succeeds the rollback goes on.
    """
    await stuck_refund(soon)
    await until_stuck(soon)
    assert await state_and_attention(soon) == ("ROLLBACK_STUCK", True)
    await soon.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand, attempt=1)
    soon.fail(RuntimeError("still away"))
    soon.answer(
        yes(
            await soon.expect_compensation(
                RefundPaymentCommand, of=ProcessPaymentCommand, attempt=2
            )
        )
    )
    closing = await soon.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert await state_and_attention(soon) == ("ROLLING_BACK", False)
    assert states(closing.moves) == [
        "PENDING",
        "PAYMENT_COMPLETED",
        "ROLLING_BACK",
        "ROLLBACK_STUCK",
        "ROLLING_BACK",
    ]
    soon.answer(yes(closing))
    await soon.failed()


async def test_a_participant_that_is_down_makes_no_attempts_and_is_stuck_after_a_time(
    play: Play,
) -> None:
    """Time counts as well: a refund that nobody even tries is stuck, too."""
    async with play(
        policy=Policy(stuck_after=timedelta(seconds=1), longest_pause=timedelta(milliseconds=50))
    ) as script:
        await script.start(ORDER)
        await obey(script, RegisterOrderCommand)
        payment = await script.expect(ProcessPaymentCommand)
        await script.handle.cancel()
        script.answer(yes(payment))
        await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
        script.ignore()
        again = await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
        assert await state_and_attention(script) == ("ROLLBACK_STUCK", True)
        script.answer(yes(again))
        await take_back(script, CancelOrderCommand)
        await script.failed()


async def test_the_others_go_on_and_cancel_waits(patient: Script) -> None:
    """A dead stock service keeps no customer waiting for his money.

    The record is closed when all is taken back.
    """
    script = patient
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    stock = await script.expect(DecreaseStockCommand)
    await script.handle.cancel()
    script.answer(yes(stock))
    await script.expect_compensation(RestoreStockCommand, of=DecreaseStockCommand)
    script.fail(REFUSED)
    await take_back(script, RefundPaymentCommand)
    await script.recorded()
    status = await script.handle.query("status")
    assert [(c["step"], c["state"]) for c in status["compensations"]] == [
        ("DecreaseStock", "STUCK"),
        ("ProcessPayment", "DONE"),
        ("RegisterOrder", "WAITING"),
    ]
    assert status["state"] == "ROLLBACK_STUCK"
    await by_signal(script, "retry_step", RETRY | {"step": "DecreaseStock"})
    await take_back(script, RestoreStockCommand, CancelOrderCommand)
    await script.failed()


@each_way
async def test_an_operator_has_it_tried_now(play: Play, say: Say) -> None:
    """In the pause and while the server waits before its next try, a word is enough.

    The tries it replaces are given up.
    """
    async with play(policy=BRISK) as script:
        await stuck_refund(script)
        await until_stuck(script)
        for _ in range(2):
            await say(script, "retry_step", RETRY)
            await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
            script.fail(RuntimeError("still away"))
            assert await state_and_attention(script) == ("ROLLBACK_STUCK", True)
        await say(script, "retry_step", RETRY)
        await take_back(script, RefundPaymentCommand, CancelOrderCommand)
        await script.failed()


async def test_however_often_it_is_said_a_try_has_its_time(patient: Script) -> None:
    """What is tried by somebody's word is not cut off by the next.

    One more word waits, others cost the message or nothing.
    """
    await stuck_refund(patient)
    await until_stuck(patient)
    await by_update(patient, "retry_step", RETRY)
    refund = await patient.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    await by_update(patient, "retry_step", RETRY | {"by": "olga"})
    before = len((await patient.handle.fetch_history()).events)
    for number in range(20):
        why = await refusal_of(patient, "retry_step", RETRY | {"reason": f"once more, {number}"})
        assert why == "AlreadySo: ProcessPayment is about to be tried again, by an earlier retry"
    assert len((await patient.handle.fetch_history()).events) == before
    for number in range(20):
        await by_signal(patient, "retry_step", RETRY | {"reason": f"once more, {number}"})
    await patient.handle.query("status")
    assert len((await patient.handle.fetch_history()).events) <= before + 20 * EVENTS_OF_A_MESSAGE
    patient.answer(yes(refund))
    await take_back(patient, CancelOrderCommand)
    await patient.failed()


@each_way
async def test_an_operator_settles_it_and_the_record_names_him(patient: Script, say: Say) -> None:
    """What a person put right by hand is not tried any more.

    The order's record tells who, why, when and by what evidence.
    """
    await stuck_refund(patient)
    await until_stuck(patient)
    await say(patient, "settle_step", SETTLE)
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert await state_and_attention(patient) == ("ROLLING_BACK", False)
    refund, cancel = closing.compensations
    assert (refund.step, refund.state, cancel.state) == ("ProcessPayment", "SETTLED", "DONE")
    assert refund.settled is not None
    assert refund.settled.model_dump(exclude={"at"}, exclude_none=True) == {
        name: SETTLE[name] for name in ("by", "reason", "evidence")
    }
    assert refund.settled.at >= closing.moves[-2].at
    patient.answer(yes(closing))
    await patient.failed()


async def test_settling_gives_up_the_tries_under_way(patient: Script) -> None:
    """The server tries a settled step no more; an answer that comes anyway changes nothing."""
    await stuck_refund(patient)
    await until_stuck(patient)
    await by_update(patient, "retry_step", RETRY)
    late = await patient.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    await by_update(patient, "settle_step", SETTLE)
    patient.answer(yes(late))
    await take_back(patient, CancelOrderCommand)
    await patient.failed()


async def test_acts_on_what_is_not_stuck_are_told_so(patient: Script) -> None:
    """Before, beside and after: each gets a clear answer.

    A signal that comes too early or too late changes nothing.
    """
    await patient.start(ORDER)
    await obey(patient, RegisterOrderCommand)
    payment = await patient.expect(ProcessPaymentCommand)
    assert "ProcessPayment is not stuck" in await refusal_of(patient, "retry_step", RETRY)
    await by_signal(patient, "settle_step", SETTLE)
    await patient.handle.cancel()
    patient.answer(yes(payment))
    for attempt in (1, 2):
        await patient.expect_compensation(
            RefundPaymentCommand, of=ProcessPaymentCommand, attempt=attempt
        )
        assert "ProcessPayment is not stuck: RefundPayment is RUNNING" in await refusal_of(
            patient, "settle_step", SETTLE
        )
        patient.fail(RuntimeError("away"))
    await until_stuck(patient)
    assert "DecreaseStock is not stuck: nothing of it" in await refusal_of(
        patient, "settle_step", SETTLE | {"step": "DecreaseStock"}
    )
    assert "evidence" in await refusal_of(patient, "settle_step", RETRY)
    await by_update(patient, "settle_step", SETTLE)
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert "otto settled it already, paid by hand" in await refusal_of(
        patient, "settle_step", SETTLE | {"by": "olga"}
    )
    assert "otto settled it already" in await refusal_of(patient, "retry_step", RETRY)
    patient.answer(yes(closing))
    await patient.failed()


async def test_of_two_operators_at_once_the_first_settles(patient: Script) -> None:
    """Both words reach the saga in one workflow task; the record names the first."""
    await stuck_refund(patient)
    await until_stuck(patient)
    async with patient.orchestrator_away():
        await by_signal(patient, "settle_step", SETTLE)
        await by_signal(patient, "settle_step", SETTLE | {"by": "olga"})
        await by_signal(patient, "retry_step", RETRY)
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    settlement = closing.compensations[0].settled
    assert settlement is not None
    assert settlement.by == "otto"
    patient.answer(yes(closing))
    await patient.failed()


async def test_a_restart_of_the_orchestrator_changes_nothing(patient: Script) -> None:
    """Stuck before, stuck afterwards, and the same acts serve."""
    await stuck_refund(patient)
    await until_stuck(patient)
    async with patient.orchestrator_away():
        pass
    await until_stuck(patient)
    assert await state_and_attention(patient) == ("ROLLBACK_STUCK", True)
    await by_update(patient, "retry_step", RETRY)
    await take_back(patient, RefundPaymentCommand, CancelOrderCommand)
    await patient.failed()


async def test_no_cancel_stops_what_is_stuck(patient: Script) -> None:
    """In the pause and in a round, by Temporal's cancel, once and twice."""
    await stuck_refund(patient)
    await until_stuck(patient)
    await patient.handle.cancel()
    await by_update(patient, "retry_step", RETRY)
    refund = await patient.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    await patient.handle.cancel()
    await by_signal(patient, "cancel", {"by": "anna", "reason": "again"})
    patient.answer(yes(refund))
    await take_back(patient, CancelOrderCommand)
    await patient.failed()
