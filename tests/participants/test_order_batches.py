"""What the order service promises of batch operations: each order has one result, for good."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from contracts.acts import Act
from contracts.batches import Batch, BatchOutcome, BatchState
from contracts.operations import OperationFilter, Outcome
from participants.order import batches as store
from participants.order.batch_tables import BATCH_ORDERS, BATCHES
from participants.order.batches import Batches, OrderResult, TooManyOpen
from participants.order.operations import Operations
from participants.order.service import OrderService
from tests.concurrency import at_once

NOW = timedelta(0)
MONTH = timedelta(days=30)


def batch(batch_id: str = "b", **fields: str) -> Batch:
    """Return an approval of what awaits review."""
    content = {"act": Act.APPROVE, "by": "ann", "reason": "in order"} | fields
    return Batch.model_validate(
        {"batch_id": batch_id, "filter": {"state": "AWAITING_REVIEW"}, **content}
    )


@pytest.fixture
def batches(orders: OrderService) -> Batches:
    """Give the batch operations of a database in which one is to act on three orders."""
    assert orders.batches.start(batch(), ["o1", "o2", "o3"])
    return orders.batches


def outcomes(batches: Batches, batch_id: str = "b") -> list[tuple[str, BatchOutcome]]:
    results = batches.results(batch_id, None, -1, 10)
    return [(result.order_id, result.outcome) for _, result in results]


def success(number: int) -> OrderResult:
    return OrderResult(number, BatchOutcome.DONE, None)


def test_of_two_that_start_it_one_writes_down_its_orders(batches: Batches) -> None:
    """The other finds it, with the fingerprint of what it does."""
    starts: list[Callable[[], bool]] = [
        partial(batches.start, batch("c"), ["o1"]) for _ in range(2)
    ]
    assert sorted(at_once(starts)) == [False, True]
    assert batches.fingerprint("c") == batch("b").fingerprint()
    assert batches.fingerprint("c") != batch(reason="another").fingerprint()
    assert batches.fingerprint("no such one") is None


def test_what_waits_is_taken_by_turns_and_has_one_result(batches: Batches) -> None:
    """Who was tried in vain waits behind the others; a second result changes nothing."""
    assert [order.order_id for order in batches.take("b", 2)] == ["o1", "o2"]
    batches.record("b", [success(0)])
    turns = [(order.order_id, order.tries) for order in batches.take("b", 1)]
    assert turns == [("o3", 1)]
    batches.record("b", [OrderResult(0, BatchOutcome.REFUSED, "late"), success(2)])
    assert [(order.order_id, order.tries) for order in batches.take("b", 9)] == [("o2", 2)]
    batches.record("b", [OrderResult(1, BatchOutcome.REFUSED, "the saga says no")])
    assert batches.take("b", 9) == []
    batches.end("b")
    record = batches.find("b")
    assert record is not None
    assert (record.state, record.counts[BatchOutcome.DONE]) == (BatchState.COMPLETED, 2)
    [(number, refusal)] = batches.results("b", BatchOutcome.REFUSED, -1, 10)
    assert (number, refusal.order_id, refusal.message) == (1, "o2", "the saga says no")
    assert batches.results("b", None, 1, 1)[0][1].order_id == "o3"


def test_stopped_it_skips_what_waits(batches: Batches) -> None:
    """By one person's word, the first one's; of one that is over nothing changes."""
    batches.take("b", 1)
    batches.record("b", [success(0)])
    assert batches.ask_to_stop("b", "otto", "not these")
    assert not batches.ask_to_stop("b", "ann", "no")
    assert batches.state("b") is BatchState.STOPPING
    batches.end("b")
    record = batches.find("b")
    assert record is not None
    assert record.stop is not None
    assert (record.state, record.stop.by) == (BatchState.STOPPED, "otto")
    skip = BatchOutcome.SKIPPED
    assert outcomes(batches) == [("o1", BatchOutcome.DONE), ("o2", skip), ("o3", skip)]
    assert not batches.ask_to_stop("b", "ann", "no")


def test_what_was_sent_is_not_skipped_and_has_its_result_late(
    batches: Batches, engine: sa.Engine
) -> None:
    """It may have been taken; with its result the log of operations has it, too."""
    batches.take("b", 2)
    assert batches.ask_to_stop("b", "otto", "not these")
    assert [one.order_id for one in batches.take("b", 1, 1)] == ["o1"]
    batches.end("b")
    no_answer = BatchOutcome.NOT_REACHED
    skip = BatchOutcome.SKIPPED
    assert outcomes(batches) == [("o1", no_answer), ("o2", no_answer), ("o3", skip)]
    [(_, result), _] = batches.results("b", no_answer, -1, 10)
    assert result.message == "it was sent and no answer is noted: it may have been taken"
    entries, _ = Operations(engine).page(OperationFilter(batch_id="b"), 9)
    assert [(entry.outcome, entry.message) for entry in entries] == [
        (Outcome.TRIED, result.message)
    ] * 2
    batches.record("b", [success(0), success(2)])
    assert outcomes(batches) == [("o1", BatchOutcome.DONE), ("o2", no_answer), ("o3", skip)]
    entries, _ = Operations(engine).page(OperationFilter(batch_id="b"), 9)
    log = {entry.order_id: (entry.outcome, entry.message) for entry in entries}
    assert log == {"o1": (Outcome.DONE, None), "o2": (Outcome.TRIED, result.message)}
    record = batches.find("b")
    assert record is not None
    assert (record.counts[BatchOutcome.DONE], record.counts[no_answer], record.counts[skip]) == (
        1,
        1,
        1,
    )


def test_the_log_says_when_an_order_was_taken_first(batches: Batches, engine: sa.Engine) -> None:
    """Not when the batch operation began; another try has no entry of its own."""
    before = datetime.now(UTC)
    batches.take("b", 1)
    between = datetime.now(UTC)
    batches.take("b", 3)
    batches.take("b", 3)
    entries, _ = Operations(engine).page(OperationFilter(batch_id="b"), 9)
    times = {entry.order_id: entry.at for entry in entries}
    assert len(entries) == 3
    assert before <= times["o1"] <= between <= times["o2"] <= times["o3"]
    since = OperationFilter(batch_id="b", since=between)
    assert {entry.order_id for entry in Operations(engine).page(since, 9)[0]} == {"o2", "o3"}


def test_what_was_taken_and_not_begun_is_given_back(batches: Batches, engine: sa.Engine) -> None:
    """It had no try then, and the log knows nothing of it; of an earlier try it does."""
    [early] = batches.take("b", 1)
    others = batches.take("b", 2)
    [again] = batches.take("b", 1)
    assert (again.order_id, again.tries) == ("o1", 2)
    batches.give_back("b", [again, *others])
    batches.give_back("b", [again, *others])
    tries = {result.order_id: result.tries for _, result in batches.results("b", None, -1, 9)}
    assert tries == {"o1": 1, "o2": 0, "o3": 0}
    assert [entry.order_id for entry in Operations(engine).page(OperationFilter(), 9)[0]] == ["o1"]
    assert batches.take("b", 9, 1) == [early._replace(tries=2)]
    batches.record("b", [success(0)])
    batches.give_back("b", [again])
    assert outcomes(batches)[0] == ("o1", BatchOutcome.DONE)
    [(number, _, tries_of_next), _] = batches.take("b", 2)
    assert (number, tries_of_next) == (1, 1)
    assert len(Operations(engine).page(OperationFilter(), 9)[0]) == 3


def test_few_are_open_however_many_start_at_one_time(batches: Batches) -> None:
    """None counts before another has come in."""

    def start(number: int) -> bool:
        try:
            return batches.start(batch(f"b{number}"), ["o1"])
        except TooManyOpen:
            return False

    at_once([batches.still_open] * 12)  # each thread has its connection
    at_once([partial(start, number) for number in range(12)])
    assert len(batches.still_open()) == store.MOST_OPEN


def test_few_are_open_and_the_latest_are_listed(batches: Batches) -> None:
    """One more begins once another is over."""
    for number in range(1, store.MOST_OPEN):
        assert batches.start(batch(f"b{number}"), ["o1"])
    with pytest.raises(TooManyOpen):
        batches.start(batch("more"), ["o1"])
    assert batches.fingerprint("more") is None
    assert len(batches.still_open()) == store.MOST_OPEN
    batches.end("b")
    assert batches.start(batch("more"), ["o1"])
    latest = [record.batch_id for record in batches.page(None, 9)]
    assert (latest[0], latest[-1], len(latest)) == ("more", "b", store.MOST_OPEN + 1)
    assert [record.batch_id for record in batches.page(None, 2)] == latest[:2]
    assert [record.batch_id for record in batches.page(latest[1], 3)] == latest[2:5]
    assert batches.page("b", 9) == []


def test_those_that_began_at_one_time_are_each_on_one_page(
    batches: Batches, engine: sa.Engine
) -> None:
    """Then their ids put them in order."""
    for batch_id in ("c", "a"):
        assert batches.start(batch(batch_id), ["o1"])
    with engine.begin() as connection:
        connection.execute(sa.update(BATCHES).values(started_at=datetime.now(UTC)))
    pages = [batches.page(before, 1) for before in (None, "c", "b", "a")]
    assert [[record.batch_id for record in page] for page in pages] == [["c"], ["b"], ["a"], []]


def test_what_ended_long_ago_is_deleted_bit_by_bit(
    batches: Batches, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open stays, however old."""
    monkeypatch.setattr(store, "MOST_PRUNED", 2)
    assert batches.prune(NOW) == 0
    batches.start(batch("open"), ["o1"])
    batches.end("b")
    assert batches.prune(MONTH) == 0
    assert [batches.prune(NOW) for _ in range(4)] == [2, 1, 1, 0]
    assert batches.find("b") is None
    with engine.connect() as connection:
        assert len(connection.execute(sa.select(BATCH_ORDERS)).all()) == 1
