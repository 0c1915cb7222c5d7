from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.testing import TimeSkipper

from contracts.base import Command
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.stock import DecreaseStockCommand, RestoreStockCommand, StockLine
from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from tests.workflows.orders import (
    BEFORE_PIVOT,
    ORDER,
    REFUSED,
    ROLLBACK,
    TAKES_BACK,
    TOTAL_MINOR,
    decline,
    obey,
    take_back,
    yes,
)


async def begin_rollback(script: Script) -> None:
    """Let all three steps be done, and the saga be cancelled."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
    stock = await script.expect(DecreaseStockCommand)
    await script.handle.cancel()
    script.answer(yes(stock))


async def test_a_rollback_runs_in_reverse_in_the_words_of_the_steps(script: Script) -> None:
    """What was done last is undone first, for the same lines and the same amount.

    The record is told what each participant answered.
    """
    await begin_rollback(script)
    lines = (StockLine(sku="85123A", quantity=6),)
    script.answer(
        yes(
            await script.expect_compensation(
                RestoreStockCommand, of=DecreaseStockCommand, lines=lines
            )
        )
    )
    refund = await script.expect_compensation(
        RefundPaymentCommand, of=ProcessPaymentCommand, amount_minor=TOTAL_MINOR
    )
    assert (refund.customer_id, refund.currency) == ("17850", "GBP")
    script.answer(yes(refund))
    cancel = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.answer(yes(cancel))
    await script.failed()
    refund_answer = {"currency": "GBP", "refunded_minor": TOTAL_MINOR}
    assert [c.answer for c in cancel.compensations] == [{"restored": True}, refund_answer, None]
    assert all((c.answered_at is None) is (c.answer is None) for c in cancel.compensations)


async def test_every_command_has_a_key_of_its_own(script: Script) -> None:
    """The saga's id and the step name an effect for ever.

    A suffix tells taking it back from doing it; no run id is in it.
    """
    commands: list[Command] = []
    await script.start(ORDER)
    for step in BEFORE_PIVOT:
        commands.append(await script.expect(step))
        if step is BEFORE_PIVOT[-1]:
            await script.handle.cancel()
        script.answer(yes(commands[-1]))
    for undoing in ROLLBACK:
        commands.append(await script.expect_compensation(undoing, of=TAKES_BACK[undoing]))
        script.answer(yes(commands[-1]))
    await script.failed()
    forward_keys = [
        f"{script.saga_id}/{step.__name__.removesuffix('Command')}" for step in BEFORE_PIVOT
    ]
    compensation_keys = [f"{key}/compensation" for key in reversed(forward_keys)]
    assert [command.idempotency_key for command in commands] == [*forward_keys, *compensation_keys]
    assert f"{script.saga_id}/ProcessPayment/compensation" in compensation_keys


async def test_a_compensation_that_keeps_failing_is_tried_until_it_is_done(script: Script) -> None:
    """Three failures, then the refund, then the rest: no early end, and nothing is skipped."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await script.handle.cancel()
    script.answer(yes(payment))
    for attempt in (1, 2, 3):
        await script.expect_compensation(
            RefundPaymentCommand, of=ProcessPaymentCommand, attempt=attempt
        )
        script.fail(RuntimeError("the payment provider is away"))
    script.answer(
        yes(
            await script.expect_compensation(
                RefundPaymentCommand, of=ProcessPaymentCommand, attempt=4
            )
        )
    )
    await take_back(script, CancelOrderCommand)
    await script.failed()


async def test_a_compensation_that_is_refused_is_asked_again_and_the_others_still_run(
    skipping_script: Script,
) -> None:
    """A refusal is no way out of a compensation.

    After a pause it is asked again, and nothing behind it is lost.
    """
    script = skipping_script
    await begin_rollback(script)
    await take_back(script, RestoreStockCommand)
    await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
    script.fail(REFUSED)
    await take_back(script, RefundPaymentCommand, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "CANCELLED"


async def test_a_cancel_together_with_a_refused_compensation_stops_nothing(
    skipping_script: Script,
) -> None:
    """In one workflow task with the refusal, a cancel does not end the asking."""
    script = skipping_script
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    script.answer(decline(await script.expect(ProcessPaymentCommand)))
    await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    async with script.orchestrator_away():
        script.fail(REFUSED)
        await script.recorded()
        await script.handle.cancel()
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "INSUFFICIENT_FUNDS"


async def test_a_cancel_in_the_pause_of_a_rollback_stops_nothing(
    temporal: Client, script: Script
) -> None:
    """While only time stands between two rounds of a compensation, a cancel changes nothing."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    script.answer(decline(await script.expect(ProcessPaymentCommand)))
    await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.fail(REFUSED)
    await cancel_in_the_pause(temporal, script)
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "INSUFFICIENT_FUNDS"


async def test_a_cancel_in_the_pause_of_a_confirmation_stops_nothing(
    temporal: Client, script: Script
) -> None:
    """Nor between two rounds of a Confirm."""
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT)
    await script.expect(ConfirmOrderCommand)
    script.fail(REFUSED)
    await cancel_in_the_pause(temporal, script)
    await obey(script, ConfirmOrderCommand)
    assert (await script.completed())["state"] == "COMPLETED"


async def cancel_in_the_pause(temporal: Client, script: Script) -> None:
    """Wait for the pause, cancel, see that the saga has heard it, and let the pause pass."""
    async for event in script.handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            break
    await script.handle.cancel()
    await script.handle.query("status")
    await TimeSkipper(temporal).fast_forward(script.handle, Policy().longest_pause)
