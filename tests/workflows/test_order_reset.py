"""Orders whose saga was reset, or whose id was used before.

What an earlier run did is neither forgotten nor done twice.
"""

import pytest
from temporalio.exceptions import ApplicationError

from contracts.order import (
    CancelOrderCommand,
    ConfirmOrderCommand,
    OrderRegisteredEvent,
    OrderRejectedEvent,
    RegisterOrderCommand,
)
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.states import OrderStatus
from contracts.stock import DecreaseStockCommand, RestoreStockCommand
from temporal_saga.testing import Script
from tests.workflows.conftest import Play
from tests.workflows.operators import (
    RETRY,
    SETTLE,
    SOON,
    Say,
    by_signal,
    by_update,
    each_way,
    refusal_of,
    until_stuck,
)
from tests.workflows.orders import (
    DECISION,
    ORDER,
    REFUSED,
    ROLLBACK,
    decline,
    found_on_record,
    obey,
    short,
    take_back,
    yes,
)


async def test_a_run_that_finds_its_order_registered_takes_everything_back(script: Script) -> None:
    """What an earlier run did is unknown, so its steps are compensated too.

    Even if this one was refused at the first of them.
    """
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    script.answer(OrderRegisteredEvent(order_id=register.order_id, known=OrderStatus.PENDING))
    script.answer(decline(await script.expect(ProcessPaymentCommand)))
    await script.expect(RegisterOrderCommand)
    script.answer(OrderRegisteredEvent(order_id=register.order_id, known=OrderStatus.PENDING))
    await take_back(script, *ROLLBACK)
    assert (await script.failed()).details[0]["reason"] == "INSUFFICIENT_FUNDS"


async def test_what_this_run_did_itself_is_taken_back_once(script: Script) -> None:
    """A step taken before the earlier run was asked for has its compensation already.

    It gets no second one.
    """
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    pending_order = OrderRegisteredEvent(order_id=register.order_id, known=OrderStatus.PENDING)
    script.answer(pending_order)
    await obey(script, ProcessPaymentCommand)
    script.answer(short(await script.expect(DecreaseStockCommand)))
    await script.expect(RegisterOrderCommand)
    script.answer(pending_order)
    await take_back(script, RestoreStockCommand, RefundPaymentCommand)
    closing = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert [c.step for c in closing.compensations] == [
        "DecreaseStock",
        "ProcessPayment",
        "RegisterOrder",
    ]
    script.answer(yes(closing))
    await script.failed()


async def test_an_order_that_had_completed_is_past_its_pivot(script: Script) -> None:
    """Found confirmed, it is stopped by no cancel: nothing is sent again but the confirmation."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    await script.handle.signal("cancel", DECISION)
    await script.handle.cancel()
    answer = OrderRegisteredEvent(order_id=register.order_id, known=OrderStatus.CONFIRMED)
    script.answer(answer)
    await obey(script, ConfirmOrderCommand)
    assert (await script.completed())["state"] == "COMPLETED"


async def test_an_order_that_had_completed_is_not_reviewed_again(script: Script) -> None:
    """It was let through before, and waits for nobody."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    script.answer(
        OrderRegisteredEvent(
            order_id=register.order_id, known=OrderStatus.CONFIRMED, review_seconds=60
        )
    )
    confirm = await script.expect(ConfirmOrderCommand)
    assert "is COMPLETED" in await refusal_of(script, "approve", DECISION)
    assert "is COMPLETED" in await refusal_of(script, "cancel", DECISION)
    script.answer(yes(confirm))
    await script.completed()


async def test_how_an_earlier_run_ended_is_asked_until_it_is_known(play: Play) -> None:
    """An order service that is away decides nothing: no refund or completion rests on a guess."""
    async with play(policy=SOON) as script:
        await script.start(ORDER)
        register = await script.expect(RegisterOrderCommand)
        answer = OrderRegisteredEvent(order_id=register.order_id, known=OrderStatus.CONFIRMED)
        script.answer(answer.model_copy(update={"known": OrderStatus.PENDING}))
        script.answer(decline(await script.expect(ProcessPaymentCommand)))
        for _ in range(2):
            await script.expect(RegisterOrderCommand)
            script.fail(ApplicationError("the disk is gone", type="Broken", non_retryable=True))
        await script.expect(RegisterOrderCommand)
        script.answer(answer)
        await obey(script, ConfirmOrderCommand)
        await script.completed()


@pytest.mark.parametrize("pending_order", [OrderStatus.PENDING, OrderStatus.CONFIRMED, None])
async def test_a_run_that_cannot_register_finds_out_first_whether_there_was_another(
    script: Script, pending_order: OrderStatus | None
) -> None:
    """Without an answer to its first step it knows of no earlier run.

    That run may have charged the customer all the same.
    """
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    script.fail(ApplicationError("the disk is gone", type="Broken", non_retryable=True))
    await script.expect(RegisterOrderCommand)
    script.answer(OrderRegisteredEvent(order_id=register.order_id, known=pending_order))
    if pending_order is OrderStatus.CONFIRMED:
        await obey(script, ConfirmOrderCommand)
        await script.completed()
        return
    earlier = (RestoreStockCommand, RefundPaymentCommand) if pending_order else ()
    await take_back(script, *earlier, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "STEP_UNAVAILABLE"


async def nobody_answers(script: Script) -> None:
    """Nobody knows whether the order is on record, and the order service keeps failing."""
    await script.start(ORDER)
    for _ in range(2):
        await script.expect(RegisterOrderCommand)
        script.fail(ApplicationError("the disk is gone", type="Broken", non_retryable=True))
    await until_stuck(script)
    status = await script.handle.query("status")
    assert (status["state"], status["needs_attention"]) == ("PENDING", True)


@each_way
async def test_who_waits_for_the_order_service_calls_a_person_who_has_it_asked_again(
    patient: Script, say: Say
) -> None:
    """It is stuck like a compensation, and tried on like one."""
    await nobody_answers(patient)
    await say(patient, "retry_step", RETRY | {"step": "RegisterOrder"})
    await obey(patient, RegisterOrderCommand)
    await take_back(patient, CancelOrderCommand)
    await patient.failed()


@each_way
async def test_a_person_may_know_instead_of_the_order_service(patient: Script, say: Say) -> None:
    """What an earlier run did is unknown then, and is taken back.

    The record is closed by that person's word.
    """
    await nobody_answers(patient)
    await say(patient, "settle_step", SETTLE | {"step": "RegisterOrder"})
    await take_back(patient, RestoreStockCommand, RefundPaymentCommand)
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert [(c.step, c.settled and c.settled.by) for c in closing.compensations][-1] == (
        "RegisterOrder",
        "otto",
    )
    patient.answer(yes(closing))
    assert [settlement["step"] for settlement in (await patient.failed()).details[1]] == [
        "RegisterOrder"
    ]


async def test_a_run_whose_order_was_taken_back_before_takes_back_what_it_did(
    script: Script,
) -> None:
    """The order service says that it was cancelled: there is nothing to complete.

    Its own steps are compensated.
    """
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    script.answer(OrderRegisteredEvent(order_id=register.order_id, known=OrderStatus.PENDING))
    payment = await script.expect(ProcessPaymentCommand)
    await script.handle.cancel()
    script.answer(yes(payment))
    await script.expect(RegisterOrderCommand)
    script.answer(
        OrderRejectedEvent(
            order_id=register.order_id, reason="ALREADY_COMPENSATED", message="it came too late"
        )
    )
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "CANCELLED"


async def test_a_run_that_does_not_own_its_order_takes_nothing_back(script: Script) -> None:
    """A saga whose id belongs to another order must not refund that one, reset or not."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    script.answer(
        OrderRejectedEvent(
            order_id=register.order_id, reason="ORDER_ID_REUSED", message="it is somebody else's"
        )
    )
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "ORDER_ID_REUSED"


async def settled_and_still_open(script: Script, say: Say) -> None:
    """A person settles the refund, while the stock is still to be restored."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    stock = await script.expect(DecreaseStockCommand)
    await script.handle.signal("cancel", DECISION)
    script.answer(yes(stock))
    await script.expect_compensation(RestoreStockCommand, of=DecreaseStockCommand)
    script.fail(REFUSED)
    await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    script.fail(REFUSED)
    await script.recorded()
    await until_stuck(script, "ProcessPayment")
    await say(script, "settle_step", SETTLE)


@each_way
@pytest.mark.parametrize("resets", [1, 2])
async def test_what_was_settled_stays_settled_after_a_reset(
    patient: Script, say: Say, resets: int
) -> None:
    """The reset says the settlement again before the step is stuck: no refund on top of it.

    The record names the person.
    """
    await settled_and_still_open(patient, say)
    await patient.reset()
    for _ in range(resets - 1):
        await patient.expect(RegisterOrderCommand)
        await patient.reset()
    await found_on_record(patient, times=2)
    await take_back(patient, RestoreStockCommand)
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    outcomes = {c.step: (c.state, c.settled and c.settled.by) for c in closing.compensations}
    assert outcomes["ProcessPayment"] == ("SETTLED", "otto")
    assert outcomes["DecreaseStock"] == ("DONE", None)
    patient.answer(yes(closing))
    assert [settlement["step"] for settlement in (await patient.failed()).details[1]] == [
        "ProcessPayment"
    ]


@each_way
async def test_a_reset_to_where_the_compensation_began_keeps_the_settlement_too(
    patient: Script, say: Say
) -> None:
    """The new run hears that it was settled in the task in which it would command the refund."""
    await settled_and_still_open(patient, say)
    await patient.reset(at=RefundPaymentCommand)
    await until_stuck(patient, "DecreaseStock")
    await say(patient, "retry_step", RETRY | {"step": "DecreaseStock"})
    await take_back(patient, RestoreStockCommand)
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert [(c.step, c.state) for c in closing.compensations][:2] == [
        ("DecreaseStock", "DONE"),
        ("ProcessPayment", "SETTLED"),
    ]
    patient.answer(yes(closing))
    await patient.failed()


async def test_after_a_reset_too_nobody_settles_what_is_done_or_settled(patient: Script) -> None:
    """A settlement may come early then, but not twice, and not of what was taken back."""
    await settled_and_still_open(patient, by_update)
    await patient.reset()
    await found_on_record(patient, times=2)
    await take_back(patient, RestoreStockCommand)
    closing = await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    assert "otto settled it already" in await refusal_of(
        patient, "settle_step", SETTLE | {"by": "olga"}
    )
    assert "RestoreStock is DONE" in await refusal_of(
        patient, "settle_step", SETTLE | {"step": "DecreaseStock"}
    )
    patient.answer(yes(closing))
    await patient.failed()


@pytest.mark.parametrize("at", [None, ProcessPaymentCommand])
async def test_after_a_reset_nobody_settles_what_is_not_stuck(
    patient: Script, at: type | None
) -> None:
    """Only what the reset itself says again comes early.

    Later words are refused, and signals ignored, as in any run.
    """
    await patient.start(ORDER)
    await obey(patient, RegisterOrderCommand)
    await patient.expect(ProcessPaymentCommand)
    await patient.reset(at)
    if at is None:
        await found_on_record(patient)
    payment = await patient.expect(ProcessPaymentCommand)
    for step in ("ProcessPayment", "ConfirmOrder", "Rubbish"):
        assert "is not stuck" in await refusal_of(patient, "settle_step", SETTLE | {"step": step})
        await by_signal(patient, "settle_step", SETTLE | {"step": step})
    patient.answer(decline(payment))
    await found_on_record(patient)
    await take_back(patient, *ROLLBACK)
    await patient.failed()


@each_way
async def test_what_was_taken_back_by_hand_does_not_complete_after_a_reset(
    patient: Script, say: Say
) -> None:
    """The customer has the money back by other means: the new run stops before its next step.

    It says on whose word.
    """
    await patient.start(ORDER)
    await obey(patient, RegisterOrderCommand, ProcessPaymentCommand)
    patient.answer(short(await patient.expect(DecreaseStockCommand)))
    await patient.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    patient.fail(REFUSED)
    await until_stuck(patient, "ProcessPayment")
    await say(patient, "settle_step", SETTLE)
    await patient.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    await patient.reset()
    await found_on_record(patient, times=2)
    await take_back(patient, RestoreStockCommand, CancelOrderCommand)
    failure, settlements = (await patient.failed()).details
    assert failure["message"] == "otto had taken back ProcessPayment by hand: paid by hand"
    assert [one["step"] for one in settlements] == ["ProcessPayment"]
