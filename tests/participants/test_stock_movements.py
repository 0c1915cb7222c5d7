"""What a shop tells the stock service of deliveries and losses.

That stock and books are right is checked after every test.
"""

from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.base import MAX_PIECES
from contracts.stock import (
    ProductOffer,
    StockMovedEvent,
    StockMovementRefusedEvent,
    StockView,
)
from participants.stock.service import StockService
from participants.stock.tables import MOVEMENT_REASONS
from temporal_saga.database import reading
from tests.commands import move, offer, put_back, take
from tests.concurrency import at_once
from tests.participants.state import available

APPLE = ProductOffer(sku="A", name="apple", opening_stock=5, prices={"GBP": 30, "EUR": 35})
BREAD = ProductOffer(sku="B", name="bread")


def test_a_delivery_comes_in_and_breakage_goes_out(stock: StockService, engine: sa.Engine) -> None:
    """Pieces move in and out without an order, and the log says why and who said so."""
    stock.offer(offer("1", APPLE))
    assert stock.move(move("1", 50)) == StockMovedEvent(sku="A", change=50, available=55)
    assert stock.move(move("2", -55, reason="moths")).model_dump() == {
        "event": "StockMovedEvent",
        "sku": "A",
        "change": -55,
        "available": 0,
    }
    with reading(engine) as connection:
        reason_rows = connection.execute(sa.select(MOVEMENT_REASONS).order_by("command_key")).all()
    assert [tuple(row) for row in reason_rows] == [
        ("movement/1", "delivery", "till-7"),
        ("movement/2", "moths", "till-7"),
    ]


def test_a_movement_repeated_moves_once(stock: StockService) -> None:
    """The same key again gets the same answer, and moves nothing more."""
    stock.offer(offer("1", APPLE))
    first = stock.move(move("1", 50))
    stock.move(move("2", 1))
    assert stock.move(move("1", 50)) == first
    assert available(stock) == 56


@pytest.mark.parametrize(
    ("other", "reason"),
    [(move("1", 51), "KEY_REUSED"), (move("1", 50, sku="B"), "KEY_REUSED")],
)
def test_another_movement_under_the_same_key_moves_nothing(
    stock: StockService, other: Any, reason: str
) -> None:
    """A key belongs to its product and its number of pieces."""
    stock.offer(offer("1", APPLE, BREAD))
    stock.move(move("1", 50))
    refusal = stock.move(other)
    assert isinstance(refusal, StockMovementRefusedEvent)
    assert refusal.reason == reason
    assert (available(stock), available(stock, "B")) == (55, 0)


def test_stock_never_goes_below_zero(stock: StockService) -> None:
    """It says what is left; and a refusal is no last word: it may be asked again."""
    stock.offer(offer("1", APPLE))
    refusal = StockMovementRefusedEvent(
        reason="OUT_OF_STOCK", message="A: 6 are to be taken out, 5 left"
    )
    assert stock.move(move("1", -6)) == refusal
    stock.move(move("2", 1))
    assert stock.move(move("1", -6)) == StockMovedEvent(sku="A", change=-6, available=0)


def test_a_product_that_is_none_does_not_move(stock: StockService) -> None:
    """It is not added by a delivery, which has no name for it."""
    refusal = stock.move(move("1", 1, sku="Z"))
    assert isinstance(refusal, StockMovementRefusedEvent)
    assert refusal.reason == "UNKNOWN_SKU"
    assert stock.product("Z") is None


def test_stock_is_counted_to_a_limit(stock: StockService) -> None:
    """No number of deliveries makes a number that a database cannot hold."""
    stock.add_products([StockView(sku="A", name="apple", available=1_000 * MAX_PIECES)])
    refusal = stock.move(move("1", 1))
    assert isinstance(refusal, StockMovementRefusedEvent)
    assert refusal.reason == "TOO_MUCH"


def test_what_is_put_back_is_more_than_there_was(stock: StockService) -> None:
    """Pieces that went out without an order do not keep an order's pieces from coming back."""
    stock.offer(offer("1", APPLE))
    stock.decrease(take("1", ("A", 3)))
    stock.move(move("1", -2))
    stock.restore(put_back("1", ("A", 3)))
    assert available(stock) == 3


def test_many_take_the_last_pieces_once(stock: StockService) -> None:
    """Of many who take out at once only as many succeed as there is stock for."""
    stock.offer(offer("1", APPLE))
    events = at_once([partial(stock.move, move(str(number), -1)) for number in range(12)])
    assert sum(isinstance(event, StockMovedEvent) for event in events) == 5
    assert available(stock) == 0
