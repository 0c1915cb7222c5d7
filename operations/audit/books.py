"""O2, across the participants' databases: what each order is to keep of money and stock, and what is kept of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from contracts.money import money
from contracts.record import Compensation
from contracts.states import OrderStatus
from contracts.steps import STEPS
from contracts.text import is_seen
from operations.audit.invariants import snapshot
from participants.order.tables import LINES, ORDERS
from participants.payment.tables import PAYMENTS
from participants.stock.supply import NO_ORDER
from participants.stock.tables import MOVEMENTS

CLAIM = (
    "CONFIRMED: exactly the ordered money is kept and the ordered stock taken; "
    "CANCELLED: nothing is kept, except what a named person settled"
)
COMPENSATIONS = TypeAdapter(tuple[Compensation, ...])
CLOSER = "order"
"""The participant whose commands close an order's record, and keep nothing."""

PARTICIPANT_OF = {step.name: step.participant for step in STEPS}


class Thing(NamedTuple):
    """Money of one customer or pieces of one SKU: who keeps it, the customer or SKU, and the currency if it is money."""

    participant: str
    name: str
    currency: str = ""

    def told(self, count: int) -> str:
        """Return so much of it in words."""
        return (
            f"{money(count, self.currency)} of customer {self.name}"
            if self.currency
            else f"{count} × {self.name}"
        )


@dataclass
class Books:
    """What three databases tell of one order; `status` is None when the order service does not know it."""

    status: str | None = None
    total_minor: int | None = None
    ordered: Counter[Thing] = field(default_factory=Counter)
    kept: Counter[Thing] = field(default_factory=Counter)
    settled: dict[str, Compensation] = field(default_factory=dict)

    def problems(self) -> list[str]:
        """Return what is wrong of a closed order: what is kept and not due, or due and not kept."""
        if self.status is None:
            return [
                f"is not known to the order service, and {thing.told(count)} kept"
                for thing, count in self.kept.items()
            ]
        confirmed = self.status == OrderStatus.CONFIRMED
        due = self.ordered if confirmed else Counter[Thing]()
        excused = self.settled if self.status == OrderStatus.CANCELLED else {}
        things = [
            t
            for t in {**due, **self.kept}
            if due[t] != self.kept[t] and t.participant not in excused
        ]
        found = [
            f"is {self.status}: {t.told(due[t])} due, {t.told(self.kept[t])} kept" for t in things
        ]
        price = sum(count for thing, count in self.ordered.items() if thing.currency)
        if confirmed and self.total_minor != price:
            found.append(
                f"is {self.status}: its total is {self.total_minor}, the price of its lines {price}"
            )
        return found

    def settlements(self) -> list[str]:
        """Return what persons settled: who, why, by what evidence, and what is kept by it if it was to be taken back."""
        return [
            self._tell(participant, compensation)
            for participant, compensation in self.settled.items()
        ]

    def _tell(self, participant: str, compensation: Compensation) -> str:
        word = compensation.settled
        assert word is not None, "it is settled"
        kept = [
            thing.told(count)
            for thing, count in self.kept.items()
            if count and thing.participant == participant
        ]
        what = "was closed" if participant == CLOSER else f"keeps {', '.join(kept) or 'nothing'}"
        return (
            f"{what}: {word.by} settled {compensation.command}, "
            f"{word.at:%Y-%m-%d %H:%M} UTC: {word.reason}; evidence: {word.evidence}"
        )


def read_books(databases: Mapping[str, sa.Engine], only: str | None = None) -> dict[str, Books]:
    """Return what the databases tell of every order, or of one; the order service's first, so that what it calls closed is."""
    found: dict[str, Books] = {}
    for participant, read in (
        ("order", _read_orders),
        ("payment", _read_payments),
        ("stock", _read_movements),
    ):
        with snapshot(databases[participant]) as connection:
            read(connection, found, only)
    return found


def _read_orders(connection: sa.Connection, found: dict[str, Books], only: str | None) -> None:
    customers: dict[str, Thing] = {}
    order = ORDERS.c
    wanted = (
        order.order_id,
        order.status,
        order.customer_id,
        order.currency,
        order.total_minor,
        order.compensations,
    )
    for row in connection.execute(_of(only, *wanted)):
        found[row.order_id] = Books(
            row.status, row.total_minor, settled=_settled(row.compensations)
        )
        customers[row.order_id] = Thing("payment", str(row.customer_id), str(row.currency))
    for line in connection.execute(_of(only, *LINES.c)):
        if line.order_id in found:  # else it was placed meanwhile
            found[line.order_id].ordered[Thing("stock", line.sku)] += line.quantity
            found[line.order_id].ordered[customers[line.order_id]] += (
                line.quantity * line.unit_price_minor
            )


def _read_payments(connection: sa.Connection, found: dict[str, Books], only: str | None) -> None:
    for row in connection.execute(_of(only, *PAYMENTS.c)):
        kept = found.setdefault(row.order_id, Books()).kept
        kept[Thing("payment", row.customer_id, row.currency)] += (
            row.amount_minor - row.refunded_minor
        )


def _read_movements(connection: sa.Connection, found: dict[str, Books], only: str | None) -> None:
    for row in connection.execute(
        _of(only, MOVEMENTS.c.order_id, MOVEMENTS.c.sku, MOVEMENTS.c.change)
    ):
        if row.order_id == NO_ORDER:
            continue
        found.setdefault(row.order_id, Books()).kept[Thing("stock", row.sku)] -= row.change


def _of(order_id: str | None, *columns: sa.Column[Any]) -> sa.Select[Any]:
    """Select columns of a table that has an `order_id`: of one order's rows, or of all."""
    wanted = sa.select(*columns)
    return wanted if order_id is None else wanted.where(columns[0].table.c.order_id == order_id)


def _settled(raw: Any) -> dict[str, Compensation]:
    """Return the compensations that a named person settled, by the participant that keeps what they were to take back."""
    try:
        compensations = COMPENSATIONS.validate_python(raw)
    except ValidationError:  # no person's word
        return {}
    settled = [
        c for c in compensations if c.state == "SETTLED" and c.settled and is_seen(c.settled.by)
    ]
    return {PARTICIPANT_OF.get(c.step, c.step): c for c in settled}
