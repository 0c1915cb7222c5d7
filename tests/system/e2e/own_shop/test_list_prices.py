"""Who sets the price of a line: the caller, or the list."""

import httpx
import pytest

from tests.stack import Stack, order
from tests.system.e2e.own_shop.shop_calls import (
    another_api,
    deposit,
    offer,
    open_wallet,
)

pytestmark = pytest.mark.long


def fay_places(http: httpx.Client, sku: str, price: int, order_id: str) -> httpx.Response:
    body = order("fay", sku, price=price, order_id=order_id)
    return http.post("/orders", json=body, headers={"Prefer": "wait=20"})


def is_refused(http: httpx.Client, answer: httpx.Response, message: str) -> None:
    """See that a price is told to be wrong, on its line, and that no order was started."""
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"] == [{"field": "lines.0.unit_price_minor", "message": message}]
    assert http.get("/orders/refused").status_code == 404


@pytest.fixture(scope="module")
def fay(stack: Stack) -> None:
    """A customer with money, and things with and without a list price."""
    offer(stack, "hat", 100, GBP=250)
    offer(stack, "gift", 100)
    open_wallet(stack, "fay")
    deposit(stack, "fay", 100_000, "fay-1")


@pytest.mark.usefixtures("fay")
def test_callers_set_prices_unless_it_is_set_otherwise(stack: Stack) -> None:
    """As the page says: what the caller says is what a line costs, nothing too."""
    for number, (sku, price) in enumerate((("hat", 0), ("hat", 999), ("gift", 1))):
        answer = fay_places(stack.http, sku, price, f"caller-{number}")
        assert answer.json()["state"] == "COMPLETED"


@pytest.mark.usefixtures("fay")
def test_list_prices_bound_what_is_paid(stack: Stack) -> None:
    """Nothing is cheaper than its list price; what has none is not sold."""
    with another_api(stack, ORDER_PRICES="at_least_list") as http:
        message = "2.49 GBP is offered, the list price is 2.50 GBP"
        is_refused(http, fay_places(http, "hat", 249, "refused"), message)
        message = "gift has no list price in GBP"
        is_refused(http, fay_places(http, "gift", 10**6, "refused"), message)
        for price in (250, 251):
            assert fay_places(http, "hat", price, f"least-{price}").json()["state"] == "COMPLETED"


@pytest.mark.usefixtures("fay")
def test_list_prices_decide_what_is_paid(stack: Stack) -> None:
    """A line costs its list price and nothing else; an order keeps the price it was placed at."""
    with another_api(stack, ORDER_PRICES="list") as http:
        for price in (249, 251):
            message = f"2.{price - 200} GBP is offered, the list price is 2.50 GBP"
            is_refused(http, fay_places(http, "hat", price, "refused"), message)
        euros = http.post("/orders", json=order("fay", "hat", price=250) | {"currency": "EUR"})
        assert euros.status_code == 422
        first = fay_places(http, "hat", 250, "list-250")
        assert first.json()["state"] == "COMPLETED"
        offer(stack, "hat", GBP=260)
        again = fay_places(http, "hat", 250, "list-250")
        assert (again.status_code, again.json()) == (200, first.json())
        message = "2.50 GBP is offered, the list price is 2.60 GBP"
        is_refused(http, fay_places(http, "hat", 250, "refused"), message)
        offer(stack, "hat", GBP=250)
        stack.data_dir.joinpath("stock.db").rename(stack.data_dir / "away.db")
        new_order = fay_places(http, "hat", 250, "unknown")
        known_order = fay_places(http, "hat", 250, "list-250")
        stack.data_dir.joinpath("away.db").rename(stack.data_dir / "stock.db")
        assert (new_order.status_code, new_order.headers["Retry-After"]) == (503, "2")
        assert (known_order.status_code, known_order.json()) == (200, first.json())
