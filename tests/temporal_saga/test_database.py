import os
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from temporal_saga.database import (
    ANSWER_SECONDS,
    DATABASE_AWAY,
    LOCK_WAIT_SECONDS,
    UtcDateTime,
    create_tables,
    open_database,
    reading,
)
from temporal_saga.policy import Policy
from temporal_saga.postgresql import CONNECT_SECONDS, PING_SECONDS, SPARED_SECONDS
from tests.concurrency import at_once
from tests.postgresql import PostgreSQL, running
from tests.proxy import proxy

METADATA = sa.MetaData()
INSTANTS = sa.Table("instants", METADATA, sa.Column("at", UtcDateTime))

SERVER_LIMITS = {"lock_timeout": f"{LOCK_WAIT_SECONDS}s", "statement_timeout": f"{ANSWER_SECONDS}s"}


def test_tables_are_created_once_and_keep_their_rows(engine: sa.Engine) -> None:
    """Creating tables that are there already changes nothing."""
    now = datetime.now(UTC)
    create_tables(engine, METADATA)
    with engine.begin() as connection:
        connection.execute(sa.insert(INSTANTS).values(at=now))
    create_tables(engine, METADATA)
    with reading(engine) as connection:
        assert connection.scalars(sa.select(INSTANTS.c.at)).all() == [now]


def test_a_database_file_gets_the_folders_it_needs(tmp_path: Path) -> None:
    """A SQLite file may lie in folders that do not exist yet."""
    file = tmp_path / "not" / "there" / "yet.db"
    engine = open_database(f"sqlite:///{file}")
    create_tables(engine, METADATA)
    engine.dispose()
    assert file.is_file()


def test_opening_connects_to_nothing() -> None:
    """An engine can be opened while its database is away."""
    open_database("postgresql+psycopg://nobody@nowhere.invalid/nothing").dispose()


def test_a_lock_is_waited_for_within_a_named_limit(engine: sa.Engine) -> None:
    """No wait for a lock outlasts `LOCK_WAIT_SECONDS`."""
    statement, answer = {
        "sqlite": ("PRAGMA busy_timeout", LOCK_WAIT_SECONDS * 1_000),
        "postgresql": ("SHOW lock_timeout", f"{LOCK_WAIT_SECONDS}s"),
    }[engine.dialect.name]
    with engine.connect() as connection:
        assert connection.exec_driver_sql(statement).scalar_one() == answer


@pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)
def test_a_commit_on_sqlite_is_on_disk(engine: sa.Engine) -> None:
    """SQLite syncs every commit, lets readers work beside a writer, and enforces foreign keys."""
    pragmas = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    with engine.connect() as connection:
        assert {
            pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()
            for pragma in pragmas
        } == pragmas


@pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)
def test_a_new_file_that_somebody_is_writing_to_is_waited_for(engine: sa.Engine) -> None:
    """The first use of a file waits for whoever is at work in it.

    As when several processes start on a new one.
    """
    somebody = sqlite3.connect(str(engine.url.database), isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor() as pool:
        opening = pool.submit(lambda: engine.connect().close())
        with pytest.raises(TimeoutError):
            opening.exception(timeout=0.3)
        somebody.execute("COMMIT")
        assert opening.exception() is None
    somebody.close()


def test_writers_of_a_file_take_turns(tmp_path: Path) -> None:
    """Threads wait for the one connection, and not for the lock of a file that all have open."""
    engine = open_database(f"sqlite:///{tmp_path}/shop.db", only_writes=True)
    connections: list[object] = []
    sa.event.listen(engine, "connect", lambda connection, _: connections.append(connection))

    def write() -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO sold VALUES (1)")

    with ThreadPoolExecutor() as pool:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE sold (pieces INTEGER)")
            others = [pool.submit(write) for _ in range(5)]
            assert not wait(others, timeout=0.3).done
        for other in others:
            other.result()
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sold").scalar_one() == 5
    assert len(connections) == 1
    engine.dispose()


def test_a_writers_turn_and_its_lock_are_waited_for_within_one_try(tmp_path: Path) -> None:
    """For the connection and for the file together: less than a try of a command has."""
    engine = open_database(f"sqlite:///{tmp_path}/shop.db", only_writes=True)
    assert isinstance(engine.pool, sa.pool.QueuePool)
    with engine.begin() as connection:
        file_wait = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() / 1_000
    waits = timedelta(seconds=engine.pool.timeout() + file_wait)
    assert timedelta(seconds=LOCK_WAIT_SECONDS) < waits < Policy().start_to_close
    engine.dispose()


@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
def test_isolation_does_not_depend_on_how_the_server_is_set_up(
    engine: sa.Engine, database_url: str
) -> None:
    """PostgreSQL works READ COMMITTED, as the fence needs it, whatever the server's default."""
    user = sa.make_url(database_url).username
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"ALTER ROLE {user} SET default_transaction_isolation = 'serializable'"
        )
    engine.dispose()  # such a setting holds for connections made from now on
    with engine.connect() as connection:
        assert (
            connection.exec_driver_sql("SHOW transaction_isolation").scalar_one()
            == "read committed"
        )


@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
def test_a_connection_that_was_ended_between_two_uses_is_not_noticed(engine: sa.Engine) -> None:
    """A server that was restarted in a pause is not the next user's trouble.

    Every connection of the pool is dead then.
    """
    create_tables(engine, METADATA)
    number = sa.func.pg_backend_pid()
    with reading(engine) as one, reading(engine) as other:
        before = {one.scalar(sa.select(number)), other.scalar(sa.select(number))}
    killer = sa.create_engine(engine.url, poolclass=sa.pool.NullPool)
    with killer.connect() as connection:
        for backend in before:
            assert (
                connection.scalar(sa.select(sa.func.pg_terminate_backend(backend, 5_000))) is True
            )
    with engine.begin() as connection, reading(engine) as reader:
        connection.execute(sa.insert(INSTANTS).values(at=datetime.now(UTC)))
        assert not before & {connection.scalar(sa.select(number)), reader.scalar(sa.select(number))}


@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
def test_a_server_that_does_not_answer_is_given_up(engine: sa.Engine) -> None:
    """Every limit is in force.

    On statements by the server's word, on what it acknowledges by the socket's own.
    """
    with proxy(f"{engine.url.query['host']}/.s.PGSQL.5432") as leading:
        remote = open_database(
            engine.url.set(host="127.0.0.1", port=leading.port, query={}).render_as_string()
        )
        with remote.connect() as connection:
            limits = {
                name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
                for name in SERVER_LIMITS
            }
            driver = connection.connection.driver_connection
            assert driver is not None
            with socket.socket(fileno=os.dup(driver.fileno())) as ours:
                limit = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            connecting = driver.info.get_parameters()["connect_timeout"]
        remote.dispose()
    assert connecting == str(CONNECT_SECONDS)
    assert limits == SERVER_LIMITS
    assert limit == ANSWER_SECONDS * 1_000


@pytest.mark.long
@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
def test_a_server_that_hangs_keeps_no_thread(engine: sa.Engine, postgresql: PostgreSQL) -> None:
    """A statement that is under way is given up, sessions that wait in the pool are, and new ones.

    Then all works again.
    """

    def seconds_until_given_up(work: Callable[[], object]) -> float:
        start = time.monotonic()
        with pytest.raises(DATABASE_AWAY):
            work()
        return time.monotonic() - start

    def ask() -> object:
        with reading(engine) as connection:
            return connection.scalar(sa.text("SELECT 1"))

    in_pool = [engine.connect() for _ in range(3)]
    for idle in in_pool:
        idle.close()
    connection = engine.connect()
    with postgresql.freeze():
        assert seconds_until_given_up(ask) < PING_SECONDS + 1, "a session of the pool"
        assert seconds_until_given_up(ask) < 1, "it was found hung a moment ago"
        assert (
            seconds_until_given_up(lambda: connection.scalar(sa.text("SELECT 1")))
            < ANSWER_SECONDS + 2
        ), "one in use"
        time.sleep(SPARED_SECONDS)
        assert CONNECT_SECONDS - 1 < seconds_until_given_up(ask) < CONNECT_SECONDS + 1, "a new one"
    connection.close()
    time.sleep(SPARED_SECONDS)
    assert ask() == 1
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool has it


@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
def test_a_server_that_takes_no_writes_is_left(engine: sa.Engine, postgresql: PostgreSQL) -> None:
    """A session whose server has become a standby is no good, whether it waits or is in use.

    On a primary all goes on.
    """
    create_tables(engine, METADATA)
    write = sa.insert(INSTANTS).values(at=datetime.now(UTC))
    in_use = engine.connect()
    with postgresql.only_to_be_read():
        with pytest.raises(DATABASE_AWAY, match="read-only"):
            in_use.execute(write)
        assert in_use.invalidated
        with pytest.raises(DATABASE_AWAY, match="read-only"):
            engine.connect()
    in_use.close()
    in_pool = engine.connect()
    in_pool.close()
    with postgresql.only_to_be_read(), pytest.raises(DATABASE_AWAY, match="read-only"):
        engine.connect()
    with engine.begin() as connection:
        connection.execute(write)


@pytest.mark.long
@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
def test_after_a_failover_all_sessions_are_on_the_second_server(
    engine: sa.Engine, postgresql: PostgreSQL
) -> None:
    """Behind a proxy the first server takes no writes any more.

    Sessions kept and in use are left, and nothing else is told.
    """

    def socket_of(server: PostgreSQL) -> str:
        return f"{server.directory}/.s.PGSQL.5432"

    def where(remote: sa.Engine) -> set[object]:
        with ExitStack() as stack:  # as many at once as the pool keeps
            sessions = [stack.enter_context(remote.connect()) for _ in range(10)]
            return {
                session.scalar(sa.select(sa.func.pg_postmaster_start_time()))
                for session in sessions
            }

    with running() as second, proxy(socket_of(postgresql)) as leading:
        second.execute(f"CREATE ROLE {engine.url.username} LOGIN")
        remote = open_database(
            engine.url.set(host="127.0.0.1", port=leading.port, query={}).render_as_string()
        )
        first = where(remote)
        assert len(first) == 1
        with postgresql.only_to_be_read():
            leading.target = socket_of(second)
            assert len(where(remote)) == 1
            assert not where(remote) & first
        remote.dispose()


def test_a_reader_waits_for_no_writer(engine: sa.Engine) -> None:
    """While a writer is at work, a reader sees what was committed before."""
    create_tables(engine, METADATA)
    with engine.begin() as writer:
        writer.execute(sa.insert(INSTANTS).values(at=datetime.now(UTC)))
        with reading(engine) as reader:
            assert reader.scalars(sa.select(INSTANTS.c.at)).all() == []


def test_a_reader_sees_one_instant(engine: sa.Engine) -> None:
    """What is committed between two of its statements it does not see; whoever comes next does."""
    create_tables(engine, METADATA)
    count = sa.select(sa.func.count()).select_from(INSTANTS)
    with reading(engine) as reader:
        before = reader.scalar(count)
        with engine.begin() as writer:
            writer.execute(sa.insert(INSTANTS).values(at=datetime.now(UTC)))
        assert reader.scalar(count) == before == 0
    with reading(engine) as reader:
        assert reader.scalar(count) == 1


@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
def test_a_session_that_was_read_from_writes_as_ever(engine: sa.Engine) -> None:
    """It is READ COMMITTED again, and does not ask a server that takes no writes for them."""
    with reading(engine) as reader:
        number = reader.scalar(sa.select(sa.func.pg_backend_pid()))
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.pg_backend_pid())) == number
        assert connection.scalar(sa.text("SHOW transaction_isolation")) == "read committed"
        session = connection.connection.driver_connection
        assert session is not None
        assert session.read_only is None


def test_no_writer_fails_half_way(engine: sa.Engine) -> None:
    """Of many that read and then write in one transaction at once, each gets through."""
    create_tables(engine, METADATA)
    start = datetime.now(UTC)

    def read_and_write() -> None:
        with engine.begin() as connection:
            instant_count = len(connection.scalars(sa.select(INSTANTS.c.at)).all())
            connection.execute(
                sa.insert(INSTANTS).values(at=start + timedelta(seconds=instant_count))
            )

    at_once([read_and_write] * 8)
    with reading(engine) as connection:
        assert len(connection.scalars(sa.select(INSTANTS.c.at)).all()) == 8


def test_a_transaction_that_fails_leaves_nothing(engine: sa.Engine) -> None:
    """What a transaction wrote before it raised is undone."""
    create_tables(engine, METADATA)

    def write_and_fail() -> None:
        with engine.begin() as connection:
            connection.execute(sa.insert(INSTANTS).values(at=datetime.now(UTC)))
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        write_and_fail()
    with reading(engine) as connection:
        assert connection.scalars(sa.select(INSTANTS.c.at)).all() == []


@pytest.mark.parametrize(
    "zone", [UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=5, minutes=45))], ids=str
)
def test_an_instant_comes_back_in_utc(engine: sa.Engine, zone: timezone) -> None:
    """An instant comes back to the microsecond and in UTC, whatever zone it was given in."""
    create_tables(engine, METADATA)
    at = datetime(2010, 12, 1, 23, 30, 0, 123456, tzinfo=zone)
    with engine.begin() as connection:
        connection.execute(sa.insert(INSTANTS).values(at=at))
        (instant,) = connection.scalars(sa.select(INSTANTS.c.at)).all()
    assert instant == at
    assert instant is not None
    assert instant.tzinfo is UTC


def test_a_time_without_a_zone_is_no_instant(engine: sa.Engine) -> None:
    """A naive time is refused instead of being taken for some zone's."""
    create_tables(engine, METADATA)
    naive = datetime(2010, 12, 1)  # noqa: DTZ001  # the point of this test
    with engine.begin() as connection, pytest.raises(sa.exc.StatementError, match="times are UTC"):
        connection.execute(sa.insert(INSTANTS).values(at=naive))
