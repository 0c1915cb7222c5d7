"""The stock service's database."""

import sqlalchemy as sa

from temporal_saga.database import UtcDateTime
from temporal_saga.fence import fence_table

METADATA = sa.MetaData()

FENCE = fence_table(METADATA)

PRODUCTS = sa.Table(
    "products",
    METADATA,
    sa.Column("sku", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("initial", sa.BigInteger, nullable=False),
    sa.Column("available", sa.BigInteger, sa.CheckConstraint("available >= 0"), nullable=False),
)

MOVEMENTS = sa.Table(
    "movements",
    METADATA,
    sa.Column("command_key", sa.String(250), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("order_id", sa.String(64), nullable=False, index=True),
    sa.Column("sku", sa.ForeignKey(PRODUCTS.c.sku), nullable=False, index=True),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    comment="What each line of each command took (negative) or put back (positive). Append-only.",
)

MOVEMENT_REASONS = sa.Table(
    "movement_reasons",
    METADATA,
    sa.Column("command_key", sa.String(250), primary_key=True),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("said_by", sa.String(255), nullable=False),
    comment="Why stock moved that no order moved, and whose token said so. Append-only.",
)

PRICES = sa.Table(
    "prices",
    METADATA,
    sa.Column("sku", sa.ForeignKey(PRODUCTS.c.sku), primary_key=True),
    sa.Column("currency", sa.String(3), primary_key=True),
    sa.Column(
        "unit_price_minor",
        sa.BigInteger,
        sa.CheckConstraint("unit_price_minor >= 0"),
        nullable=False,
    ),
    comment="List prices. What an order's line costs stands on the line.",
)
