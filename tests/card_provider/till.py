"""A card provider of a test's own, and the library through which shops speak to it."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from card_provider.provider import Provider

stripe: Any = import_module("stripe")
requests: Any = import_module("requests")

DAY_SECONDS = 24 * 3600
AT_FIRST = {
    "clock_offset_seconds": 0,
    "created_shift_seconds": 0,
    "search_lag_seconds": 60,
    "requests_per_second": 100_000,
}
"""The settings that each test begins with."""


class Till:
    """What a shop has: Stripe's library; and what a test has: the provider's control API."""

    def __init__(self, url: str, control_url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.control = httpx.Client(base_url=control_url, timeout=10, trust_env=False)
        self.stripe = stripe.StripeClient(
            "sk_test_shop",
            base_addresses={"api": url},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=10, session=self.session),
        ).v1

    def close(self) -> None:
        """Close its connections."""
        self.session.close()
        self.control.close()

    def pay(self, order_id: str, *, key: Any = None, **fields: Any) -> Any:
        """Create and confirm a payment of 15.30 for an order: held on the card, if not said."""
        parameters = {
            "amount": 1530,
            "currency": "gbp",
            "confirm": True,
            "capture_method": "manual",
            "payment_method": "pm_card_visa",
            "metadata": {"order_id": order_id},
        } | fields
        form = {name: value for name, value in parameters.items() if value is not None}
        return self.stripe.payment_intents.create(form, {"idempotency_key": key} if key else None)

    def amounts(self, order_id: str) -> tuple[int, int, int, int]:
        """Return what the books say was authorised, captured, voided and refunded for an order."""
        rows = self.control.get("/books", params={"order_id": order_id}).json()
        names = ("authorised_minor", "captured_minor", "voided_minor", "refunded_minor")
        totals = [sum(row[name] for row in rows) for name in names]
        return totals[0], totals[1], totals[2], totals[3]

    def settings(self, **values: float) -> None:
        """Change settings of the provider."""
        self.control.patch("/settings", json=values).raise_for_status()

    def fault(self, kind: str, call: str = "*", **fields: Any) -> None:
        """Let calls meet a fault."""
        order = {"kind": kind, "call": call, **fields}
        self.control.post("/faults", json=order).raise_for_status()

    def pause(self) -> Any:
        """Return the one call that is held, when there is one."""
        [pause] = self.control.get("/pauses", params={"seconds": 5}).json()
        return pause

    def release(self, *, drop: bool = False) -> None:
        """Let the calls go on that are held."""
        assert self.control.post("/pauses/release", json={"drop": drop}).json()


def new_order() -> str:
    """Return the id of an order that no other test has."""
    return f"o-{uuid4().hex}"


@contextmanager
def running(books: Path) -> Iterator[Till]:
    """Give a provider that runs on a thread of its own, with a till."""
    start: Future[tuple[Provider, asyncio.AbstractEventLoop]] = Future()

    async def serve() -> None:
        try:
            provider = Provider(books)
        except BaseException as error:
            start.set_exception(error)
            raise
        start.set_result((provider, asyncio.get_running_loop()))
        await provider.run()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    provider, loop = start.result(10)
    till = Till(provider.url, provider.control_url)
    try:
        yield till
    finally:
        till.close()
        loop.call_soon_threadsafe(provider.stop)
        thread.join()
