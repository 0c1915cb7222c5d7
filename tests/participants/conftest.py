"""The databases that the participants keep their promises on: a SQLite file, and a PostgreSQL server of this session's own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa

from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database
from tests.participants.invariants import (
    assert_every_effect_has_its_command,
    assert_no_stock_is_lost,
    assert_the_books_balance,
    assert_the_moves_are_whole,
)
from tests.participants.shelf import Shelf

THREADS = 16
DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
SUPERUSER = DATABASE = "postgres"
# Words are in another order than in Python, as on most servers: nobody may count on the two being the same.
LINGUISTIC = ("--locale-provider=icu", "--icu-locale=en")
DURABILITY_OFF = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


@dataclass(frozen=True)
class PostgreSQL:
    """A running server that is reached through a socket in `directory`."""

    directory: Path

    def create_database(self) -> str:
        """Return the URL of something new and empty: the schema of a new user, which is much cheaper than a whole database."""
        user = f"test_{uuid4().hex}"
        self._execute(f"CREATE ROLE {user} LOGIN; CREATE SCHEMA {user} AUTHORIZATION {user}")
        url = sa.URL.create("postgresql+psycopg", user, database=DATABASE, query={"host": str(self.directory)})
        return url.render_as_string()

    def _execute(self, statement: str) -> None:
        with psycopg.connect(host=str(self.directory), user=SUPERUSER, dbname=DATABASE, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Give a PostgreSQL server that lives as long as the session, and nobody else can reach."""
    programs = _programs()
    directory = Path(tempfile.mkdtemp(prefix="postgresql-"))
    data = directory / "data"
    try:
        if os.geteuid() == 0:
            os.chown(directory, *_unprivileged())
        _run(
            programs / "initdb", "-D", data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", *LINGUISTIC, "--no-sync"
        )
        options = f"-c listen_addresses='' -c unix_socket_directories={directory} {DURABILITY_OFF}"
        _run(programs / "pg_ctl", "start", "-w", "-D", data, "-l", directory / "log", "-o", options)
        try:
            yield PostgreSQL(directory)
        finally:
            _run(programs / "pg_ctl", "stop", "-w", "-D", data, "-m", "immediate")
    finally:
        shutil.rmtree(directory)


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
def opened() -> Iterator[Callable[[str], sa.Engine]]:
    """Give a function that opens the database of a URL as a participant opens its own; all are closed at the end."""
    with ExitStack() as stack:

        def opened(url: str) -> sa.Engine:
            engine = open_database(url, pool_size=THREADS)
            stack.callback(engine.dispose)
            return engine

        yield opened


@pytest.fixture
def engine(opened: Callable[[str], sa.Engine], database_url: str) -> sa.Engine:
    """Give an empty database as a participant opens its own."""
    return opened(database_url)


@pytest.fixture
def shelf(engine: sa.Engine) -> Shelf:
    """Give an empty shelf."""
    return Shelf(engine)


@pytest.fixture
def payment(engine: sa.Engine) -> Iterator[PaymentService]:
    """Give a payment service; whatever the test did to it, the books balance at the end."""
    yield PaymentService(engine)
    assert_the_books_balance(engine)
    assert_every_effect_has_its_command(engine, "ledger", "transaction_id")


@pytest.fixture
def stock(engine: sa.Engine) -> Iterator[StockService]:
    """Give a stock service; whatever the test did to it, no stock is lost or made at the end."""
    yield StockService(engine)
    assert_no_stock_is_lost(engine)
    assert_every_effect_has_its_command(engine, "movements", "command_key")


@pytest.fixture
def orders(engine: sa.Engine) -> Iterator[OrderService]:
    """Give an order service; whatever the test did to it, every record of moves is whole at the end."""
    yield OrderService(engine)
    assert_the_moves_are_whole(engine)


def _programs() -> Path:
    """Return the folder of the newest PostgreSQL server programs on this machine; skip the test when there is none."""
    installed = [path.parent for path in DEBIAN_PROGRAMS.glob("*/bin/initdb")]
    if installed:
        return max(installed, key=lambda programs: float(programs.parent.name))
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    missing = "PostgreSQL's server is not installed, so only SQLite is tested; on Debian: apt-get install postgresql"
    if "CI" in os.environ:
        pytest.fail(missing)
    pytest.skip(missing)


def _unprivileged() -> tuple[int, int]:
    """Return the user and group that the server runs as when we are root, because it refuses to run as root."""
    user = pwd.getpwnam("postgres")
    return user.pw_uid, user.pw_gid


def _run(program: Path, *arguments: str | Path) -> None:
    """Run one of PostgreSQL's programs to its end, never as root.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    user, group = _unprivileged() if os.geteuid() == 0 else (None, None)
    done = subprocess.run(
        [program, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        timeout=60,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program.name} failed: {done.stdout}{done.stderr}")
