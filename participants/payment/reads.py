"""Looking into the payment service's database, for which one opened for reading will do."""

import sqlalchemy as sa

from contracts.payment import WalletView
from participants.payment.tables import WALLETS
from temporal_saga.database import reading
from temporal_saga.identity import DatabaseReads


class PaymentReads(DatabaseReads):
    """What can be asked of the payment service. It creates and changes nothing."""

    def wallet(self, customer_id: str) -> WalletView | None:
        """Return a customer's wallet, or None when there is none."""
        query = sa.select(WALLETS).where(WALLETS.c.customer_id == customer_id)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else WalletView.model_validate(row._asdict())
