"""What must be true of a participant's database at every instant."""

import sqlalchemy as sa

from participants.order.tables import MOVES, ORDERS
from participants.payment.service import DEPOSITS, SHOP
from participants.payment.tables import LEDGER, PAYMENTS, WALLETS
from participants.stock.tables import MOVEMENTS, PRODUCTS
from temporal_saga.database import reading


def assert_the_books_balance(engine: sa.Engine) -> None:
    """Check that each movement's two legs sum to zero, and that ledger, wallets and payments tell the same."""
    with reading(engine) as connection:
        legs = connection.execute(
            sa.select(LEDGER.c.transaction_id, sa.func.count().label("legs"), sa.func.sum(LEDGER.c.amount_minor).label("total"))
            .select_from(LEDGER)
            .group_by(LEDGER.c.transaction_id)
        ).all()
        total = sa.func.sum(LEDGER.c.amount_minor)
        balances = connection.execute(sa.select(LEDGER.c.account, total).group_by(LEDGER.c.account))
        accounts = {account: int(balance) for account, balance in balances}
        wallets = connection.execute(sa.select(WALLETS)).all()
        payments = connection.execute(sa.select(PAYMENTS)).all()
    assert all((row.legs, row.total) == (2, 0) for row in legs), legs
    shop, deposits = accounts.pop(SHOP, 0), accounts.pop(DEPOSITS, 0)
    assert accounts == {f"wallet:{wallet.customer_id}": wallet.balance_minor for wallet in wallets}
    assert all(wallet.balance_minor >= 0 for wallet in wallets)
    assert sum(wallet.balance_minor for wallet in wallets) + shop == -deposits
    assert all(0 <= payment.refunded_minor <= payment.amount_minor for payment in payments)
    assert sum(payment.amount_minor - payment.refunded_minor for payment in payments) == shop


def assert_no_stock_is_lost(engine: sa.Engine) -> None:
    """Check that what a product had at first and its movements make what is available, and that no order gave back too much."""
    moved = sa.func.coalesce(sa.func.sum(MOVEMENTS.c.change), 0)
    with reading(engine) as connection:
        products = connection.execute(
            sa.select(PRODUCTS.c.initial, PRODUCTS.c.available, moved.label("moved"))
            .select_from(PRODUCTS.outerjoin(MOVEMENTS))
            .group_by(PRODUCTS.c.sku)
        ).all()
        kept = connection.scalars(sa.select(moved).group_by(MOVEMENTS.c.order_id, MOVEMENTS.c.line, MOVEMENTS.c.sku)).all()
    assert all(row.initial + row.moved == row.available >= 0 for row in products), products
    assert all(change <= 0 for change in kept), kept


def assert_the_moves_are_whole(engine: sa.Engine) -> None:
    """Check that each order's moves are numbered from 0 without a gap and end at the order's state."""
    with reading(engine) as connection:
        for order in connection.execute(sa.select(ORDERS)).all():
            wanted = sa.select(MOVES).where(MOVES.c.order_id == order.order_id).order_by(MOVES.c.number)
            moves = connection.execute(wanted).all()
            assert [move.number for move in moves] == list(range(len(moves)))
            assert moves[-1].state == order.state


def assert_every_effect_has_its_command(engine: sa.Engine, table: str, key: str) -> None:
    """Check that every row of an effect stands under an idempotency key that the fence holds as applied."""
    effects = sa.table(table, sa.column(key)).c[key]
    fence = sa.table("fence", sa.column("key"), sa.column("outcome"))
    applied = sa.select(fence.c.key).where(fence.c.outcome.in_(["APPLIED", "COMPENSATED"]))
    with reading(engine) as connection:
        orphans = connection.scalars(sa.select(effects).where(effects.not_in(applied), effects.not_like("deposit/%"))).all()
    assert orphans == []
