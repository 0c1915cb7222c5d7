"""The order service's database."""

import sqlalchemy as sa

from participants.order.expressions import FAILURE_REASON, FAILURE_STEP, ID
from temporal_saga.database import UtcDateTime
from temporal_saga.fence import fence_table

METADATA = sa.MetaData()

FENCE = fence_table(METADATA)

ORDERS = sa.Table(
    "orders",
    METADATA,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("request_key", sa.String(255)),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("customer_id", sa.String(64)),
    sa.Column("currency", sa.String(3)),
    sa.Column("total_minor", sa.BigInteger),
    sa.Column("placed_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
    sa.Column("failure", sa.JSON(none_as_null=True)),
    sa.Column("compensations", sa.JSON, nullable=False, default=list),
    # Newest first, for each filter: a page is read along one of these, however many orders exist.
    sa.Index("orders_newest", "placed_at", "order_id"),
    sa.Index("orders_newest_by_status", "status", "placed_at", "order_id"),
    sa.Index("orders_newest_by_customer", "customer_id", "placed_at", "order_id"),
)


FAILED = ORDERS.c.failure.is_not(None)

# Likewise for orders by what they cost, and for closed ones by when they were closed: along that
# they are counted too, and how long each took stands in it.
sa.Index("orders_by_total", ORDERS.c.currency, ORDERS.c.total_minor, ID)
sa.Index(
    "orders_by_closed",
    ORDERS.c.closed_at,
    ID,
    ORDERS.c.status,
    ORDERS.c.placed_at,
    sqlite_where=ORDERS.c.closed_at.is_not(None),
    postgresql_where=ORDERS.c.closed_at.is_not(None),
)
for _name, _part in (("reason", FAILURE_REASON), ("step", FAILURE_STEP)):
    sa.Index(
        f"orders_newest_by_{_name}",
        _part,
        ORDERS.c.placed_at,
        ORDERS.c.order_id,
        sqlite_where=FAILED,
        postgresql_where=FAILED,
    )

LINES = sa.Table(
    "lines",
    METADATA,
    sa.Column("order_id", sa.ForeignKey(ORDERS.c.order_id), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("sku", sa.String(64), nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("unit_price_minor", sa.BigInteger, nullable=False),
    sa.Index("lines_by_sku", "sku", "order_id"),
)

MOVES = sa.Table(
    "moves",
    METADATA,
    sa.Column("order_id", sa.ForeignKey(ORDERS.c.order_id), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("cause", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    comment="The saga's moves in order: numbered without a gap, ending at the order's state.",
)

DECISIONS = sa.Table(
    "decisions",
    METADATA,
    sa.Column("order_id", sa.ForeignKey(ORDERS.c.order_id), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("act", sa.String(16), nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("step", sa.String(200)),
    sa.Column("evidence", sa.Text),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("through", sa.String(16), nullable=False),
    comment="What people decided, in order; the first number is how many are left out before it.",
)

REQUESTS = sa.Table(
    "requests",
    METADATA,
    sa.Column("request", sa.String(64), primary_key=True),
    sa.Column("order_id", sa.String(64), nullable=False),
    comment="By caller and idempotency key, as a digest: the one order that they name, for ever.",
)

PLACED_AGAIN = sa.Table(
    "placed_again",
    METADATA,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("again_of", sa.String(64), nullable=False, unique=True),
    comment="By order that was placed again for a failed one: the failed one. Each at most once.",
)

EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("position", sa.BigInteger),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("order_id", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    # Also finds those that have no position yet.
    sa.Index("events_position", "position", unique=True),
    sa.Index("events_of_order", "order_id"),
    comment="The outbox: what others are told of orders. NULL positions are not published yet.",
)

EVENT_LOG = sa.Table(
    "event_log",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last_position", sa.BigInteger, nullable=False),
    sa.Column("pruned_position", sa.BigInteger, nullable=False),
    comment="One row: the last position that was given, and the last whose event is deleted.",
)

CALLS = sa.Table(
    "attention_calls",
    METADATA,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("cause", sa.String(16), nullable=False),
    sa.Column("first_at", UtcDateTime, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=False),
    comment="The orders that need a person now: how often one was called, and when it is again.",
)

WEBHOOK_RECEIVERS = sa.Table(
    "webhook_receivers",
    METADATA,
    sa.Column("receiver", sa.String(64), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.String(64)),
    sa.Column("held_until", UtcDateTime),
    sa.Column("off_for", sa.String(64)),
    comment="Up to which position events were sent, who sends now, and the secret it is off for.",
)

WEBHOOK_RETRIES = sa.Table(
    "webhook_retries",
    METADATA,
    sa.Column("receiver", sa.ForeignKey(WEBHOOK_RECEIVERS.c.receiver), primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("first_at", UtcDateTime),
    sa.Index("webhook_retries_due", "receiver", "due_at"),
    comment="Events before that position which were not taken, and are sent again, since when.",
)

OPERATIONS = sa.Table(
    "operations",
    METADATA,
    sa.Column("id", sa.String(24), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("act", sa.String(100), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("subject", sa.String(200)),
    sa.Column("order_id", sa.String(64)),
    sa.Column("step", sa.String(200)),
    sa.Column("about", sa.String(200)),
    sa.Column("reason", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("door", sa.String(16), nullable=False),
    sa.Column("address", sa.String(100)),
    sa.Column("agent", sa.String(200)),
    sa.Column("batch_id", sa.String(100)),
    sa.Index("operations_of_order", "order_id", "id"),
    comment="The log of operations: who did, tried and was refused what. Ids begin with the time.",
)
