"""The provider as a process of its own: what it booked outlives kill -9."""

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.card_provider.till import Till, new_order, stripe
from tests.stack import ROOT

pytestmark = pytest.mark.long

GREETING = re.compile(r"card provider: (\S+) control: (\S+)")


@contextmanager
def process(books: Path) -> Iterator[tuple[subprocess.Popen[str], Till]]:
    """Give a provider of these books, with a till; it must end with 0 unless it was killed."""
    command = [sys.executable, "-m", "card_provider", str(books)]
    provider = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert provider.stdout
    try:
        urls = GREETING.match(provider.stdout.readline())
        assert urls
        till = Till(urls[1], urls[2])
        yield provider, till
        till.close()
    finally:
        provider.terminate()
        status = provider.wait(10)
        provider.stdout.close()
    assert status in (0, -9)


@pytest.mark.parametrize(
    ("point", "amounts"), [("request_held", (0, 0, 0, 0)), ("answer_held", (1530, 0, 0, 0))]
)
def test_killed_in_the_middle_of_a_call(
    tmp_path: Path, point: str, amounts: tuple[int, ...]
) -> None:
    """Before the booking nothing happened; after it, all of it did, and the key remembers it."""
    order = new_order()
    with process(tmp_path / "books.db") as (provider, till):
        till.fault(point)
        with ThreadPoolExecutor() as threads:
            call = threads.submit(till.pay, order, key=order)
            till.pause()
            provider.kill()
            assert isinstance(call.exception(10), stripe.APIConnectionError)
    with process(tmp_path / "books.db") as (_, till):
        assert till.amounts(order) == amounts
        payment = till.pay(order, key=order)
        is_replayed = "Idempotent-Replayed" in payment.last_response.headers
        assert is_replayed == (point == "answer_held")
        assert till.amounts(order) == (1530, 0, 0, 0)


def test_its_clock_outlives_it(tmp_path: Path) -> None:
    """A clock that was set stays set, or keys would come back to life."""
    with process(tmp_path / "books.db") as (provider, till):
        till.settings(clock_offset_seconds=3600)
        before = till.pay(new_order()).created
        provider.kill()
    with process(tmp_path / "books.db") as (_, till):
        assert till.pay(new_order()).created >= before
