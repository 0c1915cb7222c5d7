"""The operator's page is run from top to bottom, so that what it shows is what happens.

A block `sh` is run as it stands, and the block `text` behind it is all that it prints, where `…` stands for anything; how much
space there is makes no difference. A block `sh until` is run again until it prints that. A comment `<!-- test: … -->` names what
has happened to the system before one reads on.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack import ROOT, WAIT_SECONDS, Stack, order, until

PAGE = ROOT / "docs" / "OPERATING.md"
PART = re.compile(
    r"^<!-- test: (?P<stage>.+?) -->$|^```sh(?P<again> until)?\n(?P<script>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
SKU, CUSTOMER = "85123A", "17850"
LARGE = 100_000
STOCK = 100


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The system that the page says it was written on."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= {
        "REVIEW_THRESHOLD_MINOR": str(LARGE),
        "STUCK_AFTER_SECONDS": "2",
        "COMPENSATION_PAUSE_SECONDS": "1",
        "API": f"http://127.0.0.1:{system.api_port}",
        "PATH": f"{Path(sys.executable).parent}:{system.env['PATH']}",
    }
    try:
        system.seed({CUSTOMER: 10**9}, {SKU: STOCK})
        system.start_all("orchestrator", "order", "payment", "stock")
        yield system
    finally:
        system.stop()


def place(stack: Stack, order_id: str, **rest: int) -> None:
    assert stack.place(order(CUSTOMER, SKU, order_id=order_id, **rest)).status_code == 202


def wait(stack: Stack, state: str, *order_ids: str) -> None:
    for order_id in order_ids:
        until(lambda path=f"/orders/{order_id}": stack.http.get(path).json()["state"] == state, f"{order_id} is {state}")  # type: ignore[misc]


def orders(stack: Stack) -> None:
    """One is completed, one waits for a person, one is out of stock."""
    place(stack, "small")
    wait(stack, "COMPLETED", "small")
    place(stack, "short", quantity=2 * STOCK)
    place(stack, "large", price=LARGE)
    wait(stack, "FAILED", "short")
    wait(stack, "AWAITING_REVIEW", "large")


def payment_is_away(stack: Stack) -> None:
    """Three orders are paid, are out of stock, and cannot be paid back."""
    owed = ("owed", "settled", "tools")
    with stack.locked("stock"):
        for order_id in owed:
            place(stack, order_id, quantity=2 * STOCK)
        for order_id in owed:
            until(lambda order_id=order_id: stack.at_work(order_id, "DecreaseStock"), "the stock service is at work")  # type: ignore[misc]
        stack.kill("payment")
    wait(stack, "ROLLBACK_STUCK", *owed)


def more_large_orders(stack: Stack) -> None:
    """Three orders wait for a person."""
    for number in (1, 2, 3):
        place(stack, f"large-{number}", price=LARGE)
    wait(stack, "AWAITING_REVIEW", "large-1", "large-2", "large-3")
    query = ("workflow", "count", "--query", 'SagaState="AWAITING_REVIEW"')
    until(lambda: "Total: 3" in stack.temporal(*query), "visibility has heard of them")


def a_refund_is_asked(stack: Stack) -> None:
    """The server holds the command for a worker."""
    shown = ("workflow", "describe", "--workflow-id", "order-tools")
    until(lambda: "ActivityId" in stack.temporal(*shown), "the next round has begun")


def payment_is_back(stack: Stack) -> None:
    """Its worker takes commands."""
    stack.start_worker("payment")
    stack.ready("payment")


def an_order_awaits_review(stack: Stack) -> None:
    """A large one."""
    place(stack, "again", price=LARGE)
    wait(stack, "AWAITING_REVIEW", "again")


STAGES: dict[str, Callable[[Stack], None]] = {
    "orders": orders,
    "payment is away": payment_is_away,
    "more large orders": more_large_orders,
    "the refund of tools is asked": a_refund_is_asked,
    "payment is back": payment_is_back,
    "an order awaits review": an_order_awaits_review,
}


def run(stack: Stack, script: str) -> tuple[int, str]:
    """Run a block as a person would type it, and return its exit code and all that it prints."""
    done = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=ROOT,
        env=stack.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def shows(page: str | None, printed: str) -> bool:
    """Tell whether what was printed is what the page shows."""
    if page is None:
        return True
    literally = [re.escape(" ".join(part.split())) for part in page.split("…")]
    return (
        re.fullmatch(".*?".join(part.replace("\\ ", " ?") for part in literally), " ".join(printed.split()), re.DOTALL)
        is not None
    )


@pytest.mark.long
def test_the_operators_page_tells_what_happens(stack: Stack) -> None:
    """Each block prints what stands behind it, with the exit code 0, in the order of the page."""
    for part in PART.finditer(PAGE.read_text()):
        if part["stage"]:
            STAGES[part["stage"]](stack)
            continue
        told = ""

        def as_shown(part: re.Match[str] = part) -> bool:
            nonlocal told
            status, told = run(stack, part["script"])
            return status == 0 and shows(part["shown"], told)

        try:
            until(as_shown, "the page shows it", WAIT_SECONDS / 2 if part["again"] else 0)
        except AssertionError:
            pytest.fail(f"the page has:\n{part['script']}\nand shows:\n{part['shown']}\nbut it prints:\n{told}")
