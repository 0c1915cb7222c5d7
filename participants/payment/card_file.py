"""Which customer pays with which card."""

from collections.abc import Mapping

import sqlalchemy as sa

from participants.payment.card_api import CardApi
from participants.payment.tables import CARDS
from temporal_saga.database import insert_missing, reading

BATCH = 100
"""So many cards are put on file in one transaction."""


def add_cards(
    engine: sa.Engine, api: CardApi, payment_methods: Mapping[str, str], seconds: float = 10
) -> None:
    """Put customers' cards on file; one that is there stays as it is.

    Args:
        engine: reaches the payment service's database.
        api: our account at the provider, which learns of each customer once.
        payment_methods: the provider's name of each customer's card, by customer.
        seconds: how long the provider may take for one customer.

    Raises:
        ProviderAway: the provider gave no answer; those before are on file.
    """
    with reading(engine) as connection:
        on_file = set(connection.scalars(sa.select(CARDS.c.customer_id)))
    missing = sorted(payment_methods.keys() - on_file)
    for batch in (missing[start : start + BATCH] for start in range(0, len(missing), BATCH)):
        rows = [
            {
                "customer_id": customer_id,
                "provider_customer_id": api.enrol(customer_id, seconds),
                "payment_method": payment_methods[customer_id],
            }
            for customer_id in batch
        ]
        with engine.begin() as connection:
            insert_missing(connection, CARDS, rows)
