"""Whether the services hold what a contestant says: each order once, and nothing else."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.workload import OPENING_BALANCE_MINOR, OPENING_STOCK, database_url
from contracts.placing import PlaceOrder
from contracts.states import OrderStatus
from operations.audit.invariants import violations_by_id
from participants.order.tables import ORDERS
from participants.payment.tables import WALLETS
from participants.stock.tables import PRODUCTS
from temporal_saga.database import open_database, reading


def discrepancies(
    folder: Path, placed_orders: Iterable[PlaceOrder], completed_ids: set[str]
) -> list[str]:
    """Return a sentence for everything that is not as it must be; none when all is well.

    Args:
        folder: has the databases of the three participants.
        placed_orders: every order that the contestant was given.
        completed_ids: the ids of those that it said are completed.
    """
    by_id = {order.order_id or "": order for order in placed_orders}
    engines = {
        name: open_database(database_url(folder, name), only_reads=True)
        for name in ("order", "payment", "stock")
    }
    try:
        statuses = _rows(engines["order"], sa.select(ORDERS.c.order_id, ORDERS.c.status))
        confirmed_ids = {id_ for id_, status in statuses.items() if status == OrderStatus.CONFIRMED}
        problems = _of_records(by_id.keys(), completed_ids, statuses, confirmed_ids)
        orders = [order for id_, order in by_id.items() if id_ in confirmed_ids]
        problems += _of_money(engines["payment"], orders)
        problems += _of_stock(engines["stock"], orders)
        for name, engine in engines.items():
            problems += [
                f"{name}: invariant {id_}: {line}"
                for id_, lines in violations_by_id(engine, name).items()
                for line in lines[:3]
            ]
        return problems
    finally:
        for engine in engines.values():
            engine.dispose()


def _of_records(
    placed_ids: Iterable[str],
    completed_ids: set[str],
    statuses: dict[str, str],
    confirmed_ids: set[str],
) -> list[str]:
    """Compare what was answered with the order service's records."""
    missing = sorted(completed_ids - confirmed_ids)
    unknown_ids = sorted(statuses.keys() - set(placed_ids))
    pending = sorted(id_ for id_, status in statuses.items() if status == OrderStatus.PENDING)
    return [
        f"{len(ids)} orders {what}, like {ids[0]}"
        for ids, what in (
            (missing, "were answered as completed and are not CONFIRMED"),
            (unknown_ids, "are on record that nobody placed"),
            (pending, "are still PENDING"),
        )
        if ids
    ]


def _of_money(engine: sa.Engine, orders: list[PlaceOrder]) -> list[str]:
    """Compare each wallet with the confirmed orders of its customer."""
    totals: Counter[str] = Counter()
    for order in orders:
        totals[order.customer_id] += order.total_minor
    balances = _rows(engine, sa.select(WALLETS.c.customer_id, WALLETS.c.balance_minor))
    return _differences("the wallet of", balances, OPENING_BALANCE_MINOR, totals)


def _of_stock(engine: sa.Engine, orders: list[PlaceOrder]) -> list[str]:
    """Compare each product's stock with the confirmed orders' lines."""
    quantities: Counter[str] = Counter()
    for order in orders:
        for line in order.lines:
            quantities[line.sku] += line.quantity
    available = _rows(engine, sa.select(PRODUCTS.c.sku, PRODUCTS.c.available))
    return _differences("the stock of", available, OPENING_STOCK, quantities)


def _differences(
    what: str, amounts: dict[str, int], opening: int, totals: Counter[str]
) -> list[str]:
    return [
        f"{what} {name} holds {amount}, not {opening - totals[name]}"
        for name, amount in amounts.items()
        if amount != opening - totals[name]
    ]


def _rows(engine: sa.Engine, query: sa.Select[Any]) -> dict[str, Any]:
    """Return the second column of a query by its first."""
    with reading(engine) as connection:
        return {row[0]: row[1] for row in connection.execute(query)}
