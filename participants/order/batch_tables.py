"""The tables of batch operations, in the order service's database."""

import sqlalchemy as sa

from participants.order.tables import METADATA
from temporal_saga.database import UtcDateTime

BATCHES = sa.Table(
    "batches",
    METADATA,
    sa.Column("batch_id", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("act", sa.String(16), nullable=False),
    sa.Column("step", sa.String(200)),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("subject", sa.String(200)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text),
    sa.Column("filter", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("stop", sa.JSON(none_as_null=True)),
    sa.Index("batches_newest", "started_at", "batch_id"),
    comment="Batch operations: an act on many orders, and how it stands.",
)

BATCH_ORDERS = sa.Table(
    "batch_orders",
    METADATA,
    sa.Column("batch_id", sa.ForeignKey(BATCHES.c.batch_id), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("order_id", sa.String(64), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("message", sa.Text),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("at", UtcDateTime),
    sa.Index("batch_orders_next", "batch_id", "outcome", "tries", "number"),
    comment="The orders of each batch operation, as found at its start, and what came of each.",
)
