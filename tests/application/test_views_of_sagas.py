"""Orders read from real sagas: with every worker down, after a reset, after a settlement."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import Client

from application.order_view import view_of_run
from application.runs import Runs
from contracts.acts import Act
from contracts.ids import order_id_of
from contracts.order import CancelOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.views import Links, OrderView, TimelineEntry
from temporal_saga.testing import Script
from tests.workflows import order_scripts
from tests.workflows.operators import SETTLE, SOON, until_stuck
from tests.workflows.order_scripts import Stage
from tests.workflows.orders import DECISION, ORDER, obey, take_back, yes

pytestmark = pytest.mark.long

LINKS = Links(self="/", events="/", temporal=None)
AWAY = RuntimeError("the payment provider is away")


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    """A server of this file's own."""
    async with order_scripts.stage() as own:
        yield own


@pytest.fixture
def client(stage: Stage) -> Client:
    """Return a client of that server."""
    return stage.client


@pytest.fixture
async def script(stage: Stage) -> AsyncIterator[Script]:
    """One order's story, which is stuck soon."""
    async with stage.script(policy=SOON) as story:
        yield story


async def look(client: Client, script: Script) -> OrderView:
    """Return the order as the API would show it now."""
    order_id = order_id_of(script.saga_id)
    run = await Runs(client).find(order_id)
    assert run is not None
    return view_of_run(order_id, run, LINKS)


async def until_heard(client: Client, script: Script) -> TimelineEntry:
    """Return the last entry of the timeline once no message is under way any more."""
    async with asyncio.timeout(15):
        while "under_way" in (last := (await look(client, script)).timeline[-1]).detail:
            pass
    return last


async def stuck_refund(script: Script) -> None:
    """The customer cancels while it is paid, and the refund fails: its third try is under way."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await script.handle.signal("cancel", DECISION)
    script.answer(yes(payment))
    for attempt in (1, 2):
        await refund(script, attempt)
        script.fail(AWAY)
    await until_stuck(script)
    await refund(script)


async def refund(script: Script, attempt: int = 1) -> None:
    await script.expect_compensation(
        RefundPaymentCommand, of=ProcessPaymentCommand, attempt=attempt
    )


async def test_an_order_reads_the_same_with_every_worker_down(
    client: Client, script: Script
) -> None:
    """What is said meanwhile is under way; when the orchestrator is back, it is taken or not."""
    await stuck_refund(script)
    before = await look(client, script)
    assert before.failure is not None
    assert (before.failure.reason, before.failure.details) == ("CANCELLED", DECISION)
    assert [(c.command, c.state, c.attempts) for c in before.compensations] == [
        ("RefundPaymentCommand", "STUCK", 3),
        ("CancelOrderCommand", "WAITING", None),
    ]
    assert before.attention is not None
    assert before.attention.since is not None
    assert "RefundPaymentCommand keeps failing: the payment provider" in before.attention.message
    async with script.orchestrator_away():
        assert await look(client, script) == before
        await script.handle.signal("approve", DECISION)
        down = await look(client, script)
        assert down.timeline[:-1] == before.timeline
        last_entry = down.timeline[-1]
        assert (last_entry.kind, last_entry.name) == ("decision", "approve")
        assert last_entry.detail == DECISION | {"through": "signal", "under_way": True}
        assert down == before.model_copy(update={"timeline": down.timeline})
    note = await until_heard(client, script)
    why = "the order is not awaiting review, it is ROLLBACK_STUCK"
    assert (note.kind, note.name) == ("note", f"approve was ignored: {why}")
    assert (note.at, note.detail) == (last_entry.at, DECISION | {"through": "signal"})
    [refusal] = {act.refusal for act in before.acts if act.act == "approve"}
    assert refusal == why, "the order had said so"


async def test_an_order_reads_the_same_after_a_reset(client: Client, script: Script) -> None:
    """The memo, and what the history keeps of the run before, tell as much as before."""
    await stuck_refund(script)
    await settle(client, script)
    await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    before = await look(client, script)
    await script.reset(at=CancelOrderCommand)
    await refund(script)  # the round that was under way there
    cancel = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    after = await look(client, script)
    other = {"timeline": (), "compensations": (), "steps": ()}
    assert after.model_copy(update=other) == before.model_copy(update=other)
    assert [(c.command, c.state, c.attempts) for c in after.compensations] == [
        (c.command, c.state, c.attempts) for c in before.compensations
    ]
    assert [step.state for step in after.steps] == [step.state for step in before.steps]
    settlement = after.compensations[0].settled
    assert settlement is not None
    assert settlement.by == SETTLE["by"]
    script.answer(yes(cancel), to=cancel)
    await script.failed()


async def settle(client: Client, script: Script) -> int | None:
    """Settle the refund as the API does; return how many tries its round had by then."""
    run = await Runs(client).describe(order_id_of(script.saga_id))
    assert run is not None
    tries = run.tries_at(SETTLE["step"])
    body: dict[str, Any] = SETTLE | {"attempts": tries}
    await script.handle.execute_update("request_settle_step", body)
    return tries


async def test_tries_stay_counted_when_they_are_given_up(client: Client, script: Script) -> None:
    """The history forgets the tries of a round that a settlement ends; the settlement has them."""
    await stuck_refund(script)
    assert await settle(client, script) == 1
    [back, _] = (await look(client, script)).compensations
    assert (back.state, back.attempts) == ("SETTLED", 3)
    cancel = await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    script.answer(yes(cancel), to=cancel)
    await script.failed()
    closed_order = await look(client, script)
    assert [(c.state, c.attempts) for c in closed_order.compensations] == [
        ("SETTLED", 3),
        ("DONE", 1),
    ]
    assert [act.act for act in closed_order.acts if not act.refusal] == [Act.PLACE_AGAIN]


async def test_there_are_no_tries_where_nothing_is_stuck(client: Client, script: Script) -> None:
    """An order that goes its way, and one that is not there."""
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    runs = Runs(client)
    run = await runs.describe(order_id_of(script.saga_id))
    assert run is not None
    assert run.tries_at("RegisterOrder") is None
    assert await runs.describe("nobody") is None
    await script.handle.signal("cancel", DECISION)
    script.answer(yes(register))
    await take_back(script, CancelOrderCommand)
    await script.failed()
