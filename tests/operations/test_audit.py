"""The audit of a shop's databases: O2 is proven like the invariants of one participant, and what cannot be read is said."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console

from config import Settings
from operations.audit.invariants import CannotRead, snapshot
from operations.audit.report import Report, audit, show
from participants.payment.tables import WALLETS
from tests.commands import pay, take
from tests.shop import CAP, MUG, Shop, settled
from tests.stack import ROOT, free_port

ALL = ["M1", "M2", "S1", "E1", "E2", "O1", "O2", "O3"]
SETTLED = "RefundPaymentCommand, 2010-12-01 08:26 UTC: the bank refuses it; evidence: letter 42"


def violated(report: Report) -> dict[str, tuple[str, ...]]:
    """Return the violations by the ids of their invariants."""
    return {check.id: check.violations for check in report.checks if check.violations}


async def test_an_honest_shop_holds(shop: Shop) -> None:
    """All invariants are looked at and hold; what a person settled is listed, and orders are counted as they stand."""
    report = await audit(shop.settings, None)
    assert [check.id for check in report.checks] == ALL
    assert violated(report) == {}
    assert report.holds
    assert report.settled == (f"order kept keeps 16.50 GBP of customer ann: Eve settled {SETTLED}",)
    assert report.orders == {"CANCELLED": 6, "CONFIRMED": 2, "open": 1}


async def test_without_temporal_the_audit_says_what_it_did_not_look_at(shop: Shop) -> None:
    """Without a client nothing is claimed of sagas, and an open order is not accused of what it has yet to do."""
    report = await audit(shop.settings, None)
    assert {check.id: check.skipped for check in report.checks if check.skipped} == {
        "O3": "Temporal was not asked, so nothing is known of sagas"
    }


def overcharge(shop: Shop) -> None:
    shop.register("new", CAP)
    shop.payment.process(pay("new", 460))
    shop.take("new")
    shop.confirm("new")


def charge_somebody_else(shop: Shop) -> None:
    shop.register("new", CAP)
    shop.payment.process(pay("new", 450, customer_id="bob"))
    shop.take("new")
    shop.confirm("new")


def confirm_what_was_not_paid(shop: Shop) -> None:
    shop.register("new", CAP)
    shop.take("new")
    shop.confirm("new")


def confirm_what_was_not_taken(shop: Shop) -> None:
    shop.confirm("open")


def take_one_line_of_a_sku_too_few(shop: Shop) -> None:
    shop.stock.decrease(take("open", ("MUG", 2), ("CAP", 1)))
    shop.confirm("open")


def change_the_total(shop: Shop) -> None:
    shop.corrupt("order", "UPDATE orders SET total_minor = 1 WHERE order_id = 'done'")


def cancel_and_keep_the_money(shop: Shop) -> None:
    shop.close("open")


def cancel_and_keep_the_stock(shop: Shop) -> None:
    shop.register("new", MUG)
    shop.take("new")
    shop.close("new", *settled("ProcessPayment"))


def settle_by_nobody(shop: Shop) -> None:
    nobody = (
        """[{"step": "ProcessPayment", "command": "RefundPaymentCommand", "state": "SETTLED"}]"""
    )
    shop.corrupt("order", f"UPDATE orders SET compensations = '{nobody}' WHERE order_id = 'kept'")


def settle_by_a_name_that_nobody_sees(shop: Shop) -> None:
    word = """{"by": "\\u200b", "reason": "paid", "evidence": "\\u2060", "at": "2010-12-01T08:26:00Z"}"""
    unseen = f"""[{{"step": "ProcessPayment", "command": "RefundPaymentCommand", "state": "SETTLED", "settled": {word}}}]"""
    shop.corrupt("order", f"UPDATE orders SET compensations = '{unseen}' WHERE order_id = 'kept'")


def settle_in_words_that_cannot_be_read(shop: Shop) -> None:
    shop.corrupt(
        "order", """UPDATE orders SET compensations = '[{"state": 7}]' WHERE order_id = 'kept'"""
    )


def charge_for_no_order(shop: Shop) -> None:
    shop.payment.process(pay("ghost", 100))


def take_for_no_order(shop: Shop) -> None:
    shop.stock.decrease(take("ghost", ("MUG", 1)))


def forget_an_order(shop: Shop) -> None:
    """Lose an order with all traces, as when the order service's database is restored from an older backup."""
    tables = ("lines", "moves", "orders")
    shop.corrupt("order", *(f"DELETE FROM {table} WHERE order_id = 'back'" for table in tables))
    shop.corrupt("order", "DELETE FROM fence WHERE key LIKE 'order-back/%'")


KEPT = "order kept is CANCELLED: 0.00 GBP of customer ann due, 16.50 GBP of customer ann kept"
CORRUPTIONS: list[tuple[Callable[[Shop], None], tuple[str, ...]]] = [
    (
        overcharge,
        ("order new is CONFIRMED: 4.50 GBP of customer ann due, 4.60 GBP of customer ann kept",),
    ),
    (
        charge_somebody_else,
        (
            "order new is CONFIRMED: 4.50 GBP of customer ann due, 0.00 GBP of customer ann kept",
            "order new is CONFIRMED: 0.00 GBP of customer bob due, 4.50 GBP of customer bob kept",
        ),
    ),
    (
        confirm_what_was_not_paid,
        ("order new is CONFIRMED: 4.50 GBP of customer ann due, 0.00 GBP of customer ann kept",),
    ),
    (
        confirm_what_was_not_taken,
        (
            "order open is CONFIRMED: 4 × MUG due, 0 × MUG kept",
            "order open is CONFIRMED: 1 × CAP due, 0 × CAP kept",
        ),
    ),
    (take_one_line_of_a_sku_too_few, ("order open is CONFIRMED: 4 × MUG due, 2 × MUG kept",)),
    (change_the_total, ("order done is CONFIRMED: its total is 1, the price of its lines 1650",)),
    (
        cancel_and_keep_the_money,
        ("order open is CANCELLED: 0.00 GBP of customer ann due, 16.50 GBP of customer ann kept",),
    ),
    (cancel_and_keep_the_stock, ("order new is CANCELLED: 0 × MUG due, 2 × MUG kept",)),
    (settle_by_nobody, (KEPT,)),
    (settle_by_a_name_that_nobody_sees, (KEPT,)),
    (settle_in_words_that_cannot_be_read, (KEPT,)),
    (
        charge_for_no_order,
        ("order ghost is not known to the order service, and 1.00 GBP of customer ann kept",),
    ),
    (take_for_no_order, ("order ghost is not known to the order service, and 1 × MUG kept",)),
    (
        forget_an_order,
        (
            "order back is not known to the order service, and 0.00 GBP of customer ann kept",
            "order back is not known to the order service, and 0 × MUG kept",
            "order back is not known to the order service, and 0 × CAP kept",
        ),
    ),
]


@pytest.mark.parametrize(
    ("corrupt", "told"), CORRUPTIONS, ids=lambda value: getattr(value, "__name__", "")
)
async def test_what_the_participants_disagree_on_is_told_by_o2(
    shop: Shop, corrupt: Callable[[Shop], None], told: tuple[str, ...]
) -> None:
    """When each participant's books are right and they contradict each other, O2 and nothing else says so."""
    corrupt(shop)
    report = await audit(shop.settings, None)
    found = violated(report)
    assert {id_: set(lines) for id_, lines in found.items()} == {"O2": set(told)}
    assert not report.holds


async def test_a_corrupted_participant_is_named(shop: Shop) -> None:
    """What an invariant that several participants have says begins with whose database it is about."""
    shop.corrupt("stock", "DELETE FROM fence WHERE key = 'order-done/DecreaseStock'")
    assert violated(await audit(shop.settings, None)) == {
        "E1": (
            "stock: stock moved that no command moved: command_key order-done/DecreaseStock, outcome None",
        )
    }


async def test_of_many_violations_the_first_are_told_and_the_rest_counted(shop: Shop) -> None:
    """However much is wrong, a report stays readable."""
    for number in range(30):
        shop.payment.process(pay(f"ghost-{number:02}", 1))
    lines = violated(await audit(shop.settings, None))["O2"]
    assert lines[0].startswith("order ghost-00 ")
    assert (len(lines), lines[-1]) == (11, "and 20 more")


async def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """An audit of an empty data directory says which database is not there, and leaves the directory empty."""
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
        match="has no table deposit_reasons, fence, ledger, payments, wallets: no payment service ever used it",
    ):
        await audit(shop.settings.model_copy(update={"payment_database_url": url}), None)
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    assert sa.inspect(engine).get_table_names() == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("rubbish", "STOCK_DATABASE_URL names no database: Could not parse"),
        ("nosql://here", "STOCK_DATABASE_URL names no database: Can't load plugin"),
        (
            "postgresql+psycopg://me:secret@127.0.0.1:1/x",
            r"postgresql\+psycopg://me:\*\*\*@127.0.0.1:1/x cannot be read: ",
        ),
    ],
)
async def test_a_database_that_cannot_be_read_is_named(shop: Shop, url: str, told: str) -> None:
    """What is no URL, has no driver, or names a server that is away, is said in a sentence, without passwords."""
    with pytest.raises(CannotRead, match=told):
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
    """In a file every violation is one line, to be searched for; in a terminal no line is wider than it."""
    shop.corrupt("payment", "UPDATE wallets SET balance_minor = 1 WHERE customer_id = 'bob'")
    report = await audit(shop.settings, None)
    said = shown(report, width=60, terminal=False).splitlines()
    assert (
        "              - payment: a wallet is not what the ledger makes it: customer_id bob, currency GBP, "
        in said[1]
    )
    assert said[0].startswith("M1  VIOLATED  every ledger transaction sums to zero; ")
    assert said[-1] == "the invariants do not hold: M1"
    assert not [line for line in said if line.endswith(" ")]
    wrapped = shown(report, width=60, terminal=True).splitlines()
    assert max(map(len, wrapped)) <= 60
    assert len(wrapped) > len(said)


async def test_a_report_does_nothing_in_a_terminal(shop: Shop) -> None:
    """What a person wrote into a record is shown: no escape of theirs, no other line and no other direction comes of it."""
    word = {
        "by": "Eve\x1b[2J",
        "reason": "paid\nthe invariants hold",
        "evidence": "\u202eletter",
        "at": "2010-12-01T08:26:00Z",
    }
    settled = [
        {
            "step": "ProcessPayment",
            "command": "RefundPaymentCommand",
            "state": "SETTLED",
            "settled": word,
        }
    ]
    text = json.dumps(settled).replace(":", "\\:")
    shop.corrupt("order", f"UPDATE orders SET compensations = '{text}' WHERE order_id = 'kept'")
    report = await audit(shop.settings, None)
    for terminal in (True, False):
        said = shown(report, width=400, terminal=terminal)
        assert not set("\x1b\u202e") & set(said)
        told = r"Eve\x1b[2J settled RefundPaymentCommand, 2010-12-01 08:26 UTC: paid\nthe invariants hold; evidence: \u202eletter"
        assert f"settled by hand: order kept keeps 16.50 GBP of customer ann: {told}\n" in said


def shown(report: Report, *, width: int, terminal: bool) -> str:
    console = Console(width=width, force_terminal=terminal, color_system=None)
    with console.capture() as captured:
        show(report, console)
    return captured.get()


def run_audit(**env: str) -> tuple[int, str]:
    """Run the audit as `make audit` does, with no Temporal to ask; return its exit code and what it says."""
    command = [sys.executable, "-m", "operations.audit"]
    env |= {"TEMPORAL_PORT": str(free_port())}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_exit_code_tells_whether_they_hold(shop: Shop, tmp_path: Path) -> None:
    """The program ends with 1 when one does not hold, and with 2 when not all could be looked at, be it for want of Temporal."""
    env = {
        f"{name.upper()}_DATABASE_URL": shop.settings.database_url(name) for name in shop.engines
    }
    status, said = run_audit(**env)
    assert status == 2, said
    assert "Temporal does not answer, so nothing is known of sagas" in said
    assert said.endswith("the invariants hold, as far as they could be looked at\n")
    shop.payment.process(pay("ghost", 100))
    status, said = run_audit(**env)
    assert status == 1
    assert (
        "- order ghost is not known to the order service, and 1.00 GBP of customer ann kept\n"
        in said
    )
    status, said = run_audit(DATA_DIR=str(tmp_path / "nothing"))
    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith("cannot audit: there is no order database ")
