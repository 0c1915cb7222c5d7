"""What a day by card has beside a usual one: customers who are asked, lost answers, two books."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import sqlalchemy as sa
from rich.console import Console

from config import Settings
from contracts.states import OrderStatus
from operations.audit.audit import Check, first_lines, open_to_read
from operations.audit.invariants import snapshot
from operations.audit.report import print_check, print_line
from operations.demo.customers import Customers
from operations.reconcile.command import reconcile_and_print
from operations.up.card_account import control_url, with_card_provider
from participants.order.tables import ORDERS

MANY = 1_000_000
LOST_ANSWERS = {
    "kind": "answer_lost",
    "call": "payment_intents.*",
    "times": MANY,
    "probability": 0.02,
    "seed": 20_101_201,
}
"""Of every fifty calls one is booked, and its answer never comes."""

CLOCK_LIES_SECONDS = -90
"""So far beside its clock is what the provider says of when a payment was made."""

CLAIM = (
    "by the provider's own books each confirmed order was paid once and whole, of a cancelled one "
    "nothing is kept, and nothing is held on a card"
)


class CardDay:
    """The provider of a demo's stack, and its customers."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        """Look after the stack of these settings, whose API `http` reaches."""
        self._settings = with_card_provider(settings)
        self._customers = Customers(http)
        self._lost_answers = 0

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Lose answers, lie about time, and have customers answer their banks, while this lasts."""
        async with self._control() as control, self._customers.answering():
            lie = {"created_shift_seconds": CLOCK_LIES_SECONDS}
            (await control.patch("/settings", json=lie)).raise_for_status()
            (await control.post("/faults", json=LOST_ANSWERS)).raise_for_status()
            yield
            faults = (await control.get("/faults")).raise_for_status().json()
            self._lost_answers = MANY - sum(fault["times"] for fault in faults)
            (await control.delete("/faults")).raise_for_status()

    async def report(self, console: Console) -> bool:
        """Print how both books stand; return whether the provider's are sound, and ours agree."""
        print_line(
            console,
            "",
            f"{self._customers.acceptances} customers confirmed at their bank, "
            f"{self._customers.refusals} did not; {self._lost_answers} answers of the card "
            "provider were lost on the way",
        )
        async with self._control() as control:
            rows = (await control.get("/books")).raise_for_status().json()
        lines = await asyncio.to_thread(self._violations, rows)
        check = Check("B1", CLAIM, first_lines(lines))
        print_check(check, console)
        report = await asyncio.to_thread(reconcile_and_print, self._settings, console)
        return not check.violations and report.agrees and report.orders > 0

    def _control(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=control_url(self._settings), trust_env=False)

    def _violations(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        query = sa.select(ORDERS.c.order_id, ORDERS.c.status, ORDERS.c.total_minor)
        with open_to_read(self._settings, "order") as orders, snapshot(orders) as connection:
            return list(violations(rows, connection.execute(query).tuples()))


def violations(
    rows: Sequence[Mapping[str, Any]], orders: Iterator[tuple[str, str, int | None]]
) -> Iterator[str]:
    """Yield what is wrong with orders by the provider's books.

    Args:
        rows: of its `order_amounts`.
        orders: the id of each order on record, its status, and what it costs.
    """
    amounts = {row["order_id"]: row for row in rows}
    for order_id, status, total_minor in orders:
        row = amounts.pop(order_id, None)
        if not _is_sound(row, status, total_minor or 0):
            yield f"order {order_id} is {status} and costs {total_minor}: {_amounts(row)}"
    for order_id, row in amounts.items():
        yield f"order {order_id} is not on record: {_amounts(row)}"


def _is_sound(row: Mapping[str, Any] | None, status: str, total_minor: int) -> bool:
    if row is None:
        return status != OrderStatus.CONFIRMED or total_minor == 0
    kinds = ("authorised_minor", "captured_minor", "voided_minor", "refunded_minor")
    amounts = tuple(row[kind] for kind in kinds)
    authorised_minor, captured_minor, voided_minor, refunded_minor = amounts
    if status == OrderStatus.CONFIRMED:
        return bool(row["payments"] == 1 and amounts == (total_minor, total_minor, 0, 0))
    if status == OrderStatus.CANCELLED:
        is_released = authorised_minor == captured_minor + voided_minor
        return bool(is_released and captured_minor == refunded_minor)
    held_minor = authorised_minor - captured_minor - voided_minor
    return bool(row["payments"] <= 1 and held_minor <= total_minor)


def _amounts(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "the provider has no payment with money"
    return ", ".join(f"{name} {value}" for name, value in row.items() if name != "order_id")
