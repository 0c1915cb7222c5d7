"""`make audit`: asks the participants' databases and Temporal whether every invariant holds, and changes nothing.

Exit codes: 0 when all hold, 1 when one does not, 2 when one could not be looked at.
"""

import asyncio
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.text import Text
from temporalio.client import Client

from config import Settings
from contracts.ids import saga_id
from contracts.states import OrderStatus
from contracts.text import cleaned
from operations.audit.books import CLAIM as BOOKS_CLAIM
from operations.audit.books import Books, read_books
from operations.audit.invariants import CannotRead, broken, invariants_of, snapshot
from operations.audit.sagas import CLAIM as SAGAS_CLAIM
from operations.audit.sagas import CannotAsk, Sagas, find_endings
from participants.order.tables import METADATA as ORDER
from participants.payment.tables import METADATA as PAYMENT
from participants.stock.tables import METADATA as STOCK
from process import connect
from temporal_saga.database import open_database

TABLES = {"order": ORDER, "payment": PAYMENT, "stock": STOCK}
KINDS = "MSEO"
"""The invariants' order: money, stock, effects, orders."""

MOST_TOLD = 10
"""So many violations of one invariant are told, and of the others how many there are."""

COLOURS = {"holds": "green", "in part": "yellow", "VIOLATED": "bold red"}
MIN_WIDTH = 20
INDENT = " " * len("M1  VIOLATED  ")


@dataclass(frozen=True)
class Check:
    """One invariant: what it claims, what contradicts it, and what of it was not looked at and why."""

    id: str
    claim: str
    violations: tuple[str, ...] = ()
    skipped: str | None = None


@dataclass(frozen=True)
class Report:
    """Whether the invariants hold: the checks, what persons settled by hand, and how many orders stand how."""

    checks: tuple[Check, ...]
    settled: tuple[str, ...]
    orders: Mapping[str, int]

    @property
    def holds(self) -> bool:
        """Whether nothing contradicts an invariant."""
        return not any(check.violations for check in self.checks)


async def audit(settings: Settings, client: Client | None) -> Report:
    """Look at every invariant; without a client, or with Temporal away, at all that needs no Temporal.

    Raises:
        CannotRead: a database is not there, or cannot be read.
    """
    with ExitStack() as stack:
        databases = {name: stack.enter_context(_opened(settings, name)) for name in TABLES}
        checks = await asyncio.to_thread(_look_into_each, databases)
        books = await asyncio.to_thread(read_books, databases)
        try:
            across, open_ = await _look_across(databases, books, Sagas(client) if client else None)
        except CannotAsk as reason:
            across, open_ = await _look_across(databases, books, None, why=str(reason))
    settled = [
        f"order {order_id} {told}"
        for order_id, order in sorted(books.items())
        for told in order.settlements()
    ]
    standing = Counter(
        [*open_.values(), *(o.status for id_, o in books.items() if o.status and id_ not in open_)]
    )
    return Report((*checks, *across), tuple(settled), standing)


def _look_into_each(databases: Mapping[str, sa.Engine]) -> list[Check]:
    """Look at the invariants of one participant: of each, what every database that it speaks of says."""
    claims: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for participant, engine in databases.items():
        told = broken(engine, participant)
        for invariant in invariants_of(participant):
            claims[invariant.id] = invariant.claim
            found.setdefault(invariant.id, []).extend(
                f"{participant}: {line}" for line in told.get(invariant.id, ())
            )
    ids = sorted(claims, key=lambda id_: (KINDS.index(id_[0]), id_))
    return [Check(id_, claims[id_], _some(found[id_])) for id_ in ids]


async def _look_across(
    databases: Mapping[str, sa.Engine],
    books: Mapping[str, Books],
    sagas: Sagas | None,
    why: str = "Temporal was not asked",
) -> tuple[list[Check], dict[str, str]]:
    """Look at the invariants across participants; return also how the orders stand that are open."""
    if sagas is None:
        open_ = {
            order_id: "open"
            for order_id, order in books.items()
            if order.status == OrderStatus.PENDING
        }
        endings_check = Check("O3", SAGAS_CLAIM, skipped=f"{why}, so nothing is known of sagas")
    else:
        found = await find_endings(sagas, databases["order"])
        open_ = {
            order_id: "needs attention" if run.needs_attention else "open"
            for order_id, run in found.open.items()
        }
        endings_check = Check("O3", SAGAS_CLAIM, _some(found.wrong))
    wrong = [
        f"order {order_id} {problem}"
        for order_id, order in sorted(books.items())
        if order_id not in open_ and order.problems()
        for problem in await _look_again(order_id, databases, sagas)
    ]
    return [Check("O2", BOOKS_CLAIM, _some(wrong)), endings_check], open_


async def _look_again(
    order_id: str, databases: Mapping[str, sa.Engine], sagas: Sagas | None
) -> list[str]:
    """Return what is wrong of an order that looked wrong: it may have been under way, and its databases were read in turn."""
    run = await sagas.run(saga_id(order_id)) if sagas else None
    if run is not None and run.is_open:
        return []
    order = (await asyncio.to_thread(read_books, databases, order_id)).get(order_id, Books())
    return [] if sagas is None and order.status == OrderStatus.PENDING else order.problems()


@contextmanager
def _opened(settings: Settings, participant: str) -> Iterator[sa.Engine]:
    """Open a participant's database, which must be there with all its tables: an audit creates nothing."""
    setting, given = f"{participant.upper()}_DATABASE_URL", settings.database_url(participant)
    try:
        url = sa.make_url(given)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            raise CannotRead(
                f"there is no {participant} database {url.database}: DATA_DIR or {setting} says where it is"
            )
        engine = open_database(given)
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        raise CannotRead(f"{setting} names no database: {error}") from error
    try:
        with snapshot(engine) as connection:
            missing = TABLES[participant].tables.keys() - sa.inspect(connection).get_table_names()
        if missing:
            where = url.render_as_string(hide_password=True)
            raise CannotRead(
                f"{where} has no table {', '.join(sorted(missing))}: no {participant} service ever used it"
            )
        yield engine
    finally:
        engine.dispose()


def _some(told: Sequence[str]) -> tuple[str, ...]:
    """Return the first lines, and how many more there are."""
    more = len(told) - MOST_TOLD
    return tuple(told) if more <= 0 else (*told[:MOST_TOLD], f"and {more} more")


def show(report: Report, console: Console) -> None:
    """Print whether each invariant holds and what contradicts it, what was settled by hand, and how the orders stand."""
    for check in report.checks:
        verdict = "VIOLATED" if check.violations else "in part" if check.skipped else "holds"
        _print(console, f"{check.id}  {verdict:8}  ", check.claim, COLOURS[verdict])
        for line in check.violations:
            _print(console, INDENT, f"- {line}", COLOURS["VIOLATED"])
        if check.skipped:
            _print(console, INDENT, check.skipped, COLOURS["in part"])
    for line in report.settled:
        _print(console, "settled by hand: ", line, "yellow")
    orders = (
        ", ".join(f"{count} {standing}" for standing, count in sorted(report.orders.items()))
        or "none"
    )
    _print(console, "orders: ", orders)
    violated = ", ".join(check.id for check in report.checks if check.violations)
    if violated:
        _print(console, "", f"the invariants do not hold: {violated}", COLOURS["VIOLATED"])
    else:
        in_part = any(check.skipped for check in report.checks)
        _print(
            console,
            "",
            "the invariants hold" + (", as far as they could be looked at" if in_part else ""),
            COLOURS["holds"],
        )


def _print(console: Console, head: str, told: str, style: str = "") -> None:
    """Print a line, its head in a style, or all of it when it has no head; in a terminal wrapped, in a file whole.

    What people wrote into a record is shown and does nothing: no escape sequence of theirs reaches the terminal.
    """
    width = max(console.width - len(head), MIN_WIDTH) if console.is_terminal else sys.maxsize
    for number, line in enumerate(textwrap.wrap(cleaned(told), width)):
        before = head if number == 0 else " " * len(head)
        console.print(
            Text.assemble((before, style), (line, "" if head.strip() else style)), soft_wrap=True
        )


def exit_code(report: Report) -> int:
    """Return 1 when an invariant does not hold, 2 when one could not be looked at, else 0."""
    if not report.holds:
        return 1
    return 2 if any(check.skipped for check in report.checks) else 0


async def main(settings: Settings) -> int:
    """Audit what the settings name, print where that is and the report, and return the exit code."""
    console = Console()
    client = await connect(lazy=True, port=settings.temporal_port)
    try:
        report = await audit(settings, client)
    except CannotRead as reason:
        print(f"cannot audit: {cleaned(str(reason))}", file=sys.stderr)
        return 2
    for name in TABLES:
        _print(
            console,
            f"{name:8}  ",
            sa.make_url(settings.database_url(name)).render_as_string(hide_password=True),
        )
    _print(
        console,
        "Temporal  ",
        f"{client.service_client.config.target_host}, namespace {client.namespace}",
    )
    show(report, console)
    return exit_code(report)
