"""The payment service's database."""

import sqlalchemy as sa

from temporal_saga.database import UtcDateTime
from temporal_saga.fence import fence_table
from temporal_saga.intents import intent_table

METADATA = sa.MetaData()

FENCE = fence_table(METADATA)
INTENTS = intent_table(METADATA)

WALLETS = sa.Table(
    "wallets",
    METADATA,
    sa.Column("customer_id", sa.String(64), primary_key=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column(
        "balance_minor", sa.BigInteger, sa.CheckConstraint("balance_minor >= 0"), nullable=False
    ),
)

PAYMENTS = sa.Table(
    "payments",
    METADATA,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("customer_id", sa.ForeignKey(WALLETS.c.customer_id), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("refunded_minor", sa.BigInteger, nullable=False, default=0),
    sa.CheckConstraint("0 <= refunded_minor AND refunded_minor <= amount_minor"),
)

CARDS = sa.Table(
    "cards",
    METADATA,
    sa.Column("customer_id", sa.String(64), primary_key=True),
    sa.Column("provider_customer_id", sa.String(255), nullable=False),
    sa.Column("payment_method", sa.String(255), nullable=False),
    comment="The card of each customer, by its name at the card provider.",
)

CARD_PAYMENTS = sa.Table(
    "card_payments",
    METADATA,
    sa.Column("order_id", sa.String(64), primary_key=True),
    sa.Column("customer_id", sa.String(64), nullable=False),
    sa.Column("reference", sa.String(255), unique=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("captured_minor", sa.BigInteger, nullable=False, default=0),
    sa.Column("released_minor", sa.BigInteger, nullable=False, default=0),
    sa.Column("refunded_minor", sa.BigInteger, nullable=False, default=0),
    sa.CheckConstraint("captured_minor + released_minor <= amount_minor"),
    sa.CheckConstraint("refunded_minor <= captured_minor"),
    comment="Each payment at the card provider; one that cost nothing has no reference.",
)

LEDGER = sa.Table(
    "ledger",
    METADATA,
    sa.Column("transaction_id", sa.String(250), primary_key=True),
    sa.Column("account", sa.String(80), primary_key=True),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    comment="Double entry: the legs of one transaction sum to zero. Append-only.",
)

DEPOSIT_REASONS = sa.Table(
    "deposit_reasons",
    METADATA,
    sa.Column("transaction_id", sa.String(250), primary_key=True),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("said_by", sa.String(255), nullable=False),
    comment="Why money came in from outside or went back, and whose token said so. Append-only.",
)
