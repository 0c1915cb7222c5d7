"""Stuck is what closes the order's record: its Confirm, or the Cancel that ends a rollback."""

from collections.abc import Awaitable, Callable

import pytest
from temporalio.client import Client

from application.order_view import view_of_run
from application.runs import Runs
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.views import Links
from temporal_saga.testing import Script
from tests.workflows.operators import (
    RETRY,
    SETTLE,
    Say,
    by_signal,
    by_update,
    each_way,
    refusal_of,
    until_stuck,
)
from tests.workflows.orders import BEFORE_PIVOT, ORDER, REFUSED, obey, yes
from tests.workflows.stuck_orders import state_and_attention, states


async def test_a_confirm_that_keeps_failing_stays_completed_and_needs_attention(
    soon: Script,
) -> None:
    """The order is paid and taken from stock: nothing goes back, and a person is called."""
    await soon.start(ORDER)
    await obey(soon, *BEFORE_PIVOT)
    for attempt in (1, 2):
        await soon.expect(ConfirmOrderCommand, attempt=attempt)
        soon.fail(RuntimeError("the order service is away"))
    await until_stuck(soon)
    assert await state_and_attention(soon) == ("COMPLETED", True)
    await obey(soon, ConfirmOrderCommand)
    await soon.completed()
    assert await state_and_attention(soon) == ("COMPLETED", False)


async def stuck_confirm(script: Script) -> None:
    """The order is completed, but the order service does not take its confirmation.

    The story goes on from here.
    """
    await script.start(ORDER)
    await obey(script, *BEFORE_PIVOT)
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


CONFIRM = {"step": "ConfirmOrder"}
CANCEL = {"step": "RegisterOrder"}


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
    command = await closing(patient, step)
    assert (command.compensations[-1].state, command.compensations[-1].command) == (
        "SETTLED",
        f"{type(command).__name__}",
    )
    assert command.compensations[-1].settled is not None
    assert command.compensations[-1].settled.model_dump(exclude={"at"}, exclude_none=True) == {
        n: SETTLE[n] for n in ("by", "reason", "evidence")
    }
    states(command.moves)
    assert await state_and_attention(patient) == (
        "COMPLETED" if step is CONFIRM else "ROLLING_BACK",
        False,
    )
    patient.answer(yes(command))
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
    temporal: Client, patient: Script, say: Say, begin: Begin, step: dict[str, str]
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
            else expect_cancel(patient, attempt)
        )
        patient.fail(RuntimeError("the order service is away"))
    await until_stuck(patient)
    assert await state_and_attention(patient) == (
        "COMPLETED" if step is CONFIRM else "ROLLBACK_STUCK",
        True,
    )
    last = (await patient.handle.query("status"))["compensations"][-1]
    assert (last["state"], last["settled"]["by"]) == ("STUCK", "otto")
    refusal = await refusal_of(patient, "settle_step", SETTLE | step | {"by": "olga"})
    assert (
        refusal == f"ValueError: otto settled {step['step']} already: "
        "what keeps failing is to put that on record"
    )
    run = await Runs(temporal).find(patient.saga_id.removeprefix("order-"))
    assert run is not None
    offers = view_of_run("7", run, Links(self="/", events="/", temporal=None)).acts
    assert [f"ValueError: {act.refusal}" for act in offers if act.act == "settle"] == [refusal]
    await by_signal(patient, "settle_step", SETTLE | step | {"by": "olga"})
    await say(patient, "retry_step", RETRY | step)
    command = await closing(patient, step)
    assert command.compensations[-1].settled is not None
    assert command.compensations[-1].settled.by == "otto"
    states(command.moves)
    patient.answer(yes(command))
    await (patient.completed() if step is CONFIRM else patient.failed())
    assert await state_and_attention(patient) == (
        "COMPLETED" if step is CONFIRM else "FAILED",
        False,
    )


async def expect_cancel(script: Script, attempt: int) -> None:
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
    command = await patient.expect(ConfirmOrderCommand)
    assert [c.state for c in command.compensations] == ["SETTLED"]
    patient.answer(yes(command))
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
