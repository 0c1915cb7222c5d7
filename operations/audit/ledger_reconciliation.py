"""O2, ledger reconciliation: what each order should keep of money and stock, and what it keeps.

It spans the participants' databases: the order's record says what is due, the payments and the
stock movements say what is kept.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from contracts.money import money
from contracts.record import Compensation, Settlement
from contracts.states import OrderStatus
from contracts.steps import OPENING, PARTICIPANT_OF_STEP, STEPS
from contracts.text import is_seen
from operations.audit.invariants import snapshot
from participants.order.tables import LINES, ORDERS
from participants.payment.tables import CARD_PAYMENTS, PAYMENTS
from participants.stock.supply import NO_ORDER
from participants.stock.tables import MOVEMENTS

CLAIM = (
    "CONFIRMED: exactly the ordered money is kept and the ordered stock taken; "
    "CANCELLED: nothing is kept; except what a named person settled"
)
COMPENSATIONS = TypeAdapter(tuple[Compensation, ...])
AFTER_PIVOT = {step.name for step in STEPS if step.after_pivot}
CLOSER = OPENING.participant
"""The participant whose commands close an order's record, and keep nothing."""


class Asset(NamedTuple):
    """What an order can keep: money of one customer in a currency, or pieces of one SKU."""

    participant: str
    name: str
    currency: str = ""

    def describe(self, amount: int) -> str:
        """Return so much of it in words."""
        if self.currency:
            return f"{money(amount, self.currency)} of customer {self.name}"
        return f"{amount} × {self.name}"


@dataclass
class OrderAccount:
    """One order in three databases: what was ordered, what is kept, and what a person settled.

    `status` is None when the order service does not know the order. `settlements` are what
    a named person settled, by participant: of a rollback, or past the pivot, as a capture.
    """

    status: str | None = None
    total_minor: int | None = None
    contents: Counter[Asset] = field(default_factory=Counter)
    balance: Counter[Asset] = field(default_factory=Counter)
    settlements: dict[str, Compensation] = field(default_factory=dict)

    def discrepancies(self) -> list[str]:
        """Return what is wrong with a closed order: what is kept and not due, and the reverse."""
        if self.status is None:
            return [
                f"is not known to the order service, and {asset.describe(amount)} kept"
                for asset, amount in self.balance.items()
            ]
        is_confirmed = self.status == OrderStatus.CONFIRMED
        due = self.contents if is_confirmed else Counter[Asset]()
        settled_participants = {
            participant
            for participant, settlement in self.settlements.items()
            if not is_confirmed or settlement.step in AFTER_PIVOT
        }
        lines = [
            f"is {self.status}: {asset.describe(due[asset])} due, "
            f"{asset.describe(self.balance[asset])} kept"
            for asset in {**due, **self.balance}
            if due[asset] != self.balance[asset] and asset.participant not in settled_participants
        ]
        price = sum(amount for asset, amount in self.contents.items() if asset.currency)
        if is_confirmed and self.total_minor != price:
            lines.append(
                f"is {self.status}: its total is {self.total_minor}, the price of its lines {price}"
            )
        return lines

    def describe_settlements(self) -> list[str]:
        """Return what persons settled: who, why, by what evidence, and what is kept therefore."""
        return [
            self._describe_settlement(participant, compensation)
            for participant, compensation in self.settlements.items()
        ]

    def _describe_settlement(self, participant: str, compensation: Compensation) -> str:
        settlement = compensation.settled
        assert settlement is not None, "it is settled"
        amounts = [
            asset.describe(amount)
            for asset, amount in self.balance.items()
            if amount and asset.participant == participant
        ]
        is_closer = participant == CLOSER
        effect = "was closed" if is_closer else f"keeps {', '.join(amounts) or 'nothing'}"
        return f"{effect}: {in_words(compensation.command, settlement)}"


Accounts = defaultdict[str, OrderAccount]
Rows = Callable[..., sa.CursorResult[Any]]


def read_accounts(databases: Mapping[str, sa.Engine], order_id: str | None = None) -> Accounts:
    """Return the accounts of all orders, or of one, by order id.

    The order service's database is read first: what it calls closed is closed in the others.
    """
    accounts: Accounts = defaultdict(OrderAccount)
    for participant, add in (
        ("order", _add_orders),
        ("payment", _add_payments),
        ("stock", _add_movements),
    ):
        with snapshot(databases[participant]) as connection:
            add(accounts, partial(_rows, connection, order_id))
    return accounts


def _add_orders(accounts: Accounts, rows: Rows) -> None:
    money_of: dict[str, Asset] = {}
    columns = ("order_id", "status", "customer_id", "currency", "total_minor", "compensations")
    for row in rows(*(ORDERS.c[name] for name in columns)):
        settlements = settled_by_participant(row.compensations)
        account = OrderAccount(row.status, row.total_minor, settlements=settlements)
        accounts[row.order_id] = account
        money_of[row.order_id] = Asset("payment", str(row.customer_id), str(row.currency))
    for line in rows(*LINES.c):
        if line.order_id in accounts:  # else the order was placed meanwhile
            contents = accounts[line.order_id].contents
            contents[Asset("stock", line.sku)] += line.quantity
            contents[money_of[line.order_id]] += line.quantity * line.unit_price_minor


def _add_payments(accounts: Accounts, rows: Rows) -> None:
    for row in rows(*PAYMENTS.c):
        asset = Asset("payment", row.customer_id, row.currency)
        accounts[row.order_id].balance[asset] += row.amount_minor - row.refunded_minor
    for row in rows(*CARD_PAYMENTS.c):
        balance = accounts[row.order_id].balance
        asset = Asset("payment", row.customer_id, row.currency)
        balance[asset] += row.captured_minor - row.refunded_minor
        if held_minor := row.amount_minor - row.captured_minor - row.released_minor:
            balance[asset._replace(name=f"{row.customer_id}, held on a card")] += held_minor


def _add_movements(accounts: Accounts, rows: Rows) -> None:
    for row in rows(MOVEMENTS.c.order_id, MOVEMENTS.c.sku, MOVEMENTS.c.change):
        if row.order_id != NO_ORDER:
            accounts[row.order_id].balance[Asset("stock", row.sku)] -= row.change


def _rows(
    connection: sa.Connection, order_id: str | None, *columns: sa.Column[Any]
) -> sa.CursorResult[Any]:
    """Read columns of a table that has an `order_id`: of one order's rows, or of all."""
    rows = sa.select(*columns)
    if order_id is not None:
        rows = rows.where(columns[0].table.c.order_id == order_id)
    return connection.execute(rows)


def settled_by_participant(raw: Any) -> dict[str, Compensation]:
    """Return the compensations that a named person settled, by the participant they concern."""
    try:
        compensations = COMPENSATIONS.validate_python(raw)
    except ValidationError:  # unreadable, so nobody's decision
        return {}
    return {
        PARTICIPANT_OF_STEP.get(c.step, c.step): c
        for c in compensations
        if c.state == "SETTLED" and c.settled and is_seen(c.settled.by)
    }


def in_words(command: str, settlement: Settlement) -> str:
    """Return who settled a command by hand, and by what evidence."""
    return (
        f"{settlement.by} settled {command}, {settlement.at:%Y-%m-%d %H:%M} UTC: "
        f"{settlement.reason}; evidence: {settlement.evidence}"
    )
