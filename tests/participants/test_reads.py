"""Looking into a participant's database: nothing is written, made or waited for."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from contracts.payment import WalletView
from contracts.stock import ProductOffer, StockView
from participants.payment.reads import PaymentReads
from participants.payment.service import PaymentService
from participants.payment.tables import WALLETS
from participants.stock.reads import StockReads
from participants.stock.service import StockService
from participants.stock.tables import PRODUCTS
from temporal_saga.database import DATABASE_NOT_READY, open_database
from tests.commands import move, offer
from tests.postgresql import PostgreSQL

APPLE = ProductOffer(sku="A", name="apple", opening_stock=5, prices={"GBP": 30})


@pytest.fixture
def looking(database_url: str) -> Iterator[sa.Engine]:
    """Give the empty database as somebody opens it who only looks."""
    engine = open_database(database_url, only_reads=True)
    yield engine
    engine.dispose()


def test_a_look_sees_what_there_is(
    stock: StockService, payment: PaymentService, looking: sa.Engine
) -> None:
    """Products with their prices, and wallets, as the services have them now."""
    stock.offer(offer("1", APPLE))
    payment.open_wallets([WalletView(customer_id="ann", currency="GBP", balance_minor=7)])
    reads = StockReads(looking)
    wallets = PaymentReads(looking)
    apple = StockView(sku="A", name="apple", available=5, prices={"GBP": 30})
    assert (reads.product("A"), reads.product("Z")) == (apple, None)
    assert reads.list_prices({"A", "Z"}, "GBP") == {"A": 30}
    assert reads.list_prices({"A", "Z"}, "EUR") == {}
    assert (wallets.wallet("ann"), wallets.wallet("zoe")) == (
        WalletView(customer_id="ann", currency="GBP", balance_minor=7),
        None,
    )
    stock.move(move("1", 1))
    assert reads.product("A") == apple.model_copy(update={"available": 6})


@pytest.mark.parametrize("table", [PRODUCTS, WALLETS], ids=str)
def test_who_looks_can_write_nothing(
    stock: StockService, payment: PaymentService, looking: sa.Engine, table: sa.Table
) -> None:
    """The database itself refuses, whatever the code does."""
    assert stock
    assert payment
    with pytest.raises(DATABASE_NOT_READY), looking.begin() as connection:
        connection.execute(sa.delete(table))
    with pytest.raises(DATABASE_NOT_READY), looking.begin() as connection:
        connection.execute(sa.text("CREATE TABLE x (y INTEGER)"))


def test_a_database_without_tables_gives_no_answer(engine: sa.Engine, looking: sa.Engine) -> None:
    """That its service was never there is no "there is no such product"; nothing is made."""
    with engine.connect():
        pass
    with pytest.raises(DATABASE_NOT_READY):
        StockReads(looking).product("A")
    assert sa.inspect(engine).get_table_names() == []


def test_no_file_is_made(tmp_path: Path) -> None:
    """Neither the file nor its folder."""
    looking = open_database(f"sqlite:///{tmp_path}/new folder/stock.db", only_reads=True)
    with pytest.raises(DATABASE_NOT_READY):
        StockReads(looking).product("A")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_took_anothers_place_is_seen(tmp_path: Path) -> None:
    """As after a backup was put back: who looks has no memory of the old one."""
    path = tmp_path / "100% stock #1?.db"
    url = sa.URL.create("sqlite", database=str(path)).render_as_string()
    looking = open_database(url, only_reads=True)
    for count in (5, 6):
        engine = open_database(url)
        StockService.open(engine).add_products([StockView(sku="A", name="apple", available=count)])
        engine.dispose()
        product = StockReads(looking).product("A")
        assert product is not None
        assert product.available == count
        path.unlink()


def test_a_look_waits_for_no_writer(
    stock: StockService, engine: sa.Engine, looking: sa.Engine
) -> None:
    """While somebody writes, and has not committed, the state before is seen at once."""
    stock.offer(offer("1", APPLE))
    with suppress(ZeroDivisionError), engine.begin() as connection:
        connection.execute(sa.update(PRODUCTS).values(available=0))
        product = StockReads(looking).product("A")
        raise ZeroDivisionError
    assert product is not None
    assert product.available == 5


def test_the_right_to_select_is_enough(
    postgresql: PostgreSQL, open_engine: Callable[[str], sa.Engine]
) -> None:
    """On PostgreSQL a user who may only SELECT can look; one who may not gets no answer."""
    url = sa.make_url(postgresql.create_database())
    StockService.open(open_engine(url.render_as_string())).offer(offer("1", APPLE))
    schema = url.username
    looker = f"looker_{url.username}"
    postgresql.execute(f"CREATE ROLE {looker} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {looker}")
    postgresql.execute(f"ALTER ROLE {looker} SET search_path TO {schema}")
    engine = open_database(url.set(username=looker).render_as_string(), only_reads=True)
    with pytest.raises(DATABASE_NOT_READY):
        StockReads(engine).product("A")
    postgresql.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {looker}")
    product = StockReads(engine).product("A")
    assert product is not None
    assert product.prices == {"GBP": 30}
    engine.dispose()
