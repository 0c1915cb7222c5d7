"""Noting operations: no note lies, and no act waits for its note or fails with it."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from api import AWAY
from application import late_notes, operations_log
from application.caller import Caller, Origin
from application.errors import NoWorkerAnswered, PerhapsPlaced, ServiceError, TooLate
from application.operations_log import MOST_REFUSALS, OperationsLog, OperationsQuery
from contracts.decisions import StepDecision
from contracts.operations import Door, Operation, Outcome
from contracts.states import SagaState
from participants.order.operations import Operations
from participants.order.service import OrderService
from process import connect
from tests.commands import ORDER
from tests.shop import Shop
from tests.stack import free_port
from tests.worker.api_orders import orders_of

ANN = Caller("till-7", origin=Origin(Door.CONSOLE, "10.0.0.7", "Firefox"))
BOB = Caller("till-8", origin=Origin(Door.MCP))
RETRY = StepDecision(by="ann (as till-7)", reason="the bank is back", step="ProcessPayment")
TOO_LATE = TooLate(SagaState.COMPLETED)
REJECT_POISON = """CREATE TRIGGER reject BEFORE INSERT ON operations WHEN new.order_id = 'poison'
BEGIN SELECT RAISE(ABORT, 'no'); END"""


@pytest.fixture
def log(tmp_path: Any, open_engine: Callable[[str], sa.Engine]) -> OperationsLog:
    """Give the log of a new order database."""
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    OrderService.open(engine)
    return OperationsLog(Operations(engine))


async def entries(log: OperationsLog, **fields: Any) -> list[Operation]:
    """Return the newest entries of a log that pass a filter."""
    return list((await log.page(OperationsQuery(**fields))).operations)


async def test_an_act_is_noted_before_it_is_sent_and_after(log: OperationsLog) -> None:
    """Who dies in between leaves TRIED; so does whoever gets no answer, or goes away."""
    async with log.note(ANN, "retry", RETRY, order_id="7"):
        [before] = await entries(log)
        assert before.outcome is Outcome.TRIED
    [after] = await entries(log)
    assert after == before.model_copy(update={"outcome": Outcome.DONE})
    assert after.model_dump(exclude={"id", "at"}) == {
        "act": "retry",
        "outcome": Outcome.DONE,
        "by": "ann (as till-7)",
        "subject": "till-7",
        "order_id": "7",
        "step": "ProcessPayment",
        "about": None,
        "reason": RETRY.reason,
        "message": None,
        "door": Door.CONSOLE,
        "address": "10.0.0.7",
        "agent": "Firefox",
        "batch_id": None,
    }
    errors: list[tuple[type[BaseException], BaseException, str | None]] = [
        (NoWorkerAnswered, NoWorkerAnswered(), str(NoWorkerAnswered())),
        (asyncio.CancelledError, asyncio.CancelledError(), None),
        (ZeroDivisionError, ZeroDivisionError(), None),
    ]
    for kind, error, message in errors:
        with pytest.raises(kind):
            async with log.note(ANN, "cancel", order_id="8"):
                raise error
        newest, *_ = await entries(log)
        assert (newest.outcome, newest.message) == (Outcome.TRIED, message)
    with pytest.raises(TooLate):
        async with log.note(ANN, "cancel", order_id="9"):
            raise TOO_LATE
    [refusal] = await entries(log, order_id="9")
    assert (refusal.outcome, refusal.message) == (Outcome.REFUSED, str(TOO_LATE))


async def test_of_what_has_a_record_of_its_own_only_refusals_are_noted(log: OperationsLog) -> None:
    """Whatever became of it, the record has it."""
    async with log.note(ANN, "place", is_on_record=True, order_id="7"):
        assert await entries(log) == []
    for error in (TOO_LATE, NoWorkerAnswered()):
        with pytest.raises(ServiceError):
            async with log.note(ANN, "place", is_on_record=True, order_id="8"):
                raise error
    assert [entry.outcome for entry in await entries(log)] == [Outcome.REFUSED]


async def test_placing_is_noted_where_a_person_or_an_assistant_does_it(empty_shop: Shop) -> None:
    """An order that a program places is on record itself."""
    client = await connect(lazy=True, port=free_port())
    engine = empty_shop.engines["order"]
    orders = orders_of(client, engine, empty_shop)
    for order_id, caller in (("7", replace(ANN, origin=Origin())), ("8", ANN), ("9", BOB)):
        with pytest.raises(PerhapsPlaced):
            await orders.place(ORDER.model_copy(update={"order_id": order_id}), None, caller)
    placings = await entries(OperationsLog(Operations(engine)), act="place")
    assert [entry.order_id for entry in placings] == ["9", "8"]


async def test_the_refusals_of_one_caller_are_bounded(
    tmp_path: Any, open_engine: Callable[[str], sa.Engine]
) -> None:
    """In a minute; the last says so. What they do otherwise is noted, and so are others.

    An act of theirs is noted before it is sent, and no more once it is refused.
    """
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    OrderService.open(engine)
    seconds = [0.0]
    log = OperationsLog(Operations(engine), lambda: seconds[0])
    for _ in range(MOST_REFUSALS):
        await log.refuse(ANN, "read", "not yours", about="/sagas/7")
    with pytest.raises(TooLate):
        async with log.note(ANN, "cancel", order_id="7"):
            raise TOO_LATE
    await log.refuse(BOB, "read", "not yours")
    assert await entries(log, order_id="7") == []
    refusals = await entries(log, person="till-7", limit=100)
    assert len(refusals) == MOST_REFUSALS
    assert [entry.message for entry in refusals[:2]] == [
        "not yours; further refusals of this caller within this minute are not noted",
        "not yours",
    ]
    async with log.note(ANN, "approve", order_id="8"):
        [entry] = await entries(log, order_id="8")
        assert entry.outcome is Outcome.TRIED, "a kill would leave a note of it all the same"
    assert [entry.outcome for entry in await entries(log, order_id="8")] == [Outcome.DONE]
    with pytest.raises(NoWorkerAnswered):
        async with log.note(ANN, "retry", order_id="8"):
            raise NoWorkerAnswered
    assert len(await entries(log, order_id="8", outcome=Outcome.TRIED)) == 1
    seconds[0] = 60
    await log.refuse(ANN, "read", "not yours", order_id="9")
    assert len(await entries(log, order_id="9")) == 1


async def test_a_page_leads_to_the_next(log: OperationsLog) -> None:
    """With the same filters."""
    for _ in range(3):
        await log.refuse(ANN, "read", "not yours", order_id="7")
    page = await log.page(OperationsQuery(person="till-7", limit=2))
    assert page.next == f"/operations?person=till-7&limit=2&before={page.operations[-1].id}"
    rest = await log.page(OperationsQuery(person="till-7", before=page.operations[-1].id))
    assert (len(rest.operations), rest.next) == (1, None)


async def test_a_database_that_hangs_holds_no_act_up(
    log: OperationsLog,
    tmp_path: Any,
    open_engine: Callable[[str], sa.Engine],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its first act waits for the time of one note, later ones for none.

    The API's own log has what could not be noted; once the database answers, the log has it all.
    """
    monkeypatch.setattr(operations_log, "NOTE_SECONDS", 0.2)
    monkeypatch.setattr(late_notes, "RETRY_SECONDS", 0.1)
    other = open_engine(f"sqlite:///{tmp_path}/order.db")
    writing = asyncio.create_task(log.late_notes.keep_writing(AWAY))
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "operations"), other.begin():
        for number in range(3):
            async with log.note(ANN, "cancel", order_id=f"{number}"):
                pass
        with pytest.raises(TooLate):
            async with log.note(ANN, "cancel", order_id="late"):
                raise TOO_LATE
        assert time.monotonic() - began < 2
    lines = [record.getMessage() for record in caplog.records]
    assert sum("not yet in the log of operations: {" in line for line in lines) == 8
    assert '"outcome":"REFUSED"' in lines[-1]
    async with log.note(ANN, "approve", order_id="8"), asyncio.timeout(20):
        while log.late_notes:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.05)
    writing.cancel()
    outcomes = {(entry.order_id, entry.outcome) for entry in await entries(log)}
    successes = {(order_id, Outcome.DONE) for order_id in ("0", "1", "2", "8")}
    assert outcomes == {*successes, ("late", Outcome.REFUSED)}
    assert len(await entries(log)) == 5


async def test_what_waits_to_be_noted_is_bounded_and_stops_nothing(
    log: OperationsLog,
    tmp_path: Any,
    open_engine: Callable[[str], sa.Engine],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is beyond the bound, and what the database never takes, is in the API's log alone.

    At the end of the API what waits is tried once more, within a limit.
    """
    monkeypatch.setattr(operations_log, "NOTE_SECONDS", 0.1)
    monkeypatch.setattr(late_notes, "MOST_NOTES", 3)
    monkeypatch.setattr(late_notes, "FLUSH_SECONDS", 0.2)
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    with engine.begin() as connection:
        connection.execute(sa.text(REJECT_POISON))
    with caplog.at_level(logging.WARNING, "operations"), engine.begin():
        for order_id in ("poison", "7", "8", "beyond"):
            await log.refuse(ANN, "read", "not yours", order_id=order_id)
        await log.late_notes.flush(AWAY)
    monkeypatch.setattr(late_notes, "FLUSH_SECONDS", 20)
    await log.late_notes.flush(AWAY)
    assert {entry.order_id for entry in await entries(log)} == {"7", "8"}
    texts = [record.getMessage() for record in caplog.records]
    left_out = [text for text in texts if text.startswith("not in the log of operations: {")]
    assert ["beyond" in left_out[0], "poison" in left_out[1], len(left_out)] == [True, True, 2]
    assert "3 notes are in this log alone, as said above" in texts
