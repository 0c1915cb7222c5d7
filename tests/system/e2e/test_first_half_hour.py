"""README's first half hour: from `make up` to a completed order of one's own shop."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stack import ROOT, until
from tests.system.e2e.up import MAKE, UP_SECONDS, Up

pytestmark = pytest.mark.long

README = (ROOT / "README.md").read_text()
SECTION = re.search(r"### The first half hour.*?\n### ", README, re.DOTALL)
assert SECTION, "README tells of the first half hour"
START, TYPED = re.findall(r"```sh\n(.*?)```", SECTION[0], re.DOTALL)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    system = Up(tmp_path)
    try:
        yield system
    finally:
        system.kill()


def say(up: Up, command: str) -> str:
    """Run what a person types beside `make up`."""
    shell_command = ["sh", "-eu", "-c", command.replace("make shop", "make -s -o install shop")]
    process = subprocess.run(
        shell_command, cwd=ROOT, env=up.env, capture_output=True, text=True, timeout=60, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def place(
    up: Up, customer: str, sku: str, quantity: int, price: int, order_id: str
) -> dict[str, Any]:
    """Place an order of 1,000.00 or more, wait for its review, approve it, and return its end."""
    line = {"sku": sku, "quantity": quantity, "unit_price_minor": price}
    body = {"order_id": order_id, "customer_id": customer, "currency": "GBP", "lines": [line]}
    path = f"{up.url}/orders/{order_id}"
    assert httpx.post(f"{up.url}/orders", json=body).status_code == 202
    until(lambda: httpx.get(path).json()["state"] == "AWAITING_REVIEW", "it waits for a person")
    decision = {"by": "ann", "reason": "a good customer"}
    assert httpx.post(f"{path}/approve", json=decision).status_code == 202
    wait = {"Prefer": "wait=30"}
    answer = httpx.post(f"{up.url}/orders", json=body, headers=wait, timeout=40)
    order: dict[str, Any] = answer.json()
    return order


@pytest.mark.timeout(2 * UP_SECONDS)
def test_an_empty_shop_is_filled_and_sells(up: Up, tmp_path: Path) -> None:
    """README's commands are typed as they stand: both orders complete, and the books balance."""
    settings = dict(word.split("=") for word in START.partition(" make up")[0].split())
    assert settings == {"SHOP": "none", "REVIEW_THRESHOLD_MINOR": "100000"}
    up.start(*MAKE, **settings)
    up.until_up()
    assert "make shop FILE=products.csv" in up.log_text()
    assert "/orders -H" not in up.log_text(), "there is nothing to order yet"
    assert httpx.get(f"{up.url}/stock/85123A").status_code == 404
    script = TYPED.replace("localhost:8000", up.url.removeprefix("http://")).replace(
        "\ncurl -s ", "\necho; curl -s "
    )
    for name in ("products.csv", "customers.csv"):
        script = script.replace(name, str(tmp_path / name))
    shop, answers = say(up, script).split("\n\n", 1)
    assert shop == (
        "products: 2 added, 0 changed, 0 left as they are\ncustomers: 1 added, 0 left as they are"
    )
    lamps, lamp, ann, waiting_order, approved_order, desks, delivery, deposit = map(
        json.loads, filter(None, answers.splitlines())
    )
    assert (lamps["state"], lamps["failure"]) == ("COMPLETED", None)
    assert (lamp["available"], ann["balance_minor"]) == (8, 490_200)
    assert {order["state"] for order in (waiting_order, approved_order)} <= {
        "PENDING",
        "AWAITING_REVIEW",
        "PAYMENT_COMPLETED",
        "COMPLETED",
    }
    assert (desks["state"], desks["failure"]) == ("COMPLETED", None)
    assert (delivery["available"], deposit["balance_minor"]) == (58, 620_200)
    assert "the invariants hold" in say(up, "make -s -o install audit")


@pytest.mark.timeout(2 * UP_SECONDS)
def test_a_large_order_of_the_sample_shop_is_approved_and_completes(up: Up) -> None:
    """With README's threshold, the customer gets the money first; the order ends COMPLETED."""
    up.start(*MAKE, REVIEW_THRESHOLD_MINOR="100000")
    up.until_up()
    body = {"amount_minor": 200_000, "currency": "GBP", "reason": "bank transfer"}
    key = {"Idempotency-Key": "transfer-1"}
    answer = httpx.post(f"{up.url}/customers/17850/deposits", json=body, headers=key)
    assert answer.status_code == 200, answer.text
    assert place(up, "17850", "85123A", 400, 255, "large")["state"] == "COMPLETED"
