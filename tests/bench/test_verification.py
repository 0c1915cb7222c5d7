"""The databases are compared with what a contestant said: each kind of difference is found."""

from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.peers.services import Refused, Services
from bench.verification import discrepancies
from bench.workload import database_url, open_shop, orders
from contracts.placing import PlaceOrder
from temporal_saga.database import open_database

ORDERS = orders("x", 3)
COMPLETED = {order.order_id or "" for order in ORDERS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a shop in which the orders were completed."""
    open_shop(tmp_path)
    with closing(Services(tmp_path, threads=1)) as services:
        for order in ORDERS:
            services.register(order)
            services.charge(order)
            services.take(order)
            services.confirm(order)
    return tmp_path


def findings_after(folder: Path, participant: str, statement: str) -> list[str]:
    """Return what is found after a statement behind the participant's back."""
    engine = open_database(database_url(folder, participant))
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
    return discrepancies(folder, ORDERS, COMPLETED)


def test_completed_orders_are_found_in_order(folder: Path) -> None:
    """The records, the wallets, the stock and the invariants are as they must be."""
    assert discrepancies(folder, ORDERS, COMPLETED) == []


def test_an_order_whose_end_nobody_heard_is_allowed(folder: Path) -> None:
    """It counts as an error elsewhere; it may have been completed all the same."""
    assert discrepancies(folder, ORDERS, COMPLETED - {"x-1"}) == []


def test_an_order_said_to_be_completed_must_be_confirmed(folder: Path) -> None:
    """An answer alone is no completed order."""
    more = [*ORDERS, *orders("y", 1)]
    [problem] = discrepancies(folder, more, COMPLETED | {"y-0"})
    assert "not CONFIRMED" in problem
    assert "y-0" in problem


def test_an_order_that_nobody_placed_is_found(folder: Path) -> None:
    """Nobody gets work done for orders that are not the bench's."""
    problems = discrepancies(folder, ORDERS[:2], {"x-0", "x-1"})
    assert any("nobody placed, like x-2" in problem for problem in problems)


@pytest.mark.parametrize(
    ("participant", "statement", "expected"),
    [
        ("order", "UPDATE orders SET status = 'PENDING' WHERE order_id = 'x-2'", "still PENDING"),
        (
            "payment",
            "UPDATE wallets SET balance_minor = balance_minor + 1 WHERE customer_id = 'customer-0'",
            "the wallet of customer-0",
        ),
        (
            "stock",
            "UPDATE products SET available = available + 1 WHERE sku = 'product-0'",
            "the stock of product-0",
        ),
        ("stock", "DELETE FROM movements WHERE order_id = 'x-2'", "stock: invariant"),
    ],
)
def test_each_difference_is_found(
    folder: Path, participant: str, statement: str, expected: str
) -> None:
    """Whatever one service holds beside what it must hold is said."""
    assert any(expected in problem for problem in findings_after(folder, participant, statement))


def test_what_a_peer_takes_back_leaves_nothing(tmp_path: Path) -> None:
    """Every compensation of the peers' services undoes its command; a refusal is an error."""
    open_shop(tmp_path)
    [order] = orders("x", 1)
    with closing(Services(tmp_path, threads=1)) as services:
        services.register(order)
        services.charge(order)
        services.take(order)
        services.put_back(order)
        services.refund(order)
        services.cancel(order, "a step failed")
        assert discrepancies(tmp_path, [order], set()) == []
        poor = order.model_copy(update={"order_id": "x-1", "customer_id": "nobody"})
        services.register(poor)
        with pytest.raises(Refused, match="UNKNOWN_CUSTOMER"):
            services.charge(poor)


def test_every_customer_and_product_is_in_the_shop(tmp_path: Path) -> None:
    """Orders of any number find their wallet and their stock."""
    open_shop(tmp_path)
    with closing(Services(tmp_path, threads=1)) as services:
        for order in _far_apart():
            services.charge(order)
            services.take(order)


def _far_apart() -> list[PlaceOrder]:
    return [orders("x", 1234)[number] for number in (0, 777, 1233)]
