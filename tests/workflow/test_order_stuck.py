"""Stuck: what keeps failing is shown, tried on, and put right by a person if need be; nothing else waits for it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.common import SearchAttributeKey

from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.states import LEGAL_MOVES, SagaState, StateMove
from contracts.stock import DecreaseStockCommand, RestoreStockCommand
from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from tests.workflow.conftest import Play
from tests.workflow.operators import RETRY, SETTLE, SOON, Say, by_signal, by_update, each_way, refused, until_stuck
from tests.workflow.stories import DECISION, ORDER, REFUSED, obey, take_back, yes


@pytest.fixture
async def soon(play: Play) -> AsyncIterator[Script]:
    """One order's story under the policy `SOON`."""
    async with play(policy=SOON) as script:
        yield script


async def stuck_refund(script: Script) -> None:
    """The customer cancels while the payment is under way, and its refund fails twice; the story goes on from here."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await script.handle.signal("cancel", DECISION)
    script.answer(yes(payment))
    for attempt in (1, 2):
        await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand, attempt=attempt)
        script.fail(RuntimeError("the payment provider is away"))


async def shown(script: Script) -> tuple[Any, Any]:
    """Return the state and whether the saga needs attention, as searches and the Web UI see them."""
    attributes = (await script.handle.describe()).typed_search_attributes
    names = SearchAttributeKey.for_keyword("SagaState"), SearchAttributeKey.for_bool("NeedsAttention")
    return attributes.get(names[0]), attributes.get(names[1])


def states(moves: tuple[StateMove, ...]) -> list[SagaState]:
    """Return the states of the moves, which must all be legal."""
    told = [move.state for move in moves]
    assert all(after in LEGAL_MOVES[before] for before, after in zip([None, *told], told, strict=False))
    return told


async def test_a_compensation_that_keeps_failing_is_stuck_and_is_tried_on_until_it_is_done(soon: Script) -> None:
    """After the named number of tries the saga says so; the tries go on, and when one succeeds the rollback goes on."""
    await stuck_refund(soon)
    await until_stuck(soon)
    assert await shown(soon) == ("ROLLBACK_STUCK", True)
    await soon.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand, attempt=1)
    soon.fail(RuntimeError("still away"))
    soon.answer(yes(await soon.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand, attempt=2)))
    closing = await soon.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert await shown(soon) == ("ROLLING_BACK", False)
    assert states(closing.moves) == ["PENDING", "PAYMENT_COMPLETED", "ROLLING_BACK", "ROLLBACK_STUCK", "ROLLING_BACK"]
    soon.answer(yes(closing))
    await soon.failed()


async def test_a_participant_that_is_down_makes_no_attempts_and_is_stuck_after_a_time(play: Play) -> None:
    """Time counts as well: a refund that nobody even tries is stuck, too."""
    async with play(policy=Policy(stuck_after=timedelta(seconds=1), longest_pause=timedelta(milliseconds=50))) as script:
        await script.start(ORDER)
        await obey(script, RegisterOrderCommand)
        payment = await script.expect(ProcessPaymentCommand)
        await script.handle.cancel()
        script.answer(yes(payment))
        await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
        script.ignore()
        again = await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
        assert await shown(script) == ("ROLLBACK_STUCK", True)
        script.answer(yes(again))
        await take_back(script, CancelOrderCommand)
        await script.failed()


async def test_the_others_go_on_and_cancel_waits(patient: Script) -> None:
    """A dead stock service keeps no customer waiting for his money, and the record is closed when all is taken back."""
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
async def test_an_operator_has_it_tried_now(patient: Script, say: Say) -> None:
    """In the pause and while the server waits before its next try, a word is enough; the tries it replaces are given up."""
    await stuck_refund(patient)
    await until_stuck(patient)
    for _ in range(2):
        await say(patient, "retry_step", RETRY)
        await patient.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
        patient.fail(RuntimeError("still away"))
        assert await shown(patient) == ("ROLLBACK_STUCK", True)
    await say(patient, "retry_step", RETRY)
    await take_back(patient, RefundPaymentCommand, CancelOrderCommand)
    await patient.failed()


@each_way
async def test_an_operator_settles_it_and_the_record_names_him(patient: Script, say: Say) -> None:
    """What a person put right by hand is not tried any more, and the order's record tells who, why, when and by what evidence."""
    await stuck_refund(patient)
    await until_stuck(patient)
    await say(patient, "settle_step", SETTLE)
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert await shown(patient) == ("ROLLING_BACK", False)
    refund, cancel = closing.compensations
    assert (refund.step, refund.state, cancel.state) == ("ProcessPayment", "SETTLED", "DONE")
    assert refund.settled is not None
    assert refund.settled.model_dump(exclude={"at"}) == {name: SETTLE[name] for name in ("by", "reason", "evidence")}
    assert refund.settled.at >= closing.moves[-2].at
    patient.answer(yes(closing))
    await patient.failed()


async def test_settling_gives_up_the_tries_under_way(patient: Script) -> None:
    """The server tries what was settled no more, and an answer that comes all the same changes nothing."""
    await stuck_refund(patient)
    await until_stuck(patient)
    await by_update(patient, "retry_step", RETRY)
    late = await patient.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    await by_update(patient, "settle_step", SETTLE)
    patient.answer(yes(late))
    await take_back(patient, CancelOrderCommand)
    await patient.failed()


async def test_acts_on_what_is_not_stuck_are_told_so(patient: Script) -> None:
    """Before, beside and after: each gets a clear answer, and a signal that comes too early or too late changes nothing."""
    await patient.start(ORDER)
    await obey(patient, RegisterOrderCommand)
    payment = await patient.expect(ProcessPaymentCommand)
    assert "ProcessPayment is not stuck" in await refused(patient, "retry_step", RETRY)
    await by_signal(patient, "settle_step", SETTLE)
    await patient.handle.cancel()
    patient.answer(yes(payment))
    for attempt in (1, 2):
        await patient.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand, attempt=attempt)
        assert "ProcessPayment is not stuck: RefundPayment is RUNNING" in await refused(patient, "settle_step", SETTLE)
        patient.fail(RuntimeError("away"))
    await until_stuck(patient)
    assert "DecreaseStock is not stuck: nothing of it" in await refused(
        patient, "settle_step", SETTLE | {"step": "DecreaseStock"}
    )
    assert "evidence" in await refused(patient, "settle_step", RETRY)
    await by_update(patient, "settle_step", SETTLE)
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert "otto settled it already, paid by hand" in await refused(patient, "settle_step", SETTLE | {"by": "olga"})
    assert "otto settled it already" in await refused(patient, "retry_step", RETRY)
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
    settled = closing.compensations[0].settled
    assert settled is not None
    assert settled.by == "otto"
    patient.answer(yes(closing))
    await patient.failed()


async def test_a_confirm_that_keeps_failing_stays_completed_and_needs_attention(soon: Script) -> None:
    """The order is paid and taken from stock: nothing goes back, and a person is called."""
    await soon.start(ORDER)
    await obey(soon, RegisterOrderCommand, ProcessPaymentCommand, DecreaseStockCommand)
    for attempt in (1, 2):
        await soon.expect(ConfirmOrderCommand, attempt=attempt)
        soon.fail(RuntimeError("the order service is away"))
    await until_stuck(soon)
    assert await shown(soon) == ("COMPLETED", True)
    await obey(soon, ConfirmOrderCommand)
    await soon.completed()
    assert await shown(soon) == ("COMPLETED", False)


@each_way
async def test_the_same_two_acts_serve_a_confirm(patient: Script, say: Say) -> None:
    """Tried now it fails once more; settled, the saga completes."""
    await patient.start(ORDER)
    await obey(patient, RegisterOrderCommand, ProcessPaymentCommand, DecreaseStockCommand)
    await patient.expect(ConfirmOrderCommand)
    patient.fail(REFUSED)
    await until_stuck(patient)
    await say(patient, "retry_step", RETRY | {"step": "ConfirmOrder"})
    await patient.expect(ConfirmOrderCommand)
    patient.fail(REFUSED)
    await until_stuck(patient)
    await say(patient, "settle_step", SETTLE | {"step": "ConfirmOrder"})
    assert (await patient.completed())["state"] == "COMPLETED"
    assert await shown(patient) == ("COMPLETED", False)


async def test_a_stuck_cancel_closes_the_record_with_legal_moves(soon: Script) -> None:
    """The closing command itself may be stuck; the story that it tells when it lands is whole."""
    await soon.start(ORDER)
    register = await soon.expect(RegisterOrderCommand)
    await soon.handle.cancel()
    soon.answer(yes(register))
    for attempt in (1, 2):
        await soon.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand, attempt=attempt)
        soon.fail(RuntimeError("the order service is away"))
    closing = await soon.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert states(closing.moves) == ["PENDING", "ROLLING_BACK", "ROLLBACK_STUCK", "ROLLING_BACK"]
    soon.answer(yes(closing))
    await soon.failed()
    moves = [m["state"] for m in (await soon.handle.query("status"))["moves"]]
    assert moves == ["PENDING", "ROLLING_BACK", "ROLLBACK_STUCK", "ROLLING_BACK", "FAILED"]


async def test_a_restart_of_the_orchestrator_changes_nothing(patient: Script) -> None:
    """Stuck before, stuck afterwards, and the same acts serve."""
    await stuck_refund(patient)
    await until_stuck(patient)
    async with patient.orchestrator_away():
        pass
    await until_stuck(patient)
    assert await shown(patient) == ("ROLLBACK_STUCK", True)
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
