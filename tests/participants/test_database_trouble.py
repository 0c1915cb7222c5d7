"""Trouble with a database ends the try of a command.

Temporal tries again, and nothing takes it for a refusal.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from temporalio.client import Client
from temporalio.worker import Worker

from activities.payment import PaymentActivities
from contracts import stubs
from contracts.base import Event
from contracts.payment import PaymentCompletedEvent, WalletView
from participants.payment.service import PaymentService
from participants.payment.tables import FENCE, WALLETS
from temporal_saga.policy import Policy
from tests import temporal_server
from tests.commands import pay

COMMAND = pay("1", 400)
ANN = WalletView(customer_id="ann", currency="GBP", balance_minor=1_000)


@dataclass
class Trouble:
    """Befalls a command that has claimed its key and comes to the wallets, or begins on SQLite.

    Over when that has failed.
    """

    engine: sa.Engine
    errors: list[BaseException] = field(default_factory=list)
    aftermath: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def befalls(self, cause: Callable[["Trouble", sa.Connection], None]) -> Iterator[None]:
        """Let `cause` happen to the next command."""
        causes = [cause]

        def come(
            connection: sa.Connection, _cursor: object, statement: str, *_more: object
        ) -> None:
            if causes and ("wallets" in statement or statement == "BEGIN IMMEDIATE"):
                causes.pop()(self, connection)

        def end(context: sa.engine.ExceptionContext) -> None:
            self.errors.append(context.original_exception)
            self.aftermath.close()

        sa.event.listen(self.engine, "before_cursor_execute", come)
        sa.event.listen(self.engine, "handle_error", end)
        yield
        assert not causes, "nothing happened"
        sa.event.remove(self.engine, "before_cursor_execute", come)
        sa.event.remove(self.engine, "handle_error", end)

    def rival(self, url: str | None = None) -> sa.Connection:
        """Return somebody else's connection, which is rolled back when the trouble is over."""
        rival = sa.create_engine(url or self.engine.url, poolclass=sa.pool.NullPool)
        return self.aftermath.enter_context(rival.connect())


def hold_the_wallet(trouble: Trouble, url: str | None = None) -> sa.Connection:
    """Let somebody else lock the wallet, and return their connection."""
    rival = trouble.rival(url)
    rival.execute(sa.select(WALLETS).with_for_update()).all()
    return rival


def file_is_locked(trouble: Trouble, connection: sa.Connection) -> None:
    """Keep the command waiting for the file longer than it will."""
    trouble.rival().exec_driver_sql("BEGIN IMMEDIATE")
    connection.exec_driver_sql("PRAGMA busy_timeout = 50")


def lock_times_out(trouble: Trouble, connection: sa.Connection) -> None:
    """Keep the command waiting for a lock longer than it will."""
    hold_the_wallet(trouble)
    connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")


def statement_times_out(trouble: Trouble, connection: sa.Connection) -> None:
    """Keep the command waiting for an answer longer than it will."""
    hold_the_wallet(trouble)
    connection.exec_driver_sql("SET LOCAL statement_timeout = '50ms'")


def connection_is_lost(trouble: Trouble, connection: sa.Connection) -> None:
    """End the command's session, as a server does that is shut down."""
    number = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    trouble.rival().execute(sa.select(sa.func.pg_terminate_backend(number, 5_000)))


def cannot_serialize(trouble: Trouble, connection: sa.Connection) -> None:
    """Let somebody else change the wallet after the command has taken its snapshot."""
    assert (
        connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "repeatable read"
    )
    rival = trouble.rival()
    rival.execute(sa.update(WALLETS).values(balance_minor=WALLETS.c.balance_minor))
    rival.commit()


def deadlock(trouble: Trouble, connection: sa.Connection) -> None:
    """Let somebody else lock the wallet and wait for the command's key.

    They wait longer than the command does.
    """
    schema = trouble.engine.url.username
    superuser = trouble.engine.url.set(username="postgres").update_query_dict(
        {"options": f"-c search_path={schema} -c deadlock_timeout=1h -c lock_timeout=20s"}
    )
    rival = hold_the_wallet(trouble, superuser.render_as_string())
    number = rival.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    claim = sa.insert(FENCE).values(
        key=COMMAND.idempotency_key, outcome="APPLIED", at=sa.func.now()
    )
    pool = trouble.aftermath.enter_context(ThreadPoolExecutor(1))
    waiting: Future[object] = pool.submit(rival.execute, claim)
    trouble.aftermath.callback(waiting.result)
    blocking_count = sa.select(sa.func.cardinality(sa.func.pg_blocking_pids(number)))
    for _ in range(200):
        if connection.scalar(blocking_count):
            return
        # The server sleeps: this thread is in a transaction, where none of ours may.
        connection.execute(sa.select(sa.func.pg_sleep(0.05)))
    raise AssertionError("the rival does not wait for the command")


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[Client]:
    """Give a real server."""
    async with temporal_server.running() as client:
        yield client


async def process(client: Client, payment: PaymentService) -> Event:
    """Have the payment worker execute the command as the saga would."""
    activities = PaymentActivities(payment).all
    with ThreadPoolExecutor() as pool:
        async with Worker(
            client, task_queue=stubs.PAYMENT_QUEUE, activities=activities, activity_executor=pool
        ):
            return await client.execute_activity(
                stubs.process_payment,
                COMMAND,
                id=COMMAND.idempotency_key,
                task_queue=stubs.PAYMENT_QUEUE,
                start_to_close_timeout=Policy().start_to_close,
                schedule_to_close_timeout=Policy().forward_step,
                retry_policy=Policy().forward_retry,
            )


@pytest.mark.parametrize(
    ("new_database", "cause", "error"),
    [
        ("sqlite", file_is_locked, "database is locked"),
        ("postgresql", lock_times_out, "canceling statement due to lock timeout"),
        ("postgresql", statement_times_out, "canceling statement due to statement timeout"),
        ("postgresql", connection_is_lost, "terminating connection due to administrator command"),
        ("postgresql", cannot_serialize, "could not serialize access due to concurrent update"),
        ("postgresql", deadlock, "deadlock detected"),
    ],
    indirect=["new_database"],
)
async def test_a_command_in_trouble_is_tried_again_and_takes_effect_once(
    temporal: Client, engine: sa.Engine, cause: Callable[[Trouble, sa.Connection], None], error: str
) -> None:
    """The first try fails with what the database says, the second charges, once.

    Nobody hears of a refusal.
    """
    if cause is cannot_serialize:  # READ COMMITTED knows no such thing
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    payment = PaymentService.open(engine)
    payment.open_wallets([ANN])
    trouble = Trouble(engine)
    with trouble.befalls(cause):
        assert await process(temporal, payment) == PaymentCompletedEvent(
            order_id="1", currency="GBP", amount_minor=400
        )
    assert [error in str(driver_error) for driver_error in trouble.errors] == [True], trouble.errors
    assert payment.wallet("ann") == ANN.model_copy(update={"balance_minor": 600})
