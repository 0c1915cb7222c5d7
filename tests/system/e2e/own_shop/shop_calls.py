"""What a shop's own people ask the API for."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.stack import Stack, free_port, until


@contextmanager
def another_api(stack: Stack, **env: str) -> Iterator[httpx.Client]:
    """Serve the same system through an API with other settings."""
    port = free_port()
    before = stack.env
    stack.env = before | {"API_PORT": str(port)} | env
    stack.start("other-api", "api.py")
    stack.env = before
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=40) as http:

        def answers() -> bool:
            try:
                return http.get("/livez").is_success
            except httpx.TransportError:
                return False

        until(answers, "the other API answers")
        yield http
        stack.kill("other-api", signal.SIGTERM)


def offer(stack: Stack, sku: str, stock: int = 0, **prices: int) -> dict[str, Any]:
    body = {"name": f"the {sku}", "opening_stock": stock, "prices": prices}
    answer = stack.http.put(f"/stock/{sku}", json=body)
    assert answer.status_code == 200, answer.text
    product: dict[str, Any] = answer.json()
    return product


def move(stack: Stack, sku: str, change: int, key: str) -> httpx.Response:
    return stack.http.post(
        f"/stock/{sku}/movements",
        json={"change": change, "reason": "a test"},
        headers={"Idempotency-Key": key},
    )


def open_wallet(stack: Stack, customer: str, currency: str = "GBP") -> httpx.Response:
    return stack.http.put(f"/customers/{customer}/wallet", json={"currency": currency})


def deposit(
    stack: Stack, customer: str, amount: int, key: str, currency: str = "GBP"
) -> httpx.Response:
    return stack.http.post(
        f"/customers/{customer}/deposits",
        json={"amount_minor": amount, "currency": currency, "reason": "a test"},
        headers={"Idempotency-Key": key},
    )


def available(stack: Stack, sku: str) -> int:
    return int(stack.http.get(f"/stock/{sku}").json()["available"])


def balance(stack: Stack, customer: str) -> int:
    return int(stack.http.get(f"/customers/{customer}/wallet").json()["balance_minor"])
