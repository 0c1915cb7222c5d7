"""`make shop FILE=…` against a running shop."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import ROOT, Stack, free_port, order
from tests.system.e2e.own_shop.shop_calls import (
    another_api,
    available,
    balance,
)
from tests.tokens import AUTHENTICATION, bearer

pytestmark = pytest.mark.long


def make_shop(stack: Stack, path: Path, **env: str) -> tuple[int, str, str]:
    process = subprocess.run(
        [sys.executable, "-m", "operations.shop", str(path)],
        cwd=ROOT,
        env=stack.env | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return process.returncode, process.stdout, process.stderr


def test_a_file_brings_products_and_customers(stack: Stack, tmp_path: Path) -> None:
    """What is new is added, what differs is changed; the same file again changes nothing."""
    products = tmp_path / "my products.csv"
    customers = tmp_path / "customers.csv"
    rows = [f"F{number},thing {number},3,GBP,{number}" for number in range(600)]
    products.write_text("sku,name,opening_stock,currency,unit_price_minor\n" + "\n".join(rows))
    customers.write_text(
        "customer_id;currency;opening_balance_minor\r\nflo;GBP;5000\r\ngus;EUR;\r\n"
    )
    assert make_shop(stack, products)[:2] == (
        0,
        "products: 600 added, 0 changed, 0 left as they are\n",
    )
    assert make_shop(stack, customers)[:2] == (0, "customers: 2 added, 0 left as they are\n")
    assert stack.place(order("flo", "F7", price=7), Prefer="wait=20").json()["state"] == "COMPLETED"
    again = make_shop(stack, products)
    assert again[1].startswith("products: 0 added, 0 changed, 600 left as they are\n")
    assert (available(stack, "F7"), available(stack, "F8"), balance(stack, "flo")) == (2, 3, 4993)
    products.write_text(products.read_text().replace("thing 9,", "thing nine,"))
    assert make_shop(stack, products)[1].startswith(
        "products: 0 added, 1 changed, 599 left as they are\n"
    )
    assert stack.http.get("/stock/F9").json()["name"] == "thing nine"
    customers.write_text("customer_id,currency\nflo,EUR\ngus,EUR\n")
    status, output, wrong = make_shop(stack, customers)
    assert (status, output.splitlines()[0]) == (1, "customers: 0 added, 1 left as they are")
    assert wrong.startswith("  the wallet of flo is in GBP, and stays so\n")


def test_a_file_that_is_none_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    """It is told what is wrong, line by line, and nothing of it is in the shop."""
    path = tmp_path / "bad.csv"
    path.write_text("sku,name,opening_stock\nG1,good,1\nG2,bad,one\n")
    status, output, wrong = make_shop(stack, path)
    assert (status, output) == (2, "")
    assert wrong.startswith(
        f"{path} is not taken, nothing of it:\n  line 3: opening_stock: one is no"
    )
    assert stack.http.get("/stock/G1").status_code == 404


def test_where_it_cannot_be_brought_is_told(stack: Stack, tmp_path: Path) -> None:
    """Nobody answers, what answers is something else, or a token is needed."""
    path = tmp_path / "one.csv"
    path.write_text("sku,name\nH1,good\n")
    nobody = make_shop(stack, path, API_PORT=str(free_port()))
    assert nobody[0] == 1
    assert nobody[2].startswith(
        "not taken: after 0 of 1 products: nobody answers at http://127.0.0.1:"
    )
    assert "Traceback" not in nobody[2]
    other = make_shop(stack, path, API_URL=f"http://127.0.0.1:{stack.ui_port}")
    assert other[0] == 1
    assert "is no order saga" in other[2]
    with another_api(stack, **AUTHENTICATION) as http:
        url = {"API_URL": str(http.base_url)}
        result = make_shop(stack, path, **url)
        assert result[0] == 1
        assert "set API_TOKEN to a token with the scope shop:manage" in result[2]
        token = bearer("shop:manage")["Authorization"].removeprefix("Bearer ")
        assert make_shop(stack, path, **url, API_TOKEN=token)[0] == 0
    assert stack.http.get("/stock/H1").status_code == 200
