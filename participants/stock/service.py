"""The stock service: takes an order's lines and puts them back, all or none, once per command."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Self

import sqlalchemy as sa

from contracts.stock import (
    DecreaseStockCommand,
    MoveStockCommand,
    OfferProductsCommand,
    ProductsOfferedEvent,
    RestoreStockCommand,
    StockDecreasedEvent,
    StockDecreaseFailedEvent,
    StockLine,
    StockMovedEvent,
    StockMovementRefusedEvent,
    StockRestoredEvent,
    StockView,
)
from participants.stock.reads import StockReads
from participants.stock.supply import add, move, offer
from participants.stock.tables import FENCE, METADATA, MOVEMENTS, PRODUCTS
from temporal_saga.database import create_tables
from temporal_saga.fence import AlreadyCompensated, Fence, KeyReused, Refused
from temporal_saga.keys import compensated_key

KEY_OF_ANOTHER = "this Idempotency-Key belongs to another movement"


# Statements of each order are built once: that costs as much as sending them.

_LOCKED_PRODUCTS = (
    sa.select(PRODUCTS.c.sku, PRODUCTS.c.available)
    .where(PRODUCTS.c.sku.in_(sa.bindparam("skus", expanding=True)))
    .order_by(PRODUCTS.c.sku)
    .with_for_update()
)
_CHANGE_OF_PRODUCT = (
    sa.update(PRODUCTS)
    .where(PRODUCTS.c.sku == sa.bindparam("of"))
    .values(available=PRODUCTS.c.available + sa.bindparam("by"))
)
_NEW_MOVEMENTS = sa.insert(MOVEMENTS)


class StockService:
    """Keeps products and the log of their movements; what is available is never negative."""

    def __init__(self, engine: sa.Engine) -> None:
        """Serve from the database behind `engine`, which has its tables."""
        self._engine = engine
        self._fence = Fence(engine, FENCE)

    @classmethod
    def open(cls, engine: sa.Engine) -> Self:
        """Return the service of a database, with the tables created that were missing.

        Raises:
            Exception: the database gives no answer.
        """
        create_tables(engine, METADATA)
        return cls(engine)

    def decrease(
        self, command: DecreaseStockCommand
    ) -> StockDecreasedEvent | StockDecreaseFailedEvent:
        """Take every line once, or none and refuse for a reason of business.

        Raises:
            KeyReused: the command's key names another taking.
        """

        def take(connection: sa.Connection) -> StockDecreaseFailedEvent | None:
            quantities = _per_sku(command.lines)
            if shortage := _shortage(command.order_id, quantities, _lock(connection, quantities)):
                return shortage
            _move(connection, command, command.lines, -1)
            return None

        try:
            return self._fence.forward(
                command,
                StockDecreasedEvent(order_id=command.order_id),
                take,
                StockDecreaseFailedEvent,
            )
        except AlreadyCompensated as late:
            return StockDecreaseFailedEvent(
                order_id=command.order_id, reason="ALREADY_COMPENSATED", message=str(late)
            )

    def restore(self, command: RestoreStockCommand) -> StockRestoredEvent:
        """Put back what the order took; nothing, if it took nothing.

        Raises:
            KeyReused: the command's key names another restoring.
        """

        def put_back(connection: sa.Connection, was_decreased: bool) -> StockRestoredEvent:
            if was_decreased:
                _move(
                    connection,
                    command,
                    _lock_taken(connection, compensated_key(command.idempotency_key)),
                    +1,
                )
            return StockRestoredEvent(order_id=command.order_id, restored=was_decreased)

        return self._fence.compensate(
            command, StockRestoredEvent(order_id=command.order_id, restored=True), put_back
        )

    def offer(self, command: OfferProductsCommand) -> ProductsOfferedEvent:
        """Add the products that are new, and give the others their names and prices, once.

        Raises:
            KeyReused: the command's key names another offer.
        """
        all_new = ProductsOfferedEvent(added=len(command.products), changed=0, left=0)
        return self._fence.once(command, all_new, partial(offer, products=command.products))

    def move(self, command: MoveStockCommand) -> StockMovedEvent | StockMovementRefusedEvent:
        """Move pieces in or out that no order moves, once, or refuse.

        A refusal may be asked again.
        """
        likely_answer = StockMovedEvent(
            sku=command.sku, change=command.change, available=command.change
        )
        try:
            return self._fence.once(command, likely_answer, partial(move, command=command))
        except KeyReused:
            return StockMovementRefusedEvent(reason="KEY_REUSED", message=KEY_OF_ANOTHER)
        except Refused as refusal:
            return StockMovementRefusedEvent.model_validate(refusal.answer)

    def add_products(self, products: Iterable[StockView]) -> None:
        """Add each product with what is available of it.

        One that is known already stays as it is.
        """
        with self._engine.begin() as connection:
            add(connection, products)

    def product(self, sku: str) -> StockView | None:
        """Return a product and what is available of it, or None when it is unknown."""
        return StockReads(self._engine).product(sku)


def _per_sku(lines: Iterable[StockLine]) -> Counter[str]:
    """Sum the quantities of a SKU that stands on several lines."""
    quantities: Counter[str] = Counter()
    for line in lines:
        quantities[line.sku] += line.quantity
    return quantities


def _lock(connection: sa.Connection, quantities: Counter[str]) -> dict[str, int]:
    """Lock the products in the order of their SKUs, so that two carts never wait in a circle.

    Return what is available.
    """
    rows = connection.execute(_LOCKED_PRODUCTS, {"skus": list(quantities)})
    return {row.sku: row.available for row in rows}


def _shortage(
    order_id: str, quantities: Counter[str], available: dict[str, int]
) -> StockDecreaseFailedEvent | None:
    """Say which lines cannot be served, or None when all can."""
    if unknown_skus := sorted(quantities.keys() - available.keys()):
        return StockDecreaseFailedEvent(
            order_id=order_id,
            reason="UNKNOWN_SKU",
            message=f"not a product of this shop: {', '.join(unknown_skus)}",
            details={"skus": list(unknown_skus)},
        )
    short = [
        (sku, count, available[sku])
        for sku, count in sorted(quantities.items())
        if count > available[sku]
    ]
    if not short:
        return None
    return StockDecreaseFailedEvent(
        order_id=order_id,
        reason="OUT_OF_STOCK",
        message="; ".join(f"{sku}: {count} asked, {stock} left" for sku, count, stock in short),
        details={
            "short": [
                {"sku": sku, "asked": count, "available": stock} for sku, count, stock in short
            ]
        },
    )


def _lock_taken(connection: sa.Connection, key: str) -> list[StockLine]:
    """Lock the products that the command of this key took, and return its lines.

    They are locked in the same order as in `_lock`.

    The log says what goes back, whatever the restoring names.
    """
    log = (
        sa.select(MOVEMENTS.c.line, MOVEMENTS.c.sku, MOVEMENTS.c.change)
        .join(PRODUCTS)
        .where(MOVEMENTS.c.command_key == key)
    )
    rows = connection.execute(log.order_by(PRODUCTS.c.sku).with_for_update(of=PRODUCTS))
    return [
        StockLine(sku=row.sku, quantity=-row.change)
        for row in sorted(rows, key=lambda row: row.line)
    ]


def _move(
    connection: sa.Connection,
    command: DecreaseStockCommand | RestoreStockCommand,
    lines: Sequence[StockLine],
    sign: int,
) -> None:
    """Change what is available, and log it line by line."""
    changes = [{"of": sku, "by": sign * count} for sku, count in sorted(_per_sku(lines).items())]
    connection.execute(_CHANGE_OF_PRODUCT, changes)
    common_columns = {
        "command_key": command.idempotency_key,
        "order_id": command.order_id,
        "at": datetime.now(UTC),
    }
    moves = [
        common_columns | {"line": number, "sku": line.sku, "change": sign * line.quantity}
        for number, line in enumerate(lines)
    ]
    connection.execute(_NEW_MOVEMENTS, moves)
