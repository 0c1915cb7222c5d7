"""`make demo` as people use it: it places a day of orders, reports their ends, and exits."""

import csv
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from operations.demo.command import main
from operations.shop.seed import SHOP_DAYS
from operations.up.processes import processes_of
from tests.every_story import only_with_every_story
from tests.stack import ROOT, until

COMMAND = (sys.executable, "-m", "operations.demo")
CUSTOMERS = {"17850.0", "13777.0", "13047.0"}
ORDERS = 20
DEMO_SECONDS = 80


@pytest.fixture
def small_day(tmp_path: Path) -> Path:
    """The orders that three customers placed on a real day, and all of its cancellations."""
    path = tmp_path / "small.csv"
    with (
        (SHOP_DAYS / "2010-12-01.csv").open(newline="") as whole,
        path.open("w", newline="") as cut,
    ):
        rows = csv.DictReader(whole)
        writer = csv.DictWriter(cut, rows.fieldnames or ())
        writer.writeheader()
        writer.writerows(
            row
            for row in rows
            if row["CustomerID"] in CUSTOMERS or row["InvoiceNo"].startswith("C")
        )
    return path


ANOTHER_SYSTEMS = {
    "AUTH_SECRET": "a secret that is long enough to be one",
    "AUTH_ISSUER": "i",
    "AUTH_AUDIENCE": "a",
    "API_RATE_LIMIT": "1/minute",
    "API_IN_FLIGHT_LIMIT": "1",
    "REVIEW_THRESHOLD_MINOR": "0",
    "PAYMENT_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:9/none",
    "http_proxy": "http://127.0.0.1:9",
}
"""What a shell may be set up for: a system beside which the demo runs."""


def demo(day: Path, data_dir: Path, **variables: str) -> tuple[int, str]:
    """Run the demo on a data directory, its output into a pipe; return exit code and output."""
    process = subprocess.run(
        [*COMMAND, day],
        cwd=ROOT,
        env=os.environ | ANOTHER_SYSTEMS | {"DATA_DIR": str(data_dir)} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=DEMO_SECONDS,
    )
    return process.returncode, process.stdout


def table(output: str) -> dict[str, int]:
    """Return the rows of the table of figures that count something."""
    rows = (
        line.strip("│").rsplit("│", 1)
        for line in output.splitlines()
        if line.startswith("│") and line.count("│") == 3
    )
    return {
        name.strip(): int(value.replace(",", ""))
        for name, value in rows
        if value.strip().replace(",", "").isdecimal()
    }


def rows(data_dir: Path, participant: str, *tables: str) -> list[object]:
    """Return all that a participant's tables hold."""
    with closing(sqlite3.connect(data_dir / f"{participant}.db")) as database:
        return [
            database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables
        ]


@pytest.mark.long
@only_with_every_story
def test_a_day_is_placed_once_however_often_it_is_run(small_day: Path, tmp_path: Path) -> None:
    """Every order ends, some fail for stock and some for money.

    Run again, all are recognised and nothing is charged or taken.

    The settings of another system that the shell has do not matter.
    """
    data_dir = tmp_path / "var"

    def money_and_stock() -> list[object]:
        return [
            *rows(data_dir, "payment", "wallets", "payments", "ledger"),
            *rows(data_dir, "stock", "products", "movements"),
        ]

    code, output = demo(small_day, data_dir)
    assert code == 0, output
    first = table(output)
    after_first = money_and_stock()
    endings = [
        first[ending]
        for ending in ("completed", "failed: OUT_OF_STOCK", "failed: INSUFFICIENT_FUNDS")
    ]
    assert all(endings)
    assert (sum(endings), first["recognised, placed by an earlier run"]) == (ORDERS, 0)
    assert first["rows left out: cancellations"] > 0
    assert "DecreaseStockCommand" in output
    assert "why: OUT_OF_STOCK" in output
    assert "\r" not in output
    assert "\x1b" not in output

    code, output = demo(small_day, data_dir)
    assert code == 0, output
    assert table(output) == first | {"recognised, placed by an earlier run": ORDERS}
    assert money_and_stock() == after_first


@pytest.mark.long
@only_with_every_story
def test_a_day_by_card_is_sound_by_both_books(tmp_path: Path) -> None:
    """Customers pay by card at a provider that loses answers; some must confirm, one is declined.

    In the end its own books are sound, and ours agree with them.
    """
    data_dir = tmp_path / "var"
    code, output = demo(_day_of_customers(tmp_path, 22), data_dir, PAYMENT="cards")
    assert code == 0, output
    counts = table(output)
    assert all(counts[end] for end in ("completed", "failed: INSUFFICIENT_FUNDS")), output
    assert "CapturePaymentCommand" in output
    [customers] = [line for line in output.splitlines() if "confirmed at their bank" in line]
    assert int(customers.split()[0]) >= 2, customers
    assert "B1  holds" in output
    assert output.splitlines()[-1] == "the books agree"


def _day_of_customers(folder: Path, count: int) -> Path:
    """Return a real day, with one order of each of its first customers."""
    path = folder / "cards.csv"
    with (SHOP_DAYS / "2010-12-01.csv").open(newline="") as whole:
        rows = [
            row
            for row in csv.DictReader(whole)
            if row["CustomerID"] and not row["InvoiceNo"].startswith("C")
        ]
    customers = sorted({row["CustomerID"] for row in rows})[:count]
    invoices = {row["CustomerID"]: row["InvoiceNo"] for row in reversed(rows)}
    with path.open("w", newline="") as cut:
        writer = csv.DictWriter(cut, rows[0])
        writer.writeheader()
        writer.writerows(
            row
            for row in rows
            if row["CustomerID"] in customers and row["InvoiceNo"] == invoices[row["CustomerID"]]
        )
    return path


@pytest.mark.long
def test_what_ends_the_demo_ends_its_stack(small_day: Path, tmp_path: Path) -> None:
    """SIGTERM ends the demo with 1, and everything that it started first."""
    data_dir = tmp_path / "var"
    with subprocess.Popen(
        [*COMMAND, small_day], cwd=ROOT, env=os.environ | {"DATA_DIR": str(data_dir)}
    ) as program:
        until(lambda: len(processes_of(data_dir)) > 1, "the stack starts")
        program.terminate()
        assert program.wait(DEMO_SECONDS) == 1
    assert not processes_of(data_dir)


@pytest.mark.parametrize(
    "content",
    [None, b"sku,count\n", b"PK\x03\x04\xff"],
    ids=["missing", "other columns", "a spreadsheet"],
)
def test_what_is_no_day_is_said_in_one_line(
    content: bytes | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A file that is missing or malformed is named with the reason.

    The exit code is 2, and nothing is started.
    """
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    if content is not None:
        (tmp_path / "day.csv").write_bytes(content)
    assert main([str(tmp_path / "day.csv")]) == 2
    printed_text = capsys.readouterr()
    assert printed_text.out == ""
    assert printed_text.err.startswith("no day to place: ")
    assert f"{tmp_path}/day.csv" in printed_text.err
    assert printed_text.err.count("\n") == 1
    assert not (tmp_path / "var").exists()


def test_no_place_for_a_stack_of_its_own_is_said(
    small_day: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where no folder can be made, as on a full disk, one sentence says so."""
    monkeypatch.delenv("DATA_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert main([str(small_day)]) == 1
    printed_text = capsys.readouterr()
    assert printed_text.out == ""
    assert printed_text.err.startswith("cannot start: ")
    assert printed_text.err.count("\n") == 1
