"""The log of operations on record, and the links of orders that were placed again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.acts import Act, Through
from contracts.operations import Door, Operation, OperationFilter, Outcome
from participants.order import operations as store
from participants.order.operations import Note, Operations, new_id
from participants.order.service import OrderService
from participants.order.tables import OPERATIONS, PLACED_AGAIN
from tests.commands import OTHER_ORDER, cancel, confirm, decision, register

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
FOR_EVER = timedelta(days=10_000)


def operation(minutes: float = 0, **fields: Any) -> Operation:
    """Return what ann began so many minutes ago."""
    at = NOW - timedelta(minutes=minutes)
    default = {
        "act": "cancel",
        "outcome": Outcome.TRIED,
        "by": "ann",
        "subject": "till-7",
        "order_id": "7",
        "door": Door.HTTP,
        "address": "10.0.0.7",
        "agent": "curl/8",
    }
    return Operation(id=new_id(at), at=at, **{**default, **fields})


def entries(engine: sa.Engine, limit: int = 100, **fields: Any) -> list[Operation]:
    """Return the newest entries that pass a filter."""
    return Operations(engine).page(OperationFilter(**fields), limit)[0]


@pytest.fixture
def log(engine: sa.Engine) -> Operations:
    """Give the log of an order service."""
    OrderService.open(engine)
    return Operations(engine)


def test_an_entry_is_as_it_ended(log: Operations, engine: sa.Engine) -> None:
    """Its beginning may come late, twice or never: what it ended with stays."""
    began = operation()
    ending = began.model_copy(update={"outcome": Outcome.REFUSED, "message": "too late"})
    log.write(began, Note.BEGIN)
    assert entries(engine) == [began]
    log.write(ending, Note.END)
    log.write(began, Note.BEGIN)
    assert entries(engine) == [ending]
    alone = operation(1, outcome=Outcome.DONE)
    log.write(alone, Note.END)
    assert entries(engine) == [ending, alone]
    began_too = operation(2)
    log.write(began_too, Note.BEGIN)
    for row in (began_too, alone):
        log.write(row.model_copy(update={"outcome": Outcome.REFUSED}), Note.WITHDRAW)
    assert entries(engine) == [ending, alone], "what was taken is not withdrawn"


def test_entries_are_found_by_what_they_say(log: Operations, engine: sa.Engine) -> None:
    """Page by page, the newest first, none twice."""
    rows = [
        operation(4, by="bob (as till-8)", subject="till-8", outcome=Outcome.DONE),
        operation(3, act="approve", order_id="8", outcome=Outcome.REFUSED),
        operation(2, door=Door.BATCH, batch_id="b-1"),
        operation(1, act="move-stock", order_id=None, about="+5 of A-1"),
    ]
    for row in rows:
        log.write(row, Note.BEGIN)
    whole = rows[::-1]
    assert entries(engine) == whole
    for expected, fields in (
        (whole[:3], {"person": "ann"}),
        (whole[:3], {"person": "till-7"}),
        (whole[3:], {"person": "till-8"}),
        (whole[2:3], {"act": "approve"}),
        (whole[3:], {"outcome": Outcome.DONE}),
        (whole[2:3], {"order_id": "8"}),
        (whole[1:2], {"door": Door.BATCH}),
        (whole[1:2], {"batch_id": "b-1"}),
        (whole[:2], {"since": NOW - timedelta(minutes=2)}),
        (whole[2:], {"until": NOW - timedelta(minutes=2)}),
        (whole[2:3], {"before": whole[1].id, "order_id": "8"}),
        ([], {"person": "ann", "order_id": "9"}),
    ):
        assert entries(engine, **fields) == expected, fields
    pages: list[Operation] = []
    while page := entries(engine, 3, **({"before": pages[-1].id} if pages else {})):
        pages += page
    assert pages == whole


@pytest.mark.parametrize(
    ("person", "names"),
    [
        ("Ann Lee (8c1f)", {"ann"}),
        ("Ann Lee", {"ann"}),
        ("ann lee", {"ann"}),
        ("ANN", {"ann", "zoe"}),
        ("8C1F", {"ann"}),
        ("Zoë", {"zoe"}),
        ("till_8", {"zoe"}),
        ("_", {"zoe"}),
        ("%", set()),
        ("/", set()),
        ("ann lee 8c1f", set()),
    ],
)
def test_a_person_is_found_by_a_part_of_their_name(
    log: Operations, engine: sa.Engine, person: str, names: set[str]
) -> None:
    """In capitals or small letters; no sign of it stands for others."""
    rows = {
        "ann": operation(by="Ann Lee (8c1f)", subject="8c1f"),
        "zoe": operation(by="Zoë-Hannah", subject="till_8"),
        "bob": operation(by="bob", subject=None),
    }
    for row in rows.values():
        log.write(row, Note.BEGIN)
    assert {entry.by for entry in entries(engine, person=person)} == {
        rows[name].by for name in names
    }


def test_a_page_looks_at_so_many_entries_and_says_where_it_goes_on(
    log: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However rare what is asked for is; an order's entries are found by their index."""
    monkeypatch.setattr(store, "MOST_READ", 3)
    rows = [operation(minutes, act="read", order_id="8") for minutes in range(6)]
    rows += [operation(6), operation(7)]
    for row in rows:
        log.write(row, Note.BEGIN)
    pages = []
    before: str | None = ""
    while before is not None:
        page_filter = OperationFilter(act="cancel", before=before or None)
        page, before = log.page(page_filter, 2)
        pages.append((page, before))
    assert pages == [([], rows[2].id), ([], rows[5].id), ([rows[6], rows[7]], None)]
    assert log.page(OperationFilter(order_id="7", act="cancel"), 2) == ([rows[6], rows[7]], None)
    assert log.page(OperationFilter(), 2) == (rows[:2], rows[1].id)


def test_what_is_old_or_beyond_the_bound_is_deleted(log: Operations, engine: sa.Engine) -> None:
    """The oldest first, and nothing else."""
    for minutes in range(6):
        log.write(operation(minutes), Note.BEGIN)
    assert log.prune(NOW - FOR_EVER, 6) == 0
    assert log.prune(NOW - timedelta(minutes=4), 100) == 1
    assert log.prune(NOW - FOR_EVER, 3) == 2
    assert [entry.at for entry in entries(engine)] == [
        NOW - timedelta(minutes=minutes) for minutes in range(3)
    ]


def test_what_was_told_to_temporal_is_in_the_log_once(
    orders: OrderService, log: Operations, engine: sa.Engine
) -> None:
    """A decision of a front door stays one entry, and turns out to have been taken.

    The others come in when the order closes, each once, however often that is said.
    """
    approval = decision(Act.APPROVE, "ann")
    retry = decision(Act.RETRY, "bob", hours=1, step="ConfirmOrder", through=Through.SIGNAL)
    stop = decision(Act.CANCEL, "temporal", hours=2, through=Through.TEMPORAL)
    settlement = decision(Act.SETTLE, "eve", hours=3, step="ConfirmOrder", evidence="ticket 12")
    note = operation(1, act="approve", reason=approval.reason)
    refusal = operation(2, act="retry", by="bob", step="ConfirmOrder", reason=retry.reason)
    log.write(note, Note.BEGIN)
    log.write(refusal.model_copy(update={"outcome": Outcome.REFUSED}), Note.END)
    orders.register(register("7"))
    closing = confirm("7").model_copy(update={"decisions": (approval, retry)})
    later = confirm("7").model_copy(update={"decisions": (approval, retry, stop, settlement)})
    for command in (closing, closing, later, later):
        orders.confirm(command)
    by_outcome = {
        outcome: [(e.act, e.by, e.door, e.step) for e in entries(engine, outcome=outcome)]
        for outcome in Outcome
    }
    assert by_outcome == {
        Outcome.TRIED: [],
        Outcome.REFUSED: [("retry", "bob", Door.HTTP, "ConfirmOrder")],
        Outcome.DONE: [
            ("approve", "ann", Door.HTTP, None),
            ("settle", "eve", Door.UNKNOWN, "ConfirmOrder"),
            ("cancel", "temporal", Door.TEMPORAL, None),
            ("retry", "bob", Door.TEMPORAL, "ConfirmOrder"),
        ],
    }


def test_a_note_that_is_late_is_not_there_twice(
    orders: OrderService, log: Operations, engine: sa.Engine
) -> None:
    """What the closing wrote of it gives way; an outcome that is not known replaces none."""
    approval = decision(Act.APPROVE, "ann")
    orders.register(register("7"))
    orders.confirm(confirm("7").model_copy(update={"decisions": (approval,)}))
    assert [entry.door for entry in entries(engine)] == [Door.UNKNOWN]
    late = operation(act="approve", reason=approval.reason)
    refusal = operation(act="approve", by="bob", outcome=Outcome.REFUSED, reason=approval.reason)
    log.write_late(refusal, Note.END)
    log.write_late(late, Note.BEGIN)
    no_answer = late.model_copy(update={"message": "the orchestrator gives no answer"})
    log.write_late(no_answer, Note.END)
    log.write(no_answer, Note.END)
    success = late.model_copy(update={"outcome": Outcome.DONE})
    assert sorted(entries(engine), key=lambda entry: entry.by) == [success, refusal]


def test_an_order_placed_again_is_linked_both_ways_on_record(orders: OrderService) -> None:
    """From the row that opens its record; also when its saga failed before it was registered."""
    orders.cancel(cancel("7"))
    orders.register(register("7-again").model_copy(update={"again_of": "7"}))
    orders.cancel(cancel("7-again"))
    second = cancel("7-again-2", OTHER_ORDER).model_copy(update={"again_of": "7-again"})
    for _ in range(2):
        orders.cancel(second)
    links = {name: orders.find(name) for name in ("7", "7-again", "7-again-2")}
    assert {
        name: record and (record.again_of, record.again_as) for name, record in links.items()
    } == {
        "7": (None, "7-again"),
        "7-again": ("7", "7-again-2"),
        "7-again-2": ("7-again", None),
    }


def test_a_database_of_an_earlier_release_gets_the_tables(
    orders: OrderService, engine: sa.Engine
) -> None:
    """Its orders stay as they are."""
    orders.cancel(cancel("7"))
    for table in (OPERATIONS, PLACED_AGAIN):
        table.drop(engine)
    OrderService.open(engine)
    record = orders.find("7")
    assert record is not None
    assert (record.again_of, record.again_as, entries(engine)) == (None, None, [])
