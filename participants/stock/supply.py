"""Products, prices and pieces that come from outside, within a transaction of the service."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from contracts.base import MAX_PIECES
from contracts.stock import (
    MoveStockCommand,
    ProductOffer,
    ProductsOfferedEvent,
    StockMovedEvent,
    StockMovementRefusedEvent,
    StockView,
)
from participants.stock.tables import MOVEMENT_REASONS, MOVEMENTS, PRICES, PRODUCTS
from temporal_saga.database import insert_missing
from temporal_saga.fence import Refused

NO_ORDER = ""
"""Stands in the log where no order moved the stock; no order has this id."""

MOST_AVAILABLE = 1_000 * MAX_PIECES


def add(connection: sa.Connection, products: Iterable[StockView]) -> set[str]:
    """Add each product with its stock and prices; one that is known already stays as it is.

    Returns:
        The SKUs that were added.
    """
    # In the order of their SKUs, so that two that add the same products never wait in a circle.
    by_sku = {product.sku: product for product in sorted(products, key=lambda product: product.sku)}
    rows = [
        {"sku": p.sku, "name": p.name, "initial": p.available, "available": p.available}
        for p in by_sku.values()
    ]
    new_skus = insert_missing(connection, PRODUCTS, rows)
    _price(connection, {sku: by_sku[sku].prices for sku in sorted(new_skus)})
    return new_skus


def offer(connection: sa.Connection, products: tuple[ProductOffer, ...]) -> ProductsOfferedEvent:
    """Add the products that are new, and give the others their names and prices."""
    new_skus = add(connection, [_at_first(product) for product in products])
    others = {product.sku: product for product in products if product.sku not in new_skus}
    changed_skus = _change(connection, others) if others else set()
    left_count = len(others) - len(changed_skus)
    return ProductsOfferedEvent(added=len(new_skus), changed=len(changed_skus), left=left_count)


def _change(connection: sa.Connection, offers: Mapping[str, ProductOffer]) -> set[str]:
    """Give products that are known their names and prices.

    Return the SKUs of which that was news.
    """
    names = sa.select(PRODUCTS.c.sku, PRODUCTS.c.name).where(PRODUCTS.c.sku.in_(offers))
    in_order = connection.execute(names.order_by(PRODUCTS.c.sku).with_for_update())
    renamed_skus = [sku for sku, name in in_order if name != offers[sku].name]
    if renamed_skus:
        rename = sa.update(PRODUCTS).where(PRODUCTS.c.sku == sa.bindparam("of"))
        new_names = [{"of": sku, "new_name": offers[sku].name} for sku in renamed_skus]
        connection.execute(rename.values(name=sa.bindparam("new_name")), new_names)
    prices_by_sku = {
        sku: product.prices for sku, product in offers.items() if product.prices is not None
    }
    before = _prices(connection, prices_by_sku)
    new_prices = {
        sku: prices for sku, prices in prices_by_sku.items() if prices != before.get(sku, {})
    }
    if new_prices:
        connection.execute(sa.delete(PRICES).where(PRICES.c.sku.in_(new_prices)))
        _price(connection, new_prices)
    return new_prices.keys() | renamed_skus


def move(connection: sa.Connection, command: MoveStockCommand) -> StockMovedEvent:
    """Move pieces in or out, and log it.

    Raises:
        Refused: there is no such product, or it would be fewer than none, or more than is counted.
    """
    product = PRODUCTS.c.sku == command.sku
    query = sa.select(PRODUCTS.c.available).where(product).with_for_update()
    available = connection.scalars(query).one_or_none()
    if refusal := _refusal(command, available):
        raise Refused(refusal)
    more = sa.update(PRODUCTS).where(product)
    more = more.values(available=PRODUCTS.c.available + command.change)
    rest = connection.scalars(more.returning(PRODUCTS.c.available)).one()
    key = command.idempotency_key
    row = {"command_key": key, "line": 0, "order_id": NO_ORDER, "at": datetime.now(UTC)}
    line = {"sku": command.sku, "change": command.change}
    connection.execute(sa.insert(MOVEMENTS).values(row | line))
    movement = {"command_key": key, "reason": command.reason, "said_by": command.by}
    connection.execute(sa.insert(MOVEMENT_REASONS).values(movement))
    return StockMovedEvent(sku=command.sku, change=command.change, available=rest)


def _at_first(product: ProductOffer) -> StockView:
    """Return a product that is new."""
    return StockView(
        sku=product.sku,
        name=product.name,
        available=product.opening_stock,
        prices=product.prices or {},
    )


def _price(connection: sa.Connection, prices: Mapping[str, Mapping[str, int]]) -> None:
    """Write the list prices of products that have none."""
    rows = [
        {"sku": sku, "currency": currency, "unit_price_minor": minor}
        for sku, by_currency in prices.items()
        for currency, minor in by_currency.items()
    ]
    if rows:
        connection.execute(sa.insert(PRICES), rows)


def _prices(connection: sa.Connection, skus: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return the list prices of products by SKU and currency."""
    prices: dict[str, dict[str, int]] = {}
    for row in connection.execute(sa.select(PRICES).where(PRICES.c.sku.in_(skus))):
        prices.setdefault(row.sku, {})[row.currency] = row.unit_price_minor
    return prices


def _refusal(command: MoveStockCommand, available: Any) -> StockMovementRefusedEvent | None:
    """Say why pieces cannot be moved; None when they can."""
    if available is None:
        message = f"there is no product {command.sku}"
        return StockMovementRefusedEvent(reason="UNKNOWN_SKU", message=message)
    if available + command.change < 0:
        message = f"{command.sku}: {-command.change} are to be taken out, {available} left"
        return StockMovementRefusedEvent(reason="OUT_OF_STOCK", message=message)
    if available + command.change > MOST_AVAILABLE:
        message = f"{command.sku}: at most {MOST_AVAILABLE} of a product are counted"
        return StockMovementRefusedEvent(reason="TOO_MUCH", message=message)
    return None
