"""A participant that charges cards at a bank, and keeps receipts of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from temporal_saga.database import reading
from temporal_saga.fence import fence_table
from temporal_saga.intents import CALL_SECONDS, MARGIN_SECONDS, Clock, intent_table
from temporal_saga.provider_fence import ProviderFence
from tests.tables import create_tables
from tests.temporal_saga.bank import Bank
from tests.temporal_saga.card_charge import (
    CardCharge,
    CardDeclined,
    Charged,
    CustomerMustAct,
    MoneyBack,
)
from tests.temporal_saga.fenced_participant import Ask

METADATA = sa.MetaData()
FENCE = fence_table(METADATA)
INTENTS = intent_table(METADATA)
RECEIPTS = sa.Table(
    "receipts",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(250), nullable=False),
    sa.Column("charge_id", sa.String(20)),
    sa.Column("amount", sa.Integer, nullable=False),
)
CALL_IS_OVER = CALL_SECONDS + 1
DOUBT_IS_OVER = CALL_SECONDS + MARGIN_SECONDS + 1


@dataclass
class StandingClock(Clock):
    """A clock that goes on when it is told to."""

    at: float = 0.0

    def now(self, connection: sa.Connection) -> datetime:  # noqa: ARG002  # everybody's
        """Return the time of every database."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.at)

    def seconds(self) -> float:
        """Return the time of every process."""
        return self.at


class Till:
    """Charges cards and gives money back."""

    def __init__(
        self,
        engine: sa.Engine,
        bank: Bank,
        clock: Clock | None = None,
        call_seconds: float = CALL_SECONDS,
        margin_seconds: float = MARGIN_SECONDS,
    ) -> None:
        self.engine = engine
        self.bank = bank
        self._fence = ProviderFence(
            engine,
            FENCE,
            INTENTS,
            call_seconds=call_seconds,
            margin_seconds=margin_seconds,
            clock=clock,
        )

    def create_tables(self) -> None:
        """Make the tables."""
        create_tables(self.engine, METADATA)

    def charge(self, command: Ask) -> Charged | CardDeclined | CustomerMustAct:
        """Charge the card once."""

        def write_receipt(connection: sa.Connection, event: Charged) -> None:
            receipt = {"key": command.idempotency_key, **event.model_dump()}
            connection.execute(sa.insert(RECEIPTS), receipt)

        provider = CardCharge(self.bank, command)
        return self._fence.forward(command, provider, Charged, CardDeclined, write_receipt)

    def refund(self, command: Ask) -> MoneyBack:
        """Give back whatever was charged."""

        def write_receipt(connection: sa.Connection, was_on_record: bool, event: MoneyBack) -> None:
            if was_on_record:
                receipt = {"key": command.idempotency_key, "amount": -event.amount}
                connection.execute(sa.insert(RECEIPTS), receipt)

        provider = CardCharge(self.bank, command)
        return self._fence.compensate(command, provider, MoneyBack(amount=0), write_receipt)

    @property
    def receipts(self) -> list[int]:
        """The amounts on record."""
        with reading(self.engine) as connection:
            return list(connection.scalars(sa.select(RECEIPTS.c.amount).order_by("number")))

    @property
    def outcomes(self) -> dict[str, str]:
        """What the fence holds under each key."""
        with reading(self.engine) as connection:
            return {row.key: row.outcome for row in connection.execute(sa.select(FENCE))}

    def lose_database(self) -> None:
        """Forget everything, as a restored backup of long ago has."""
        with self.engine.begin() as connection:
            for table in METADATA.sorted_tables:
                connection.execute(sa.delete(table))
