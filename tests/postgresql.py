"""A PostgreSQL server of a test's own, from the programs that this machine has."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest
import sqlalchemy as sa

from bench.contestants.contestant import Unavailable
from bench.postgresql import DATABASE, SUPERUSER, programs, run, server_user

# Words are in another order than in Python, as on most servers: nobody may count on the two
# being the same.
LINGUISTIC = ("--locale=C", "--locale-provider=icu", "--icu-locale=en")
DURABILITY_OFF = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


@dataclass
class PostgreSQL:
    """A server whose data is in `directory`, and that is reached through a socket there."""

    directory: Path
    _session: psycopg.Connection | None = field(default=None, init=False, repr=False)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = (
            f"-c listen_addresses='' -c unix_socket_directories={self.directory} {DURABILITY_OFF}"
        )
        self._control("start", "-l", self.directory / "log", "-o", options)

    def stop(self) -> None:
        """Stop the server under whoever is connected.

        What was committed is there when it starts again.
        """
        if self._session is not None:
            self._session.close()
        self._control("stop", "-m", "fast")

    @contextmanager
    def freeze(self) -> Iterator[None]:
        """Stop every process of the server with its sockets open, as on a machine that hangs."""
        postmaster = psutil.Process(
            int((self.directory / "data" / "postmaster.pid").read_text().split()[0])
        )
        postmaster.suspend()  # first, so that it makes no more of them
        processes = [postmaster, *postmaster.children(recursive=True)]
        try:
            for process in processes[1:]:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    @contextmanager
    def only_to_be_read(self) -> Iterator[None]:
        """Let the server answer and take no writes, as one that is a standby now.

        New sessions and those that are there.
        """
        self._set("SET default_transaction_read_only = on", "on")
        try:
            yield
        finally:
            self._set("RESET default_transaction_read_only", "off")

    def create_database(self) -> str:
        """Return the URL of something new and empty.

        The schema of a new user, which is much cheaper than a whole database.
        """
        user = f"test_{uuid4().hex}"
        self.execute(f"CREATE ROLE {user} LOGIN; CREATE SCHEMA {user} AUTHORIZATION {user}")
        url = sa.URL.create(
            "postgresql+psycopg", user, database=DATABASE, query={"host": str(self.directory)}
        )
        return url.render_as_string()

    def execute(self, statement: str) -> None:
        """Have a statement obeyed, as the superuser.

        All in one session: nearly every test has a database of its own, and to begin a session
        takes more than to create that.
        """
        if self._session is None or self._session.closed:
            self._session = psycopg.connect(
                host=str(self.directory), user=SUPERUSER, dbname=DATABASE, autocommit=True
            )
        self._session.execute(statement.encode())

    def _set(self, act: str, value: str) -> None:
        self.execute(f"ALTER SYSTEM {act}")
        self.execute("SELECT pg_reload_conf()")
        while self._show("default_transaction_read_only") != value:
            time.sleep(0.01)

    def _show(self, setting: str) -> str:
        with psycopg.connect(
            host=str(self.directory), user=SUPERUSER, dbname=DATABASE
        ) as connection:
            row = connection.execute(f"SHOW {setting}".encode()).fetchone()
            return str(row[0])  # type: ignore[index]  # there is always one

    def _control(self, act: str, *options: str | Path) -> None:
        run(_programs() / "pg_ctl", act, "-w", "-D", self.directory / "data", *options)


@contextmanager
def running() -> Iterator[PostgreSQL]:
    """Run a server that nobody else can reach; stopped or not, it is gone at the end."""
    folder = _programs()
    directory = Path(tempfile.mkdtemp(prefix="postgresql-"))
    server = PostgreSQL(directory)
    try:
        if os.geteuid() == 0:
            os.chown(directory, *server_user())
        data = directory / "data"
        run(
            folder / "initdb",
            "-D",
            data,
            "-U",
            SUPERUSER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            *LINGUISTIC,
            "--no-sync",
        )
        server.start()
        try:
            yield server
        finally:
            if (data / "postmaster.pid").exists():
                server.stop()
    finally:
        shutil.rmtree(directory)


def _programs() -> Path:
    """Return the folder of the newest PostgreSQL server programs on this machine.

    Skip the test when there is none.
    """
    try:
        return programs()
    except Unavailable as missing:
        if "CI" in os.environ:
            pytest.fail(str(missing))
        pytest.skip(f"only SQLite is tested: {missing}")
