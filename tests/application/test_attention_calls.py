"""Who is called for an order that needs a person, by the log."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from application import attention_calls, trouble
from application.attention import of_run
from application.attention_calls import MOST_MESSAGE, AttentionCalls
from application.needs import Need, Needs, count_causes
from contracts.views import Attention, AttentionCause
from participants.order.calls import MOST_AT_ONCE, Calls
from participants.order.events import OrderEvents
from participants.order.service import OrderService
from temporal_saga.call_state import Progress
from temporal_saga.database import DATABASE_AWAY
from temporal_saga.memo import SagaMemo
from tests.application.order_runs import CANCEL, CLOSED_AT, FAILURE, REFUND, run


async def test_a_call_is_an_event_and_a_line_of_the_log(
    tmp_path: Path, open_engine: Callable[[str], sa.Engine], caplog: pytest.LogCaptureFixture
) -> None:
    """Once however often it is looked; of a long message the beginning."""
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    OrderService.open(engine)
    attention = Attention(
        cause=AttentionCause.WEDGED, since=datetime.now(UTC), message="m" * (MOST_MESSAGE + 1)
    )
    by_order = {"7": Need(attention, None)}

    async def needs() -> Needs:
        return Needs(by_order, count_causes(by_order), datetime.now(UTC), time.monotonic())

    calls = AttentionCalls(Calls(engine, ()), needs)
    for _ in range(2):
        await calls.look()
    [line] = caplog.messages
    message = "m" * MOST_MESSAGE
    assert line == f"order 7 needs a person: WEDGED (call 1): {message}"
    [event] = OrderEvents(engine).page(0, 100).events
    assert (event.data.cause, event.data.since) == (attention.cause, attention.since)


async def test_a_call_for_a_stuck_order_says_what_is_stuck(
    tmp_path: Path, open_engine: Callable[[str], sa.Engine], caplog: pytest.LogCaptureFixture
) -> None:
    """Step, command and error, in words and as fields, by what visibility knows of the saga."""
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    OrderService.open(engine)
    error = "the bank is away: " + "x" * 2_000
    refund = replace(REFUND, progress=Progress.STUCK, trouble=error, stuck_since=CLOSED_AT)
    memo = SagaMemo(failure=FAILURE, retriables=(refund, CANCEL))
    stuck_run = run("ROLLBACK_STUCK", is_stuck=True, memo=memo)
    attention = of_run("7", stuck_run, is_left_open=False)
    assert attention is not None
    by_order = {"7": Need(attention, stuck_run)}

    async def needs() -> Needs:
        return Needs(by_order, count_causes(by_order), datetime.now(UTC), time.monotonic())

    await AttentionCalls(Calls(engine, ()), needs).look()
    [line] = caplog.messages
    words = f"RefundPaymentCommand keeps failing: {error[:199]}…. It is still tried"
    assert line.startswith(f"order 7 needs a person: STUCK at ProcessPayment (call 1): {words}")
    [event] = OrderEvents(engine).page(0, 100).events
    data = event.data
    assert (data.step, data.command) == ("ProcessPayment", "RefundPaymentCommand")
    assert data.error == f"{error[:199]}…"
    assert (data.message or "").startswith(words)


async def test_of_many_orders_all_are_called_for_soon(
    tmp_path: Path, open_engine: Callable[[str], sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some at once, and the others without the pause between two looks that found nothing."""
    monkeypatch.setattr(trouble, "MORE_SECONDS", 0.01)
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    OrderService.open(engine)
    attention = Attention(cause=AttentionCause.STUCK, since=None, message="retry it")
    by_order = {str(number): Need(attention, None) for number in range(2 * MOST_AT_ONCE + 1)}

    looks = count(1)
    is_fourth = asyncio.Event()

    async def needs() -> Needs:
        if next(looks) == 4:
            is_fourth.set()
        return Needs(by_order, count_causes(by_order), datetime.now(UTC), time.monotonic())

    calling = asyncio.create_task(AttentionCalls(Calls(engine, ()), needs).keep(DATABASE_AWAY))
    await asyncio.wait_for(is_fourth.wait(), attention_calls.LOOK_SECONDS / 2)
    assert len(OrderEvents(engine).page(0, 1_000).events) == len(by_order)
    calling.cancel()
    await asyncio.wait([calling])


async def test_a_call_is_over_only_by_a_later_look_at_all(
    tmp_path: Path, open_engine: Callable[[str], sa.Engine]
) -> None:
    """A look that began before the call, or that may have missed some, leaves it as it is."""
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    OrderService.open(engine)
    attention = Attention(cause=AttentionCause.STUCK, since=None, message="retry it")
    began = time.monotonic()
    looks = [
        ({"7": Need(attention, None)}, began, True),
        ({}, began, True),
        ({}, time.monotonic() + 60, False),
        ({"7": Need(attention, None)}, time.monotonic(), True),
    ]

    async def needs() -> Needs:
        by_order, looked_at, is_complete = looks.pop(0)
        counts = count_causes(by_order)
        return Needs(by_order, counts, datetime.now(UTC), looked_at, is_complete)

    calls = AttentionCalls(Calls(engine, ()), needs)
    while looks:
        await calls.look()
    assert len(OrderEvents(engine).page(0, 100).events) == 1
