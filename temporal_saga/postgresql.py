"""PostgreSQL sessions under client-side limits.

A server that hangs or answers wrongly blocks no thread, and its sessions are dropped.

The server's own limits (`statement_timeout`, `lock_timeout`) need a server that runs: one that is
stopped with its sockets open acknowledges what is sent and never answers. A primary that became a
standby answers everything, and accepts no write.
"""

import threading
import time
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.abc import PQGen

CONNECT_SECONDS = 3
"""A new session gets this long, of each address that a name has."""

PING_SECONDS = 3
"""A pooled session gets this long to show that it is alive and accepts writes before it is used."""

SPARED_SECONDS = 2
"""A silent server is asked again after this long, by one caller; all others fail at once."""

NO_ANSWER = "the database gives no answer"

WRONG_SERVER = ("25006", "57P", "08")
"""SQLSTATEs of sessions to be dropped: read-only, shutting down or starting up, broken."""

T = TypeVar("T")


class NoAnswer(psycopg.OperationalError):
    """The server was silent for longer than it may be."""


class Doubt:
    """A circuit breaker: while a server does not answer, one caller at a time probes it.

    Nobody else waits for it.
    """

    def __init__(self) -> None:
        self._spared_until: float | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Let the caller connect, or not.

        Raises:
            NoAnswer: it gave no answer a moment ago, or somebody is finding out right now.
        """
        with self._lock:
            if self._spared_until is None:
                return
            if (now := time.monotonic()) < self._spared_until:
                raise NoAnswer(f"{NO_ANSWER}; it is asked again in a moment")
            self._spared_until = now + CONNECT_SECONDS + 1

    def note_silence(self) -> None:
        """Note that it gave no answer."""
        self._spared_until = time.monotonic() + SPARED_SECONDS

    def note_answer(self) -> None:
        """Note that it answers."""
        self._spared_until = None


class Session(psycopg.Connection[Any]):
    """A session that is closed when its server is silent for longer than `patience` seconds."""

    patience: float
    doubt: Doubt

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """Wait for what `gen` asks of the server, as every call that speaks to it does.

        Raises:
            NoAnswer: nothing came in time; the session is closed.
        """
        try:
            return super().wait(_within_patience(gen, self.patience), *args, **kwargs)
        except NoAnswer:
            self.doubt.note_silence()
            self.close()
            raise


def _within_patience(gen: PQGen[T], patience: float) -> PQGen[T]:
    """Do what `gen` does, but give up when nothing is received for `patience` seconds.

    Every 0.1 s psycopg tells when nothing was.
    """
    received_at = time.monotonic()
    try:
        wait = next(gen)
        while True:
            ready = yield wait
            now = time.monotonic()
            if ready:
                received_at = now
            elif now - received_at > patience:
                raise NoAnswer(f"{NO_ANSWER} for {patience:g} s")
            wait = gen.send(ready)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # the generator's own result


def guard(engine: sa.Engine, *, patience: float) -> None:
    """Give an engine such sessions, each checked before it is used by one round trip.

    Args:
        engine: nothing is connected yet.
        patience: seconds that the server may be silent while it is asked something.
    """
    doubt = Doubt()

    @sa.event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, record: Any, arguments: Any, options: Any) -> Session:
        doubt.check()
        try:
            session = Session.connect(*arguments, **options)
        except psycopg.errors.ConnectionTimeout:
            doubt.note_silence()
            raise
        session.patience = patience
        session.doubt = doubt
        doubt.note_answer()
        record.info["new"] = True
        return session

    @sa.event.listens_for(engine, "checkout")
    def look(session: Session, record: Any, _proxy: Any) -> None:
        if not record.info.pop("new", False) and not _serves(session, patience):
            raise sa.exc.InvalidatePoolError

    @sa.event.listens_for(engine, "handle_error")
    def judge(context: sa.engine.ExceptionContext) -> Exception | None:
        error = context.original_exception
        if not isinstance(error, psycopg.Error) or not (error.sqlstate or "").startswith(
            WRONG_SERVER
        ):
            return None
        context.is_disconnect = True
        wrapper = context.sqlalchemy_exception
        if wrapper is None or isinstance(wrapper, sa.exc.OperationalError):
            return None
        return sa.exc.OperationalError(
            context.statement, context.parameters, error, connection_invalidated=True
        )


def _serves(session: Session, patience: float) -> bool:
    """Tell whether a pooled session's server still answers and accepts writes."""
    try:
        session.patience = PING_SECONDS
        session.autocommit = True  # outside of any transaction, as it must leave none
        with session.cursor() as cursor:
            row = cursor.execute("SHOW transaction_read_only").fetchone()
        session.patience = patience
        session.autocommit = False
    except psycopg.Error:
        return False
    return row == ("off",)
