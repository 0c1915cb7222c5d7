"""What the order service promises of every order, whichever way it goes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta, timezone
from functools import partial

import pytest
import sqlalchemy as sa

from contracts.order import (
    CancelOrderCommand,
    OrderConfirmedEvent,
    OrderRegisteredEvent,
)
from contracts.record import Failure
from contracts.states import OrderStatus, SagaState
from participants.order.service import OrderService
from tests.commands import (
    ORDER,
    START,
    cancel,
    confirm,
    register,
)
from tests.concurrency import at_once
from tests.participants.state import all_on_record, moves_on_record, record

RIVALS = 8


def test_one_order_is_not_touched_by_the_end_of_another(orders: OrderService) -> None:
    """Closing an order changes no other order's record or moves."""
    for order_id in ("6", "7", "8"):
        orders.register(register(order_id))
    before = all_on_record(orders)
    orders.confirm(confirm("6"))
    orders.cancel(cancel("8"))
    assert all_on_record(orders) == before


@pytest.mark.parametrize("close", [confirm, cancel], ids=["confirm", "cancel"])
def test_times_come_back_in_utc(
    orders: OrderService, close: Callable[..., CancelOrderCommand]
) -> None:
    """Moves told in another time zone are the same instants, in UTC.

    And so are all times of a record.
    """
    elsewhere = START.astimezone(timezone(timedelta(hours=-8)))
    orders.register(register("7", start=elsewhere))
    command = close("7", start=elsewhere)
    (orders.cancel if isinstance(command, CancelOrderCommand) else orders.confirm)(command)
    state_moves = moves_on_record(orders)
    assert [move.at for move in state_moves[:3]] == [START + timedelta(seconds=n) for n in range(3)]
    order_record = record(orders)
    assert order_record.placed_at == START
    assert order_record.closed_at is not None
    assert {
        at.tzinfo
        for at in (
            order_record.placed_at,
            order_record.closed_at,
            *(move.at for move in state_moves),
        )
    } == {UTC}


@pytest.mark.parametrize(
    "words",
    ["\x00", "ünïcödé 🧺", "'; DROP TABLE orders; --", "x" * 100_000],
    ids=["NUL", "unicode", "SQL", "long"],
)
def test_any_words_can_be_the_reason(orders: OrderService, words: str) -> None:
    """Whatever people and machines say about a failure is kept as they said it."""
    failure = Failure(reason="CANCELLED", message=words, details={"by": words})
    orders.cancel(cancel("7", failure=failure))
    assert record(orders).failure == failure


def test_what_is_on_record_is_read_as_it_was_at_one_instant(
    orders: OrderService, engine: sa.Engine
) -> None:
    """An order that closes between two statements is still open in all of them."""
    orders.register(register("7"))
    with meanwhile(engine, lambda: orders.confirm(confirm("7"))):
        recorded_order = orders.recorded_order("7")
    assert recorded_order is not None
    assert recorded_order.record.status is OrderStatus.PENDING
    assert [move.state for move in recorded_order.moves] == [SagaState.PENDING]
    assert record(orders).status is OrderStatus.CONFIRMED


def test_figures_are_those_of_one_instant(orders: OrderService, engine: sa.Engine) -> None:
    """As many orders failed as there are reasons for it."""
    orders.register(register("7"))
    with meanwhile(engine, lambda: orders.cancel(cancel("7"))):
        statuses, reasons = orders.figures()
    assert (statuses[OrderStatus.CANCELLED], reasons) == (0, {})
    assert orders.figures()[0][OrderStatus.CANCELLED] == 1


@contextmanager
def meanwhile(engine: sa.Engine, work: Callable[[], object]) -> Iterator[None]:
    """Have something done once, behind the first statement that reads."""
    to_do = [work]

    def interrupt(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if to_do and statement.startswith("SELECT"):
            to_do.pop()()

    sa.event.listen(engine, "after_cursor_execute", interrupt)
    yield
    sa.event.remove(engine, "after_cursor_execute", interrupt)
    assert not to_do


def test_a_record_that_cannot_be_written_leaves_nothing(orders: OrderService) -> None:
    """A closing command that fails half-way leaves the order open and can be repeated."""
    orders.register(register("7"))
    before = all_on_record(orders)
    move_without_zone = confirm("7").moves[0].model_copy(update={"at": START.replace(tzinfo=None)})
    with pytest.raises(sa.exc.StatementError):
        orders.confirm(confirm("7").model_copy(update={"moves": (move_without_zone,)}))
    assert all_on_record(orders) == before
    assert orders.confirm(confirm("7")) == OrderConfirmedEvent(order_id="7")


def test_an_order_from_the_threshold_on_is_to_be_reviewed(engine: sa.Engine) -> None:
    """The answer says for how long.

    An order below is not, nor is any when there is no threshold.
    """
    total = ORDER.total_minor
    for number, (threshold, seconds) in enumerate(
        [(total, 60), (0, 60), (total + 1, None), (None, None)]
    ):
        service = OrderService.open(engine, review_threshold_minor=threshold, review_seconds=60)
        answer = service.register(register(f"r{number}"))
        assert isinstance(answer, OrderRegisteredEvent)
        assert answer.review_seconds == seconds


def test_whether_an_order_is_to_be_reviewed_never_changes(engine: sa.Engine) -> None:
    """Repeated under other settings, a registration hears what it heard first.

    The saga's history rests on it.
    """
    OrderService.open(engine, review_threshold_minor=0, review_seconds=60).register(register("r"))
    answer = OrderService.open(engine).register(register("r"))
    assert isinstance(answer, OrderRegisteredEvent)
    assert answer.review_seconds == 60


def test_a_request_names_one_order_for_ever(orders: OrderService) -> None:
    """Whatever it is claimed for afterwards; another request may name the same order."""
    assert orders.claim("ann's key", "7") == "7"
    assert [orders.claim("ann's key", other) for other in ("8", "7", "9")] == ["7", "7", "7"]
    assert orders.claim("bob's key", "7") == "7"
    assert orders.claim("bob's other key", "8") == "8"


def test_of_many_who_claim_a_request_one_wins(orders: OrderService) -> None:
    """Each with an order of its own, all at one time, again and again.

    All are told the order of one of them.
    """
    for number in range(10):
        claims = [
            partial(orders.claim, f"request {number}", f"{number}-{rival}")
            for rival in range(RIVALS)
        ]
        order_ids = set(at_once(claims))
        assert len(order_ids) == 1
        assert order_ids == {orders.claim(f"request {number}", "late")}
        assert order_ids < {f"{number}-{rival}" for rival in range(RIVALS)}
