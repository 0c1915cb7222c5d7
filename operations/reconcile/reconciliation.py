"""Reading both books into one file, in the sequence that leaves nothing under way in doubt."""

from collections.abc import Iterator
from contextlib import closing

import sqlalchemy as sa

from contracts.states import OrderStatus
from operations.reconcile.join import Join, OrderRow
from operations.reconcile.provider_books import ProviderBooks
from operations.reconcile.report import Report
from operations.reconcile.shop_books import read_orders, read_payments


def reconcile(books: ProviderBooks, orders: sa.Engine, payments: sa.Engine) -> Report:
    """Compare the provider's books with ours; change nothing.

    How orders stand is read first: a saga moves no money any more once its order is closed, so what
    is read afterwards of a closed order is final. An order that the order service has only when it
    is asked again at the end was placed meanwhile, and is under way.

    Raises:
        CannotRead: the provider gives no answer, or a database cannot be read.
    """
    report = Report()
    with closing(Join()) as join:
        join.add("orders", read_orders(orders))
        join.add("payments", books.payments())
        join.add("refunds", books.refunds())
        join.add("shop", read_payments(payments))
        join.add("orders", _placed_meanwhile(orders))
        report.take(join.accounts(), join.without_order())
    return report


def _placed_meanwhile(orders: sa.Engine) -> Iterator[OrderRow]:
    """Yield every order as one that is under way; those that were read before stay as they were."""
    for row in read_orders(orders):
        yield OrderRow(row.order_id, OrderStatus.PENDING)
