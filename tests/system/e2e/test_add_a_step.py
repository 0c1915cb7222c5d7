"""docs/ADD-A-STEP.md is followed in a copy of the project, which then runs and takes orders.

The page's blocks are applied as they stand: `New file` says what a file holds, `Change` shows lines
to add and to take out between lines that stand together exactly once in the file.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.steps import ROLES
from tests.every_story import only_with_every_story
from tests.stack import ROOT, order, until
from tests.system.e2e.up import RUNNER, UP_SECONDS, Up

pytestmark = pytest.mark.long

PAGE = (ROOT / "docs" / "ADD-A-STEP.md").read_text()
BLOCK = re.compile(
    r"(?P<verb>New\s+file|Change)\s+`(?P<path>[^`]+)`:\n\n```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
HUNK = re.compile(r"^@@\n", re.MULTILINE)
NOT_COPIED = (
    ".git",
    ".venv",
    "var",
    "__pycache__",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    "node_modules",
)
MOST_PLACES = 5
OTHERS = ("temporal_saga/", "console/", "participants/", "routes/", "application/", "operations/")
"""Rooms that a new step is none of the business of; the new participant has files of its own."""

CHECK_SECONDS = 600
STEP_SECONDS = 5
CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("lint-imports", "--no-cache"),
)
ROOMS = (
    pytest.param(("tests/repository",), marks=only_with_every_story),
    pytest.param(
        ("tests/contracts", "tests/activities", "tests/config"), marks=only_with_every_story
    ),
    pytest.param(("tests/application",), marks=only_with_every_story),
    pytest.param(("tests/participants/test_invariants.py",), marks=only_with_every_story),
)
"""Tests of the project that are run in the copy, so many at a time."""

ANNOUNCEMENT = re.compile(r"^\| `(tests/[\w/]+\.py::test_\w+)` \|", re.MULTILINE)
"""A test of which the page says that it fails until somebody has adapted by hand what it guards."""

OUTCOME = re.compile(r"^(?:FAILED|ERROR) (tests/[\w/]+\.py(?:::\w+)?)", re.MULTILINE)


def blocks() -> list[tuple[str, str, str]]:
    """Return the page's blocks: whether each is a new file or a change, its path, its text."""
    page_blocks = [
        (match["verb"].split()[0], match["path"], match["text"]) for match in BLOCK.finditer(PAGE)
    ]
    assert len(page_blocks) == PAGE.count("\n```\n"), "a block names no file"
    return page_blocks


def change(text: str, block: str) -> str:
    """Return a file's text with the changes of a block made."""
    for hunk in HUNK.split(block):
        lines = hunk.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        assert text.count(before) == 1, (
            f"these lines stand there {text.count(before)} times:\n{hunk}"
        )
        text = text.replace(before, after)
    return text


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, in which the page was followed."""
    folder = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
    for verb, name, text in blocks():
        path = folder / name
        assert path.exists() == (verb == "Change"), name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(change(path.read_text(), text) if verb == "Change" else text)
    return folder


@pytest.fixture(scope="module")
def up(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The copy as `make up` runs it, with a customer and a product of its own shop."""
    system = Up(tmp_path_factory.mktemp("up"), copy)
    system.env |= {
        "SHOP": "none",
        "FORWARD_STEP_SECONDS": str(STEP_SECONDS),
        "WORKER_PROCESSES": "per_role",  # a test stops the new participant alone
    }
    wallet = {"customer_id": "rich", "currency": "GBP", "opening_balance_minor": 10**6}
    product = {"sku": "plenty", "name": "plenty", "opening_stock": 1_000}
    try:
        system.start(*RUNNER)
        system.until_up()
        with httpx.Client(base_url=system.url) as http:
            http.post("/customers", json={"customers": [wallet]}).raise_for_status()
            http.post("/stock", json={"products": [product]}).raise_for_status()
        yield system
    finally:
        system.kill()


def place(up: Up, **fields: Any) -> dict[str, Any]:
    """Place an order, and return it as it is closed."""
    answer = httpx.post(
        f"{up.url}/orders", json=order(**fields), headers={"Prefer": "wait=30"}, timeout=40
    )
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


def make(up: Up, target: str) -> None:
    """Stop or start the new participant, as a person would."""
    binaries = f"BIN={Path(sys.executable).parent}"
    command = ["make", "-o", "install", binaries, target, "PART=shipping"]
    subprocess.run(command, cwd=up.root, env=up.env, check=True)


def taken_back(view: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what was taken back, in its order."""
    return [(c["step"], c["command"], c["state"]) for c in view["compensations"]]


EARLIER = [
    ("DecreaseStock", "RestoreStockCommand", "DONE"),
    ("ProcessPayment", "RefundPaymentCommand", "DONE"),
    ("RegisterOrder", "CancelOrderCommand", "DONE"),
]
SHIPMENT = ("ShipOrder", "CancelShipmentCommand", "DONE")


def test_at_most_five_places_change() -> None:
    """And the page counts them; no other room knows of the step."""
    changes = [name for verb, name, _ in blocks() if verb == "Change"]
    assert len(changes) == len({*changes}) <= MOST_PLACES
    assert re.findall(r"^\| \d \| `([^`]+)`", PAGE, re.MULTILINE) == changes
    assert not [name for name in changes if name.startswith(OTHERS)]


@pytest.mark.timeout(CHECK_SECONDS)
def test_the_copy_passes_the_checks(copy: Path) -> None:
    """Format, lint, types and the edges between rooms are those of the project."""
    for tool, *arguments in CHECKS:
        process = subprocess.run(
            [Path(sys.executable).with_name(tool), *arguments],
            cwd=copy,
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
        assert process.returncode == 0, f"{tool}: {process.stdout}{process.stderr}"


@pytest.mark.timeout(CHECK_SECONDS)
@pytest.mark.parametrize("rooms", ROOMS, ids=lambda rooms: rooms[0].removeprefix("tests/"))
def test_no_test_fails_but_those_that_the_page_announces(
    copy: Path, rooms: tuple[str, ...]
) -> None:
    """Exactly these: one that has no need of a hand's work is not announced either."""
    pytest_arguments = ["-q", "-m", "not long", "-p", "no:cacheprovider", "--tb=no", *rooms]
    process = subprocess.run(
        [Path(sys.executable).with_name("pytest"), *pytest_arguments],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=CHECK_SECONDS,
        check=False,
    )
    announced_tests = {test for test in ANNOUNCEMENT.findall(PAGE) if test.startswith(rooms)}
    assert {*OUTCOME.findall(process.stdout)} == announced_tests, process.stdout


def test_the_step_is_in_the_table(up: Up) -> None:
    """Between stock and the pivot, for the console and whoever else draws it."""
    steps = httpx.get(f"{up.url}/steps").json()["steps"]
    names = [step["name"] for step in steps]
    assert names[2:] == ["DecreaseStock", "ShipOrder", "CapturePayment", "ConfirmOrder"]
    assert steps[3] == {
        "name": "ShipOrder",
        "label": "Ship",
        "command": "ShipOrderCommand",
        "event": "OrderShippedEvent",
        "participant": "shipping",
        "refusal": "ShipmentRefusedEvent",
        "compensation": {
            "name": "CancelShipment",
            "label": "Cancel the shipment",
            "command": "CancelShipmentCommand",
            "event": "ShipmentCancelledEvent",
        },
        "after_pivot": False,
        "opens_record": False,
    }


def test_an_order_is_shipped_and_completes(up: Up) -> None:
    """The participant is asked once, by its own worker, before the pivot."""
    view = place(up, quantity=50)
    events = [entry["name"] for entry in view["timeline"] if entry["kind"] == "event"]
    assert (view["state"], view["compensations"]) == ("COMPLETED", [])
    assert events[-3:] == ["StockDecreasedEvent", "OrderShippedEvent", "OrderConfirmedEvent"]
    [command_entry] = [entry for entry in view["timeline"] if entry["name"] == "ShipOrderCommand"]
    [event_entry] = [entry for entry in view["timeline"] if entry["name"] == "OrderShippedEvent"]
    assert (command_entry["participant"], event_entry["attempt"]) == ("shipping", 1)


def test_a_refused_order_takes_back_the_earlier_steps(up: Up) -> None:
    """In reverse; the shipment that was refused needs no cancelling."""
    view = place(up, quantity=51)
    failure = view["failure"]
    assert (view["state"], failure["step"], failure["event"]) == (
        "FAILED",
        "ShipOrder",
        "ShipmentRefusedEvent",
    )
    assert failure["message"] == "51 pieces, and a shipment takes 50"
    assert failure["details"] == {"reason": "TOO_MANY_PIECES", "pieces": 51, "most": 50}
    assert taken_back(view) == EARLIER


def test_a_shipment_of_unknown_outcome_is_cancelled_first(up: Up) -> None:
    """With its worker down the step runs out of time; the rollback ends when it is back."""
    make(up, "stop")
    first_view = httpx.post(f"{up.url}/orders", json=order(quantity=1, order_id="late")).json()
    assert first_view["order_id"] == "late"

    def now() -> dict[str, Any]:
        view: dict[str, Any] = httpx.get(f"{up.url}/orders/late").json()
        return view

    until(lambda: now()["state"] == "ROLLING_BACK", "it rolls back", 4 * STEP_SECONDS)
    make(up, "start")
    until(lambda: now()["closed_at"], "it is closed", UP_SECONDS)
    view = now()
    assert (view["failure"]["step"], view["failure"]["reason"]) == ("ShipOrder", "STEP_UNAVAILABLE")
    assert taken_back(view) == [SHIPMENT, *EARLIER]


def test_the_audit_looks_at_the_new_participant_as_well(up: Up) -> None:
    """After all that every invariant holds, the new one included, and no old one is lost."""
    process = subprocess.run(
        [sys.executable, "-m", "operations.audit"],
        cwd=up.root,
        env=up.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert "shipping.db" in process.stdout
    assert re.search(r"^E3  holds", process.stdout, re.MULTILINE)
    assert len(ROLES) == 4, "the project itself is what it was"
