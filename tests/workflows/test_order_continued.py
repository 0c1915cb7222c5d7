"""Floods: whatever is sent to a saga, its histories stay short, and it ends as without them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count, pairwise
from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from application import chain, run_history
from application.order_view import view_of_run
from application.run import Run
from application.runs import Runs
from contracts import stubs
from contracts.base import Command
from contracts.order import (
    CancelOrderCommand,
    ConfirmOrderCommand,
    OrderRegisteredEvent,
    RegisterOrderCommand,
)
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.states import LEGAL_MOVES, OrderStatus, SagaState, StateMove
from contracts.stock import DecreaseStockCommand, RestoreStockCommand
from contracts.views import Links
from operations.up.temporal_server import MOST_SIGNALS
from temporal_saga.memo import MEMO_KEY, SagaMemo
from temporal_saga.policy import Policy
from temporal_saga.testing import ENDED, Participants, Script
from tests import temporal_server
from tests.workflows import order_scripts
from tests.workflows.operators import RETRY, SETTLE, until_stuck
from tests.workflows.orders import DECISION, ORDER, obey, short, take_back, yes

SHORT = 60
"""Events after which this server suggests to continue as new."""

MOST = 400
"""Events that one run may have: those of one burst are in its history before it hears any."""

NUMBERS = count(1)
LINKS = Links(self="/orders/1", events="/orders/1/events", temporal="http://localhost")
AWAY = RuntimeError("away")
SOON = Policy(
    stuck_attempts=2, longest_pause=timedelta(milliseconds=50), start_to_close=timedelta(seconds=1)
)

Play = Callable[..., Script]


@pytest.fixture(scope="module")
async def short_histories() -> AsyncIterator[Client]:
    """A server of its own, which calls a history long soon."""
    async with temporal_server.running(
        f"limit.historyCount.suggestContinueAsNew={SHORT}"
    ) as client:
        yield client


@pytest.fixture(scope="module")
async def players(short_histories: Client) -> AsyncIterator[Participants]:
    """Order, payment and stock, on that server."""
    async with order_scripts.participants(short_histories) as playing:
        yield playing


@pytest.fixture
async def patient_script(short_histories: Client, players: Participants) -> AsyncIterator[Script]:
    """One order's story, under the default policy."""
    async with order_scripts.script(short_histories, players, f"order-{next(NUMBERS)}") as story:
        yield story


@pytest.fixture
async def script(short_histories: Client, players: Participants) -> AsyncIterator[Script]:
    """One order's story, which is stuck soon."""
    async with order_scripts.script(
        short_histories, players, f"order-{next(NUMBERS)}", policy=SOON
    ) as story:
        yield story
        assert all(len(run.events) < MOST for run in story.runs)


async def flood(script: Script, rounds: int = 3) -> None:
    """Send whatever anybody may send, known and unknown, as signals and updates."""
    for number in range(rounds):
        told = RETRY | {"reason": f"again {number}"}
        await asyncio.gather(
            *(
                script.handle.signal("retry_step", told | {"reason": f"{number} {n}"})
                for n in range(10)
            ),
            *(script.handle.signal("no_such_act", {"anything": n}) for n in range(5)),
            *(script.handle.signal("approve", n) for n in range(5)),
            *(
                update(script, "request_retry_step", told | {"reason": f"{number}, by update {n}"})
                for n in range(5)
            ),
        )


async def flood_into_next_run(script: Script) -> None:
    """Send as much as it takes: messages that come together are read by one task.

    So they make a shorter history.
    """
    for _ in range(10):
        await flood(script)
        if (await script.handle.describe()).run_id != script.handle.first_execution_run_id:
            return


async def update(script: Script, name: str, told: Any) -> None:
    try:
        await script.handle.execute_update(name, told)
    except WorkflowUpdateFailedError:
        pass  # there is nothing to retry
    except RPCError as error:
        if (
            error.status is not RPCStatusCode.FAILED_PRECONDITION
        ):  # it came in the very task in which a run ended
            raise


@asynccontextmanager
async def away(
    script: Script, *kinds: type[Command], known: OrderStatus | None = None
) -> AsyncIterator[None]:
    """Let the tries of these commands fail meanwhile, however often; then let them be done.

    `known` is what the order service says of an order that it has on record.
    """
    back = asyncio.Event()

    async def serve() -> None:
        async for command in script.commands(*kinds):
            if not back.is_set():
                script.fail(AWAY, to=command)
            elif isinstance(command, RegisterOrderCommand):
                script.answer(
                    OrderRegisteredEvent(order_id=command.order_id, known=known), to=command
                )
            else:
                script.answer(yes(command), to=command)

    serving = asyncio.create_task(serve())
    yield
    back.set()
    await serving


async def until_next_run(script: Script) -> None:
    """Wait until the saga's first run has ended, and another goes on."""
    async with asyncio.timeout(30):
        while (await script.handle.describe()).run_id == script.handle.first_execution_run_id:
            pass


def states(moves: tuple[StateMove, ...]) -> list[str]:
    """Return the states, after checking that each move is legal and not before the last."""
    for before, after in pairwise(moves):
        assert after.state in LEGAL_MOVES[before.state]
        assert before.at <= after.at
    return [str(move.state) for move in moves]


async def begun(script: Script) -> Any:
    """Return when the saga's first run began."""
    return (await script.handle.describe()).start_time


async def stuck_refund(script: Script) -> None:
    """The customer cancels while it is paid; the story goes on with the refund."""
    await script.start(ORDER, memo={"fingerprint": "f", "request_key": "key-7"})
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await script.handle.signal("cancel", DECISION)
    script.answer(yes(payment))


@pytest.mark.long
async def test_a_stuck_rollback_goes_on_to_its_end(script: Script) -> None:
    """The refund is made when payment is back.

    The record's story has no gap, and knows who cancelled and when it was placed.
    """
    await stuck_refund(script)
    placed_at = await begun(script)
    async with away(script, RefundPaymentCommand):
        await until_stuck(script)
        await flood_into_next_run(script)
        described = await script.handle.describe()
        assert described.typed_search_attributes[stubs.SAGA_STATE] == "ROLLBACK_STUCK"
        assert described.typed_search_attributes[stubs.NEEDS_ATTENTION] is True
        memo = dict(await described.memo())
        decided = SagaMemo.of(memo)
        assert [(r.step, r.progress) for r in decided.retriables] == [
            ("ProcessPayment", "STUCK"),
            ("RegisterOrder", "WAITING"),
        ]
        assert decided.failure is not None
        assert all(signal.number > 0 for signal in decided.signals)
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
    told = {c.step: (c.state, c.settled and c.settled.by) for c in closing[-1].compensations}
    expected = {
        "DecreaseStock": ("DONE", None),
        "ProcessPayment": ("SETTLED", "otto"),
        "RegisterOrder": ("DONE", None),
    }
    assert told == expected
    answers = {c.step: c.answer for c in closing[-1].compensations if c.answer}
    assert answers == {"DecreaseStock": {"restored": True}}
    assert states(closing[-1].moves)[-1] == "ROLLING_BACK"
    assert [one["step"] for one in (await script.failed()).details[1]] == ["ProcessPayment"]
    assert len(script.runs) > 1


@pytest.mark.long
async def test_a_review_goes_on_with_the_time_that_is_left(script: Script) -> None:
    """Nobody decides; the order closes when its own review time is over, not its last run's."""
    await script.start(ORDER)
    began = await begun(script)
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
    await obey(script, ProcessPaymentCommand, DecreaseStockCommand)
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
    await obey(script, RegisterOrderCommand, ProcessPaymentCommand, DecreaseStockCommand)
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
    async with away(script, RegisterOrderCommand, known=OrderStatus.CONFIRMED):
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
    await obey(script, DecreaseStockCommand, ConfirmOrderCommand)
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
    async with away(script, *kinds, known=OrderStatus.PENDING):
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
    told = {
        "saga": {"closing": True},
        "record": {"placed_at": "2026-01-01T00:00:00Z", "moves": moves, "failure": None},
    }
    await script.start(ORDER, told)
    await take_back(script, CancelOrderCommand)
    assert (await script.failed()).details[0]["reason"] == "INVALID_ORDER"


@pytest.mark.long
async def test_a_look_tells_the_story_of_all_runs(
    short_histories: Client, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first to the last, each moment once.

    Of a story that is too long a part is left out, which is said.
    """
    await stuck_refund(script)
    placed_at = await begun(script)
    async with away(script, RefundPaymentCommand):
        await until_stuck(script)
        await flood_into_next_run(script)
        open_run = await look(short_histories, script)
        assert open_run.memo.failure is not None
        assert (open_run.memo.failure.reason, open_run.started_at, open_run.state) == (
            "CANCELLED",
            placed_at,
            "ROLLBACK_STUCK",
        )
        view = view_of_run(script.saga_id, open_run, LINKS)
        assert [(c.step, c.state) for c in view.compensations] == [
            ("ProcessPayment", "STUCK"),
            ("RegisterOrder", "WAITING"),
        ]
    await take_back(script, CancelOrderCommand)
    await script.failed()
    assert len(script.runs) > 1
    whole = await look(short_histories, script)
    assert whole.memo.failure is not None
    assert (whole.started_at, whole.input, whole.memo.failure.reason) == (
        placed_at,
        ORDER,
        "CANCELLED",
    )
    told = [moment.name for moment in whole.moments if moment.kind == "state"]
    assert told == [
        "PENDING",
        "PAYMENT_COMPLETED",
        "ROLLING_BACK",
        "ROLLBACK_STUCK",
        "ROLLING_BACK",
        "FAILED",
    ]
    assert [m.name for m in whole.moments if m.kind == "event"][-2:] == [
        "PaymentRefundedEvent",
        "OrderCancelledEvent",
    ]
    assert len([m for m in whole.moments if m.name == "no_such_act"]) == 15
    followed = [
        placed async for placed in Runs(short_histories, asyncio.Event()).follow(order_of(script))
    ]
    assert [moment.name for _, moment in followed] == [moment.name for moment in whole.moments]
    assert sorted({place for place, _ in followed}) == [place for place, _ in followed]
    monkeypatch.setattr(chain, "MOST_EVENTS", 20)
    monkeypatch.setattr(run_history, "FIRST_EVENTS", 15)
    short = await look(short_histories, script)
    assert 1 <= [moment.name for moment in short.moments].count(chain.LEFT_OUT) <= 2
    assert short.moments[0].name == "PENDING"
    assert short.moments[-1].name == "FAILED"
    assert len(short.moments) < len(whole.moments)
    assert (short.memo, short.started_at) == (whole.memo, placed_at)


async def look(client: Client, script: Script) -> Run:
    """Return what the API sees of an order's saga."""
    found = await Runs(client, asyncio.Event()).find(order_of(script))
    assert found is not None
    return found


def order_of(script: Script) -> str:
    """Return the order's id."""
    return script.saga_id.removeprefix("order-")


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
        sent = [patient.handle.signal("retry_step", told) for told in words]
        answers = await asyncio.gather(*sent, return_exceptions=True)
    assert 1 <= len([answer for answer in answers if answer is not None]) < 20
    async with away(patient, RefundPaymentCommand):
        await until_next_run(patient)
        await patient.handle.signal("retry_step", RETRY)
    await take_back(patient, CancelOrderCommand)
    await patient.failed()
    assert len(patient.runs) == 2
