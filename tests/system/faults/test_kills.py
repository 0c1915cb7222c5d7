"""Orders under kill -9: of one worker of each role, and of everything at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from contracts.steps import ROLES
from tests.stack import Stack, order
from tests.system.faults.conftest import FUNDS, PIECES

PAIRS = tuple(f"{role}-{number}" for number in (1, 2) for role in ROLES)

PRICE = 100
OK = ("COMPLETED", None)


def order_of_the_mix(number: int) -> dict[str, Any]:
    """Return one of many orders: most complete, some fail for stock (1 in 5) or money (1 in 7)."""
    order_id = f"n-{number}"
    if number % 5 == 0:
        return order(sku="scarce", quantity=2, price=PRICE, order_id=order_id)
    if number % 7 == 0:
        return order("poor", price=PRICE + 1, order_id=order_id)
    return order(price=PRICE, order_id=order_id)


def expected(number: int) -> tuple[str, str | None]:
    if number % 5 == 0:
        return "FAILED", "OUT_OF_STOCK"
    return ("FAILED", "INSUFFICIENT_FUNDS") if number % 7 == 0 else OK


def assert_all_ended_right(stack: Stack, count: int) -> None:
    """Check that every order closed as it had to, and that money and stock agree with that.

    The invariants hold as well.
    """
    for number in range(count):
        view = stack.closed_order(f"n-{number}", seconds=80)
        assert (view["state"], view["failure"] and view["failure"]["reason"]) == expected(number), (
            view
        )
    completed_count = sum(expected(number) == OK for number in range(count))
    wallet = stack.http.get("/customers/rich/wallet").json()
    assert wallet["balance_minor"] == FUNDS - completed_count * PRICE
    assert stack.http.get("/customers/poor/wallet").json()["balance_minor"] == PRICE
    assert stack.http.get("/stock/plenty").json()["available"] == PIECES - completed_count
    assert stack.http.get("/stock/scarce").json()["available"] == 1
    status, report = stack.audit()
    assert status == 0, report


def place(stack: Stack, count: int, at_half: Callable[[], None]) -> list[int]:
    """Place many orders from eight clients, and do something once half are placed.

    Return the numbers of those that got no 202.
    """

    def is_taken(number: int) -> bool:
        try:
            return stack.place(order_of_the_mix(number)).status_code == 202
        except httpx.TransportError:
            return False

    with ThreadPoolExecutor(8) as clients:
        first = list(clients.map(is_taken, range(count // 2)))
        rest = [clients.submit(is_taken, number) for number in range(count // 2, count)]
        at_half()
        answers = first + [placing.result() for placing in rest]
    return [number for number, answer in enumerate(answers) if not answer]


@pytest.mark.long
def test_no_worker_is_a_single_point_of_failure(stack: Stack) -> None:
    """With two workers per role, kill -9 of one of each costs no order, money or piece."""
    stack.start_all(*PAIRS)

    def kill_one_of_each() -> None:
        for role in ROLES:
            stack.kill(f"{role}-1")

    assert place(stack, 40, kill_one_of_each) == []
    assert_all_ended_right(stack, 40)


@pytest.mark.long
@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("workers", "local_activities"), [(ROLES, "off"), ((), "on")], ids=["per_role", "one_locally"]
)
def test_everything_killed_goes_on(
    stack: Stack, workers: tuple[str, ...], local_activities: str
) -> None:
    """After kill -9 of every process amid fifty orders, a new start finishes each once."""
    stack.env["LOCAL_ACTIVITIES"] = local_activities
    stack.start_all(*workers)

    def kill_everything() -> None:
        for name in list(stack.processes):
            stack.kill(name)

    numbers_without_answer = place(stack, 50, kill_everything)
    stack.start_all(*workers)
    for number in (
        numbers_without_answer
    ):  # who got no answer asks again: the same order id is the same order, placed or not
        assert stack.place(order_of_the_mix(number)).status_code in (200, 202)
    assert_all_ended_right(stack, 50)
