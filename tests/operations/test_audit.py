"""The audit of a shop's databases: what it reports, what it cannot read, and its exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console

from config import Settings
from operations.audit.audit import Report, audit
from operations.audit.invariants import CannotRead, snapshot
from operations.audit.report import print_report
from participants.payment.tables import WALLETS
from tests.commands import pay
from tests.operations.violations import violations_by_id
from tests.shop import Shop
from tests.stack import ROOT, free_port

ALL = ["M1", "M2", "M3", "S1", "E1", "E2", "P1", "O1", "O2", "O3"]
SETTLED = "RefundPaymentCommand, 2010-12-01 08:26 UTC: the bank refuses it; evidence: letter 42"


async def test_an_honest_shop_holds(shop: Shop) -> None:
    """All invariants are looked at and hold; settlements are listed, and orders are counted."""
    report = await audit(shop.settings, None)
    assert [check.id for check in report.checks] == ALL
    assert violations_by_id(report) == {}
    assert report.holds
    assert report.settlements == (
        f"order kept keeps 16.50 GBP of customer ann: Eve settled {SETTLED}",
    )
    assert report.orders == {"CANCELLED": 6, "CONFIRMED": 2, "open": 1}


async def test_without_temporal_the_audit_says_what_it_did_not_look_at(shop: Shop) -> None:
    """Without a client nothing is claimed of sagas, and an open order is no violation."""
    report = await audit(shop.settings, None)
    assert {check.id: check.skip_reason for check in report.checks if check.skip_reason} == {
        "O3": "Temporal was not asked, so nothing is known of sagas"
    }


async def test_a_corrupted_participant_is_named(shop: Shop) -> None:
    """A violation of an invariant that several participants have names the participant."""
    shop.corrupt("stock", "DELETE FROM fence WHERE key = 'order-done/DecreaseStock'")
    assert violations_by_id(await audit(shop.settings, None)) == {
        "E1": (
            (
                "stock: stock moved that no command moved: "
                "command_key order-done/DecreaseStock, outcome None"
            ),
        )
    }


async def test_of_many_violations_the_first_are_told_and_the_rest_counted(shop: Shop) -> None:
    """However much is wrong, a report stays readable."""
    for number in range(30):
        shop.payment.process(pay(f"ghost-{number:02}", 1))
    lines = violations_by_id(await audit(shop.settings, None))["O2"]
    assert lines[0].startswith("order ghost-00 ")
    assert (len(lines), lines[-1]) == (11, "and 20 more")


async def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """An audit of an empty data directory names the missing database, and creates nothing."""
    empty = tmp_path / "empty"
    with pytest.raises(
        CannotRead,
        match=r"there is no order database .*/empty/order\.db: DATA_DIR or ORDER_DATABASE_URL says",
    ):
        await audit(Settings(data_dir=empty), None)
    assert not empty.exists()


async def test_a_database_without_tables_gets_none(
    shop: Shop, new_database: Callable[[], str]
) -> None:
    """A database that no service ever used is named, and stays as it is."""
    url = new_database()
    sa.create_engine(url, poolclass=sa.pool.NullPool).connect().close()
    with pytest.raises(
        CannotRead,
        match="has no table card_payments, cards, deposit_reasons, fence, intents, ledger, "
        "payments, wallets: no payment service ever used it",
    ):
        await audit(shop.settings.model_copy(update={"payment_database_url": url}), None)
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    assert sa.inspect(engine).get_table_names() == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("rubbish", "STOCK_DATABASE_URL names no database: Could not parse"),
        ("nosql://here", "STOCK_DATABASE_URL names no database: Can't load plugin"),
        (
            "postgresql+psycopg://me:secret@127.0.0.1:1/x",
            r"postgresql\+psycopg://me:\*\*\*@127.0.0.1:1/x cannot be read: ",
        ),
    ],
)
async def test_a_database_that_cannot_be_read_is_named(shop: Shop, url: str, message: str) -> None:
    """A URL that is none, has no driver, or whose server is away, is one line, no password."""
    with pytest.raises(CannotRead, match=message):
        await audit(shop.settings.model_copy(update={"stock_database_url": url}), None)


async def test_an_audit_cannot_write_to_postgresql(shop: Shop) -> None:
    """Whoever reads for an audit on PostgreSQL could not write if he tried."""
    engine = shop.engines["payment"]
    if engine.dialect.name == "postgresql":
        with (
            pytest.raises(CannotRead, match="cannot execute UPDATE in a read-only transaction"),
            snapshot(engine) as connection,
        ):
            connection.execute(sa.update(WALLETS).values(balance_minor=0))


async def test_a_report_is_shown_whole_in_a_file_and_wrapped_in_a_terminal(shop: Shop) -> None:
    """In a file every violation is one line; in a terminal no line is wider than the terminal."""
    shop.corrupt("payment", "UPDATE wallets SET balance_minor = 1 WHERE customer_id = 'bob'")
    report = await audit(shop.settings, None)
    output = report_text(report, width=60, terminal=False).splitlines()
    assert (
        "              - payment: a wallet is not what the ledger makes it: "
        "customer_id bob, currency GBP, " in output[1]
    )
    assert output[0].startswith("M1  VIOLATED  every ledger transaction sums to zero; ")
    assert output[-1] == "the invariants do not hold: M1"
    assert not [line for line in output if line.endswith(" ")]
    lines = report_text(report, width=60, terminal=True).splitlines()
    assert max(map(len, lines)) <= 60
    assert len(lines) > len(output)


async def test_a_report_does_nothing_in_a_terminal(shop: Shop) -> None:
    """What a person wrote into a record is shown; no escape or line break of it takes effect."""
    word = {
        "by": "Eve\x1b[2J",
        "reason": "paid\nthe invariants hold",
        "evidence": "\u202eletter",
        "at": "2010-12-01T08:26:00Z",
    }
    compensations = [
        {
            "step": "ProcessPayment",
            "command": "RefundPaymentCommand",
            "state": "SETTLED",
            "settled": word,
        }
    ]
    text = json.dumps(compensations).replace(":", "\\:")
    shop.corrupt("order", f"UPDATE orders SET compensations = '{text}' WHERE order_id = 'kept'")
    report = await audit(shop.settings, None)
    for terminal in (True, False):
        output = report_text(report, width=400, terminal=terminal)
        assert not set("\x1b\u202e") & set(output)
        line = (
            r"Eve\x1b[2J settled RefundPaymentCommand, 2010-12-01 08:26 UTC: "
            r"paid\nthe invariants hold; evidence: \u202eletter"
        )
        assert f"settled by hand: order kept keeps 16.50 GBP of customer ann: {line}\n" in output


def report_text(report: Report, *, width: int, terminal: bool) -> str:
    console = Console(width=width, force_terminal=terminal, color_system=None)
    with console.capture() as capture:
        print_report(report, console)
    return capture.get()


def run_audit(**env: str) -> tuple[int, str]:
    """Run the audit as `make audit` does, without a Temporal; return its exit code and output."""
    command = [sys.executable, "-m", "operations.audit"]
    env |= {"TEMPORAL_PORT": str(free_port())}
    process = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    return process.returncode, process.stdout + process.stderr


@pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)
def test_the_exit_code_tells_whether_they_hold(shop: Shop, tmp_path: Path) -> None:
    """The program ends with 1 when an invariant does not hold, and with 2 when one was skipped."""
    env = {
        f"{name.upper()}_DATABASE_URL": shop.settings.database_url(name) for name in shop.engines
    }
    status, output = run_audit(**env)
    assert status == 2, output
    assert "Temporal does not answer, so nothing is known of sagas" in output
    assert output.endswith("the invariants hold, as far as they could be looked at\n")
    shop.payment.process(pay("ghost", 100))
    status, output = run_audit(**env)
    assert status == 1
    assert (
        "- order ghost is not known to the order service, and 1.00 GBP of customer ann kept\n"
        in output
    )
    status, output = run_audit(DATA_DIR=str(tmp_path / "nothing"))
    assert (status, output.count("\n")) == (2, 1)
    assert output.startswith("cannot audit: there is no order database ")
