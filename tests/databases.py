"""The databases that the participants keep their promises on.

A SQLite file, and a PostgreSQL server of this session's own.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from operations.audit.invariants import violations_by_id
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database
from tests.postgresql import PostgreSQL, running
from tests.shop import Shop
from tests.tables import METADATA, create_tables
from tests.temporal_saga.fenced_participant import Shelf

THREADS = 16


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Give a PostgreSQL server that lives as long as the session, and nobody else can reach."""
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Give a function that makes an empty database and returns its URL."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/{uuid4().hex}.db"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.create_database


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """Give the URL of an empty database."""
    return new_database()


@pytest.fixture
def open_engine() -> Iterator[Callable[[str], sa.Engine]]:
    """Give a function that opens the database of a URL as a participant opens its own.

    All are closed at the end.
    """
    with ExitStack() as stack:

        def open_engine(url: str) -> sa.Engine:
            engine = open_database(url, pool_size=THREADS)
            stack.callback(engine.dispose)
            return engine

        yield open_engine


@pytest.fixture
def engine(open_engine: Callable[[str], sa.Engine], database_url: str) -> sa.Engine:
    """Give an empty database as a participant opens its own."""
    return open_engine(database_url)


@pytest.fixture
def shelf(engine: sa.Engine) -> Shelf:
    """Give an empty shelf."""
    return Shelf(engine)


@pytest.fixture
def payment(engine: sa.Engine) -> Iterator[PaymentService]:
    """Give a payment service; whatever the test did to it, its invariants hold at the end."""
    create_tables(engine, METADATA["payment"])
    yield PaymentService(engine)
    assert violations_by_id(engine, "payment") == {}


@pytest.fixture
def stock(engine: sa.Engine) -> Iterator[StockService]:
    """Give a stock service; whatever the test did to it, its invariants hold at the end."""
    create_tables(engine, METADATA["stock"])
    yield StockService(engine)
    assert violations_by_id(engine, "stock") == {}


@pytest.fixture
def orders(engine: sa.Engine) -> Iterator[OrderService]:
    """Give an order service; whatever the test did to it, its invariants hold at the end."""
    create_tables(engine, METADATA["order"])
    yield OrderService(engine)
    assert violations_by_id(engine, "order") == {}


@pytest.fixture
def empty_shop(new_database: Callable[[], str], open_engine: Callable[[str], sa.Engine]) -> Shop:
    """Give a shop in which nobody has ordered anything."""
    return Shop(new_database, open_engine)


@pytest.fixture(scope="session")
def traded_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give the shop that `shop` is like, which nobody changes."""
    folder = tmp_path_factory.mktemp("shop")
    shop = Shop(lambda: f"sqlite:///{folder}/{uuid4().hex}.db", open_database)
    shop.trade()
    yield shop
    for engine in shop.engines.values():
        engine.dispose()


@pytest.fixture
def shop(empty_shop: Shop, traded_shop: Shop) -> Shop:
    """Give a shop with an order of every kind, to be looked at or corrupted."""
    empty_shop.take_over(traded_shop)
    return empty_shop
