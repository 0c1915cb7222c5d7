"""Looking into the stock service's database, for which one opened for reading will do."""

from collections.abc import Collection

import sqlalchemy as sa

from contracts.stock import StockView
from participants.stock.tables import PRICES, PRODUCTS
from temporal_saga.database import reading
from temporal_saga.identity import DatabaseReads


class StockReads(DatabaseReads):
    """What can be asked of the stock service. It creates and changes nothing."""

    def product(self, sku: str) -> StockView | None:
        """Return a product, what is available of it and its list prices.

        None when it is unknown.
        """
        products_with_prices = sa.outerjoin(PRODUCTS, PRICES)
        columns = (*PRODUCTS.c, PRICES.c.currency, PRICES.c.unit_price_minor)
        query = sa.select(*columns).select_from(products_with_prices).where(PRODUCTS.c.sku == sku)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(PRICES.c.currency)).all()
        if not rows:
            return None
        prices = {row.currency: row.unit_price_minor for row in rows if row.currency is not None}
        return StockView.model_validate(rows[0]._asdict() | {"prices": prices})

    def list_prices(self, skus: Collection[str], currency: str) -> dict[str, int]:
        """Return the list prices of these products in a currency, in minor units, as far as set."""
        prices = sa.select(PRICES.c.sku, PRICES.c.unit_price_minor)
        query = prices.where(PRICES.c.sku.in_(skus), PRICES.c.currency == currency)
        with reading(self._engine) as connection:
            return {row.sku: row.unit_price_minor for row in connection.execute(query)}
