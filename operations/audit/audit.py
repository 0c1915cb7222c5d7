"""Looks at every invariant, in the participants' databases and in Temporal; changes nothing."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa
from temporalio.client import Client

from config import Settings
from contracts.ids import saga_id
from contracts.states import OrderStatus
from contracts.steps import PARTICIPANTS
from operations.audit.invariants import CannotRead, invariants_of, snapshot, violations_by_id
from operations.audit.ledger_reconciliation import CLAIM as LEDGER_CLAIM
from operations.audit.ledger_reconciliation import OrderAccount, read_accounts
from operations.audit.saga_reconciliation import CLAIM as SAGAS_CLAIM
from operations.audit.saga_reconciliation import SagaReconciliation, reconcile_sagas
from operations.audit.sagas import CannotAsk, Sagas
from temporal_saga.database import open_database

KINDS = "MSEPO"
"""How invariants are sorted: money, stock, effects, effects at providers, orders."""

MOST_VIOLATIONS = 10
"""So many violations of one invariant are reported; the others are counted."""


@dataclass(frozen=True)
class Check:
    """One invariant: its claim, its violations, and why it was not looked at (or not wholly)."""

    id: str
    claim: str
    violations: tuple[str, ...] = ()
    skip_reason: str | None = None


@dataclass(frozen=True)
class Report:
    """The checks, what persons settled by hand, and how many orders are in which state.

    `left_open` are the orders that nobody works on, and that need a person therefore.
    """

    checks: tuple[Check, ...]
    settlements: tuple[str, ...]
    left_open: tuple[str, ...]
    orders: Mapping[str, int]

    @property
    def holds(self) -> bool:
        """Whether no invariant is violated."""
        return not any(check.violations for check in self.checks)


async def audit(settings: Settings, client: Client | None) -> Report:
    """Look at every invariant; without a client, or with Temporal away, at all that needs none.

    Raises:
        CannotRead: a database is not there, or cannot be read.
    """
    with ExitStack() as stack:
        databases = {
            name: stack.enter_context(open_to_read(settings, name)) for name in PARTICIPANTS
        }
        checks = await asyncio.to_thread(_check_each_participant, databases)
        accounts = await asyncio.to_thread(read_accounts, databases)
        sagas = Sagas(client) if client else None
        try:
            across, standing = await _check_across(databases, accounts, sagas)
        except CannotAsk as reason:
            across, standing = await _check_across(databases, accounts, None, why=str(reason))
    settlements = [
        f"order {order_id} {line}"
        for order_id, account in sorted(accounts.items())
        for line in account.describe_settlements()
    ]
    states = {id_: account.status for id_, account in accounts.items() if account.status}
    states |= dict.fromkeys(standing.left_open, "left open") | dict(standing.open)
    open_lines = [f"order {order_id} {why}" for order_id, why in sorted(standing.left_open.items())]
    return Report(
        (*checks, *across), tuple(settlements), first_lines(open_lines), Counter(states.values())
    )


def _check_each_participant(databases: Mapping[str, sa.Engine]) -> list[Check]:
    """Check the invariants of one participant; one of several has the violations of each."""
    claims: dict[str, str] = {}
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for participant, engine in databases.items():
        violations = violations_by_id(engine, participant)
        for invariant in invariants_of(participant):
            claims[invariant.id] = invariant.claim
            lines[invariant.id] += [
                f"{participant}: {line}" for line in violations.get(invariant.id, ())
            ]
    ids = sorted(claims, key=lambda id_: (KINDS.index(id_[0]), id_))
    return [Check(id_, claims[id_], first_lines(lines[id_])) for id_ in ids]


async def _check_across(
    databases: Mapping[str, sa.Engine],
    accounts: Mapping[str, OrderAccount],
    sagas: Sagas | None,
    why: str = "Temporal was not asked",
) -> tuple[list[Check], SagaReconciliation]:
    """Check the invariants across participants; return also how orders and sagas stand."""
    if sagas is not None:
        standing = await reconcile_sagas(sagas, databases["order"])
    else:
        pending = [id_ for id_, one in accounts.items() if one.status == OrderStatus.PENDING]
        skip_reason = f"{why}, so nothing is known of sagas"
        standing = SagaReconciliation(dict.fromkeys(pending, "open"), skip_reason=skip_reason)
    discrepancies = [
        f"order {order_id} {line}"
        for order_id, account in sorted(accounts.items())
        if order_id not in standing.open and account.discrepancies()
        for line in await _check_again(order_id, databases, sagas)
    ]
    lines = first_lines(standing.discrepancies)
    checks = [
        Check("O2", LEDGER_CLAIM, first_lines(discrepancies)),
        Check("O3", SAGAS_CLAIM, lines, standing.skip_reason),
    ]
    return checks, standing


async def _check_again(
    order_id: str, databases: Mapping[str, sa.Engine], sagas: Sagas | None
) -> list[str]:
    """Return the discrepancies of an order, read anew.

    It may have been under way while the databases were read one after the other.
    """
    run = await sagas.run(saga_id(order_id)) if sagas else None
    if run is not None and run.is_open:
        return []
    accounts = await asyncio.to_thread(read_accounts, databases, order_id)
    account = accounts[order_id]
    is_under_way = sagas is None and account.status == OrderStatus.PENDING
    return [] if is_under_way else account.discrepancies()


@contextmanager
def open_to_read(settings: Settings, participant: str) -> Iterator[sa.Engine]:
    """Open a participant's database, which must have all its tables: an audit creates nothing."""
    variable = f"{participant.upper()}_DATABASE_URL"
    try:
        url = sa.make_url(settings.database_url(participant))
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            raise CannotRead(
                f"there is no {participant} database {url.database}: "
                f"DATA_DIR or {variable} says where it is"
            )
        engine = open_database(settings.database_url(participant))
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        raise CannotRead(f"{variable} names no database: {error}") from error
    try:
        with snapshot(engine) as connection:
            missing = tables_of(participant).difference(sa.inspect(connection).get_table_names())
        if missing:
            where = url.render_as_string(hide_password=True)
            raise CannotRead(
                f"{where} has no table {', '.join(sorted(missing))}: "
                f"no {participant} service ever used it"
            )
        yield engine
    finally:
        engine.dispose()


def tables_of(participant: str) -> set[str]:
    """Return the names of the tables that a participant's service creates."""
    return {*import_module(f"participants.{participant}.tables").METADATA.tables}


def first_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the first lines, and how many more there are."""
    more = len(lines) - MOST_VIOLATIONS
    return tuple(lines) if more <= 0 else (*lines[:MOST_VIOLATIONS], f"and {more} more")
