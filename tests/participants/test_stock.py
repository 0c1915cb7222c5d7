"""What the stock service promises; that no stock is lost or made is checked after every test."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from contracts.base import MAX_LINES
from contracts.stock import (
    StockDecreasedEvent,
    StockDecreaseFailedEvent,
    StockRestoredEvent,
    StockView,
)
from participants.stock.service import StockService
from participants.stock.tables import MOVEMENTS
from temporal_saga.database import reading
from temporal_saga.fence import KeyReused
from tests.commands import put_back, take


@pytest.fixture(autouse=True)
def _products(stock: StockService) -> None:
    stock.add_products(
        [
            StockView(sku="A", name="apple", available=5),
            StockView(sku="B", name="bread", available=3),
            StockView(sku="C", name="cheese", available=0),
        ]
    )


def available(stock: StockService) -> dict[str, int]:
    """Return what is available of each product."""
    return {sku: product.available for sku in "ABC" if (product := stock.product(sku)) is not None}


def movements(engine: sa.Engine) -> list[tuple[str, int, str, int]]:
    """Return the log: order, line, SKU and change."""
    columns = (MOVEMENTS.c.order_id, MOVEMENTS.c.line, MOVEMENTS.c.sku, MOVEMENTS.c.change)
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(*columns).order_by(MOVEMENTS.c.command_key, MOVEMENTS.c.line)
        ).all()
    return [(row.order_id, row.line, row.sku, row.change) for row in rows]


def test_every_line_is_taken_and_logged(stock: StockService, engine: sa.Engine) -> None:
    """All lines of a command are taken, each with an entry in the log."""
    assert stock.decrease(take("1", ("B", 1), ("A", 2))) == StockDecreasedEvent(order_id="1")
    assert available(stock) == {"A": 3, "B": 2, "C": 0}
    assert movements(engine) == [("1", 0, "B", -1), ("1", 1, "A", -2)]


def test_the_last_unit_can_be_taken_and_no_more(stock: StockService) -> None:
    """A product can be sold out, and not oversold."""
    assert isinstance(stock.decrease(take("1", ("A", 5))), StockDecreasedEvent)
    assert isinstance(stock.decrease(take("2", ("A", 1))), StockDecreaseFailedEvent)
    assert available(stock)["A"] == 0


def test_a_sku_on_two_lines_is_taken_twice(stock: StockService, engine: sa.Engine) -> None:
    """Lines of the same SKU add up, and each is logged."""
    stock.decrease(take("1", ("A", 2), ("B", 1), ("A", 3)))
    assert available(stock) == {"A": 0, "B": 2, "C": 0}
    assert movements(engine) == [("1", 0, "A", -2), ("1", 1, "B", -1), ("1", 2, "A", -3)]


def test_a_sku_on_two_lines_is_refused_when_only_each_alone_could_be_served(
    stock: StockService,
) -> None:
    """What counts is the sum of a SKU's lines."""
    refusal = stock.decrease(take("1", ("A", 3), ("A", 3)))
    assert isinstance(refusal, StockDecreaseFailedEvent)
    assert refusal.details == {"short": [{"sku": "A", "asked": 6, "available": 5}]}
    assert available(stock)["A"] == 5


def test_too_little_stock_is_refused_with_the_short_lines(
    stock: StockService, engine: sa.Engine
) -> None:
    """OUT_OF_STOCK names every short product, by SKU, with what was asked and what is left.

    And nothing is taken.
    """
    assert stock.decrease(take("1", ("C", 1), ("A", 2), ("B", 4))) == StockDecreaseFailedEvent(
        order_id="1",
        reason="OUT_OF_STOCK",
        message="B: 4 asked, 3 left; C: 1 asked, 0 left",
        details={
            "short": [
                {"sku": "B", "asked": 4, "available": 3},
                {"sku": "C", "asked": 1, "available": 0},
            ]
        },
    )
    assert available(stock) == {"A": 5, "B": 3, "C": 0}
    assert movements(engine) == []


def test_unknown_products_are_refused_by_name(stock: StockService, engine: sa.Engine) -> None:
    """UNKNOWN_SKU names every SKU that the shop does not have, and nothing is taken.

    Also when another line is short.
    """
    assert stock.decrease(
        take("1", ("Z", 1), ("A", 1), ("Y", 1), ("C", 1))
    ) == StockDecreaseFailedEvent(
        order_id="1",
        reason="UNKNOWN_SKU",
        message="not a product of this shop: Y, Z",
        details={"skus": ["Y", "Z"]},
    )
    assert available(stock) == {"A": 5, "B": 3, "C": 0}
    assert movements(engine) == []


def test_a_refusal_stands_when_stock_comes_later(stock: StockService) -> None:
    """A taking that was refused stays refused, though the stock would do by now."""
    stock.decrease(take("1", ("A", 5)))
    refusal = stock.decrease(take("2", ("A", 1)))
    stock.restore(put_back("1", ("A", 5)))
    assert stock.decrease(take("2", ("A", 1))) == refusal
    assert available(stock)["A"] == 5


def test_a_taking_repeated_takes_once(stock: StockService) -> None:
    """The same taking again gets the same answer and takes no more."""
    first = stock.decrease(take("1", ("A", 2)))
    assert stock.decrease(take("1", ("A", 2))) == first
    assert available(stock)["A"] == 3


@pytest.mark.parametrize(
    "lines",
    [[("A", 3)], [("B", 2)], [("A", 1), ("A", 1)]],
    ids=["other count", "other SKU", "split"],
)
def test_another_taking_under_the_same_key_takes_nothing(
    stock: StockService, lines: list[tuple[str, int]]
) -> None:
    """A taking's key belongs to its lines."""
    stock.decrease(take("1", ("A", 2)))
    with pytest.raises(KeyReused):
        stock.decrease(take("1", *lines))
    assert available(stock) == {"A": 3, "B": 3, "C": 0}


def test_what_was_taken_is_put_back_line_by_line(stock: StockService, engine: sa.Engine) -> None:
    """A restoring puts back every line that was taken, and logs each."""
    lines = (("A", 2), ("B", 1), ("A", 3))
    stock.decrease(take("1", *lines))
    assert stock.restore(put_back("1", *lines)) == StockRestoredEvent(order_id="1", restored=True)
    assert available(stock) == {"A": 5, "B": 3, "C": 0}
    assert movements(engine)[3:] == [("1", 0, "A", 2), ("1", 1, "B", 1), ("1", 2, "A", 3)]


def test_a_restoring_repeated_puts_back_once(stock: StockService) -> None:
    """The same restoring again gets the same answer and puts back no more."""
    stock.decrease(take("1", ("A", 2)))
    first = stock.restore(put_back("1", ("A", 2)))
    assert stock.restore(put_back("1", ("A", 2))) == first
    assert available(stock)["A"] == 5


@pytest.mark.parametrize(
    "lines", [[("A", 1)], [("A", 3)], [("B", 2)], [("Z", 1)], [("A", 2), ("B", 2)]], ids=str
)
def test_what_was_taken_is_put_back_whatever_lines_are_named(
    stock: StockService, lines: list[tuple[str, int]]
) -> None:
    """The log of what was taken says what goes back, so that no stock is lost and none is made."""
    stock.decrease(take("1", ("A", 2)))
    assert stock.restore(put_back("1", *lines)) == StockRestoredEvent(order_id="1", restored=True)
    assert available(stock) == {"A": 5, "B": 3, "C": 0}


def test_a_restoring_of_one_order_leaves_the_others_taken(stock: StockService) -> None:
    """A restoring touches its own order's stock alone."""
    stock.decrease(take("1", ("A", 2)))
    stock.decrease(take("2", ("A", 1)))
    stock.restore(put_back("1", ("A", 2)))
    assert available(stock)["A"] == 4


@pytest.mark.parametrize("sku", ["A", "Z"])
def test_a_restoring_of_what_was_never_taken_puts_back_nothing(
    stock: StockService, engine: sa.Engine, sku: str
) -> None:
    """A restoring without a taking succeeds, puts back nothing, and says so.

    Also of unknown products.
    """
    assert stock.restore(put_back("1", (sku, 2))) == StockRestoredEvent(
        order_id="1", restored=False
    )
    assert available(stock)["A"] == 5
    assert movements(engine) == []


def test_a_restoring_of_a_refused_taking_puts_back_nothing(stock: StockService) -> None:
    """A restoring of a taking that was refused succeeds and puts back nothing."""
    stock.decrease(take("1", ("A", 6)))
    assert stock.restore(put_back("1", ("A", 6))) == StockRestoredEvent(
        order_id="1", restored=False
    )
    assert available(stock)["A"] == 5


@pytest.mark.parametrize("was_taken", [True, False])
def test_a_taking_after_its_restoring_is_refused(stock: StockService, was_taken: bool) -> None:
    """A taking that arrives after its restoring takes nothing.

    Its refusal says that it came too late.
    """
    if was_taken:
        stock.decrease(take("1", ("A", 2)))
    stock.restore(put_back("1", ("A", 2)))
    late = stock.decrease(take("1", ("A", 2)))
    assert isinstance(late, StockDecreaseFailedEvent)
    assert (late.reason, late.details) == ("ALREADY_COMPENSATED", {})
    assert "arrived after its compensation" in late.message
    assert available(stock)["A"] == 5


def test_another_restoring_under_the_same_key_puts_back_nothing(stock: StockService) -> None:
    """A restoring's key belongs to its lines."""
    stock.decrease(take("1", ("A", 2)))
    stock.restore(put_back("1", ("A", 2)))
    with pytest.raises(KeyReused):
        stock.restore(put_back("1", ("A", 1)))
    assert available(stock)["A"] == 5


def test_the_longest_order_is_taken_and_put_back(stock: StockService) -> None:
    """An order of as many lines as are allowed is one command like any other."""
    skus = [f"SKU {number}" for number in range(MAX_LINES)]
    stock.add_products(StockView(sku=sku, name=sku, available=1) for sku in skus)
    lines = [(sku, 1) for sku in reversed(skus)]
    assert isinstance(stock.decrease(take("1", *lines)), StockDecreasedEvent)
    assert stock.product(skus[0]) == StockView(sku=skus[0], name=skus[0], available=0)
    assert stock.restore(put_back("1", *lines)).restored
    assert stock.product(skus[-1]) == StockView(sku=skus[-1], name=skus[-1], available=1)


def test_a_known_product_keeps_its_stock(stock: StockService) -> None:
    """Adding products again changes nothing, and adds each that is missing once."""
    stock.decrease(take("1", ("A", 2)))
    stock.add_products(
        [
            StockView(sku=sku, name="new", available=count)
            for sku, count in [("A", 9), ("D", 7), ("D", 7)]
        ]
    )
    assert stock.product("A") == StockView(sku="A", name="apple", available=3)
    assert stock.product("D") == StockView(sku="D", name="new", available=7)


def test_no_products_can_be_added(stock: StockService) -> None:
    """Adding nothing is fine."""
    stock.add_products([])
    assert available(stock) == {"A": 5, "B": 3, "C": 0}


def test_a_product_cannot_be_added_below_zero(stock: StockService) -> None:
    """No stock is below zero, not even at first.

    And of a list with such a product none is added.
    """
    with pytest.raises(sa.exc.IntegrityError):
        stock.add_products(
            [StockView(sku=sku, name=sku, available=count) for sku, count in [("D", 1), ("E", -1)]]
        )
    assert stock.product("D") is None


def test_an_unknown_product_is_none(stock: StockService) -> None:
    """Asking for a product that is not there is answered, not an error."""
    assert stock.product("Z") is None


def test_every_movement_is_dated_in_utc(stock: StockService, engine: sa.Engine) -> None:
    """The log says when, in UTC."""
    before = datetime.now(UTC)
    stock.decrease(take("1", ("A", 1)))
    with reading(engine) as connection:
        at = connection.scalars(sa.select(MOVEMENTS.c.at)).one()
    assert before <= at <= datetime.now(UTC)
    assert at.tzinfo is UTC
