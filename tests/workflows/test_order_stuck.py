"""Stuck: what keeps failing is shown, tried on, and put right by a person if need be.

Nothing else waits for it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.common import SearchAttributeKey

from contracts.acts import StuckStep, cannot_settle
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.states import LEGAL_MOVES, SagaState, StateMove
from contracts.stock import DecreaseStockCommand, RestoreStockCommand
from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from tests.workflows.conftest import Play
from tests.workflows.operators import (
    PATIENT,
    RETRY,
    SETTLE,
    SOON,
    Say,
    by_signal,
    by_update,
    each_way,
    refused,
    until_stuck,
)
from tests.workflows.orders import ORDER, REFUSED, cancelled_while_it_is_paid, obey, take_back, yes

EVENTS_OF_A_MESSAGE = 4
"""The message, and the workflow task that it leads to: scheduled, taken up, done."""

BRISK = replace(PATIENT, start_to_close=timedelta(seconds=1))


@pytest.fixture
async def soon(play: Play) -> AsyncIterator[Script]:
    """One order's story under the policy `SOON`."""
    async with play(policy=SOON) as script:
        yield script


async def stuck_refund(script: Script) -> None:
    """The customer cancels while the payment is under way, and its refund fails twice.

    The story goes on from here.
    """
    await cancelled_while_it_is_paid(script)
    for attempt in (1, 2):
        await script.expect_compensation(
            RefundPaymentCommand, of=ProcessPaymentCommand, attempt=attempt
        )
        script.fail(RuntimeError("the payment provider is away"))


async def shown(script: Script) -> tuple[Any, Any]:
    """Return the state and whether attention is needed, as searches and the Web UI see them."""
    attributes = (await script.handle.describe()).typed_search_attributes
    names = (
        SearchAttributeKey.for_keyword("SagaState"),
        SearchAttributeKey.for_bool("NeedsAttention"),
    )
    return attributes.get(names[0]), attributes.get(names[1])


def states(moves: tuple[StateMove, ...]) -> list[SagaState]:
    """Return the states of the moves, which must all be legal."""
    told = [move.state for move in moves]
    assert all(
        after in LEGAL_MOVES[before] for before, after in zip([None, *told], told, strict=False)
    )
    return told


async def test_a_compensation_that_keeps_failing_is_stuck_and_is_tried_on_until_it_is_done(
    soon: Script,
) -> None:
    """After the named number of tries the saga says so, and the tries go on.

    When one succeeds the rollback goes on.
    """
    await stuck_refund(soon)
    await until_stuck(soon)
    assert await shown(soon) == ("ROLLBACK_STUCK", True)
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
    assert await shown(soon) == ("ROLLING_BACK", False)
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
        assert await shown(script) == ("ROLLBACK_STUCK", True)
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
            assert await shown(script) == ("ROLLBACK_STUCK", True)
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
        why = await refused(patient, "retry_step", RETRY | {"reason": f"once more, {number}"})
        assert why == "AlreadySo: ProcessPayment is about to be tried again, by an earlier word"
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
    assert await shown(patient) == ("ROLLING_BACK", False)
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
    assert "ProcessPayment is not stuck" in await refused(patient, "retry_step", RETRY)
    await by_signal(patient, "settle_step", SETTLE)
    await patient.handle.cancel()
    patient.answer(yes(payment))
    for attempt in (1, 2):
        await patient.expect_compensation(
            RefundPaymentCommand, of=ProcessPaymentCommand, attempt=attempt
        )
        assert "ProcessPayment is not stuck: RefundPayment is RUNNING" in await refused(
            patient, "settle_step", SETTLE
        )
        patient.fail(RuntimeError("away"))
    await until_stuck(patient)
    assert "DecreaseStock is not stuck: nothing of it" in await refused(
        patient, "settle_step", SETTLE | {"step": "DecreaseStock"}
    )
    assert "evidence" in await refused(patient, "settle_step", RETRY)
    await by_update(patient, "settle_step", SETTLE)
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert "otto settled it already, paid by hand" in await refused(
        patient, "settle_step", SETTLE | {"by": "olga"}
    )
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


async def test_a_confirm_that_keeps_failing_stays_completed_and_needs_attention(
    soon: Script,
) -> None:
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


async def stuck_confirm(script: Script) -> None:
    """The order is completed, but the order service does not take its confirmation.

    The story goes on from here.
    """
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand, DecreaseStockCommand)
    await script.expect(ConfirmOrderCommand)
    script.fail(REFUSED)
    await until_stuck(script)


async def stuck_cancel(script: Script) -> None:
    """The order is cancelled at once, but the order service does not take that.

    The story goes on from here.
    """
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    await script.handle.cancel()
    script.answer(yes(register))
    await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.fail(REFUSED)
    await until_stuck(script)


CONFIRM, CANCEL = {"step": "ConfirmOrder"}, {"step": "RegisterOrder"}


async def closing(script: Script, step: dict[str, str]) -> ConfirmOrderCommand | CancelOrderCommand:
    """Expect the command that closes the record; return it."""
    if step is CONFIRM:
        return await script.expect(ConfirmOrderCommand)
    return await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)


each_closing = pytest.mark.parametrize(
    ("begin", "step"), [(stuck_confirm, CONFIRM), (stuck_cancel, CANCEL)], ids=["confirm", "cancel"]
)
Begin = Callable[[Script], Awaitable[None]]


@each_way
@each_closing
async def test_what_closes_the_record_is_sent_on_with_the_word_of_who_settled_it(
    patient: Script, say: Say, begin: Begin, step: dict[str, str]
) -> None:
    """Tried now it fails once more; settled, it is nobody's trouble any more.

    The record is closed by that person's word.
    """
    await begin(patient)
    await say(patient, "retry_step", RETRY | step)
    assert not (await closing(patient, step)).compensations[-1:] or step is CANCEL
    patient.fail(REFUSED)
    await until_stuck(patient)
    await say(patient, "settle_step", SETTLE | step)
    told = await closing(patient, step)
    assert (told.compensations[-1].state, told.compensations[-1].command) == (
        "SETTLED",
        f"{type(told).__name__}",
    )
    assert told.compensations[-1].settled is not None
    assert told.compensations[-1].settled.model_dump(exclude={"at"}, exclude_none=True) == {
        n: SETTLE[n] for n in ("by", "reason", "evidence")
    }
    states(told.moves)
    assert await shown(patient) == ("COMPLETED" if step is CONFIRM else "ROLLING_BACK", False)
    patient.answer(yes(told))
    if step is CONFIRM:
        assert (await patient.completed())["settled"][0]["by"] == "otto"
    else:
        assert (await patient.failed()).details[1][0]["by"] == "otto"
    assert (await patient.handle.query("status"))["compensations"][-1]["settled"][
        "evidence"
    ] == "transfer 4711"


@each_way
@each_closing
async def test_a_record_that_does_not_hear_of_its_settlement_calls_a_person_again(
    patient: Script, say: Say, begin: Begin, step: dict[str, str]
) -> None:
    """The order service is still away: the word stands, and nobody can say another.

    It is tried on and retried like before.
    """
    await begin(patient)
    await say(patient, "settle_step", SETTLE | step)
    for attempt in (1, 2):
        await (
            patient.expect(ConfirmOrderCommand, attempt=attempt)
            if step is CONFIRM
            else taken(patient, attempt)
        )
        patient.fail(RuntimeError("the order service is away"))
    await until_stuck(patient)
    assert await shown(patient) == ("COMPLETED" if step is CONFIRM else "ROLLBACK_STUCK", True)
    last = (await patient.handle.query("status"))["compensations"][-1]
    assert (last["state"], last["settled"]["by"]) == ("STUCK", "otto")
    said = await refused(patient, "settle_step", SETTLE | step | {"by": "olga"})
    assert (
        said == f"ValueError: otto settled {step['step']} already: "
        "what keeps failing is to put that on record"
    )
    assert said == f"ValueError: {cannot_settle(StuckStep(step['step'], 'otto'))}", "as it is shown"
    await by_signal(patient, "settle_step", SETTLE | step | {"by": "olga"})
    await say(patient, "retry_step", RETRY | step)
    told = await closing(patient, step)
    assert told.compensations[-1].settled is not None
    assert told.compensations[-1].settled.by == "otto"
    states(told.moves)
    patient.answer(yes(told))
    await (patient.completed() if step is CONFIRM else patient.failed())
    assert await shown(patient) == ("COMPLETED" if step is CONFIRM else "FAILED", False)


async def taken(script: Script, attempt: int) -> None:
    """Expect this try of the Cancel."""
    await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand, attempt=attempt)


async def test_a_confirm_that_lands_together_with_its_settlement_is_sent_on_all_the_same(
    patient: Script,
) -> None:
    """The record has to hear of it: the order service knows the command, and adds the word."""
    await stuck_confirm(patient)
    await by_update(patient, "retry_step", RETRY | CONFIRM)
    late = await patient.expect(ConfirmOrderCommand)
    async with patient.orchestrator_away():
        await by_signal(patient, "settle_step", SETTLE | CONFIRM)
        patient.answer(yes(late))
        await patient.recorded()
    told = await patient.expect(ConfirmOrderCommand)
    assert [c.state for c in told.compensations] == ["SETTLED"]
    patient.answer(yes(told))
    await patient.completed()


@each_way
@each_closing
async def test_a_retry_that_waits_for_its_round_gets_on_record(
    patient: Script, say: Say, begin: Begin, step: dict[str, str]
) -> None:
    """The command under way was sent before it: that one is answered, and one more tells of it."""
    await begin(patient)
    await say(patient, "retry_step", RETRY | step)
    first = await closing(patient, step)
    await say(patient, "retry_step", RETRY | step | {"by": "olga"})
    await patient.handle.query("status")
    patient.answer(yes(first))
    second = await closing(patient, step)
    assert [d.by for d in first.decisions if d.step] == ["otto"]
    assert [d.by for d in second.decisions if d.step] == ["otto", "olga"]
    patient.answer(yes(second))
    await (patient.completed() if step is CONFIRM else patient.failed())


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
