"""Every end of an order reaches a receiver that was away, from a sender that is killed."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.repository.sources import ROOT
from tests.stack import WAIT_SECONDS, Stack, free_port, order, until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[RECEIVER] = re.findall(
    r"^```python\n(.+?)^```$", (ROOT / "docs" / "EVENTS.md").read_text(), re.MULTILINE | re.DOTALL
)
ENDS = 80
MOST_DOUBLED = 10
"""What is on its way to one receiver when its sender is killed."""


class Shopfront:
    """The receiver of docs/EVENTS.md, as it stands there, as a process."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._events = folder / "events"
        self._requests = folder / "requests"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to take events."""
        with self._events.open("ab") as events, self._requests.open("ab") as requests:
            self._process = subprocess.Popen(
                [sys.executable, "-c", RECEIVER],
                env=os.environ | {"PORT": str(self.port), "SECRET": SECRET},
                stdout=events,
                stderr=requests,
            )

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(WAIT_SECONDS)

    def ids(self) -> list[str]:
        """Return the ids of the events that it made something of."""
        whole_lines, _, _ = self._events.read_text().rpartition("\n")
        return [json.loads(line)["id"] for line in whole_lines.splitlines()]

    def statuses(self) -> list[str]:
        """Return how it answered each request."""
        return re.findall(r'"POST \S+ HTTP/\S+" ([0-9]+)', self._requests.read_text())


@pytest.fixture
def shopfront(tmp_path: Path) -> Iterator[Shopfront]:
    shopfront = Shopfront(tmp_path)
    yield shopfront
    shopfront.stop()


def follow(stack: Stack, count: int, seconds: float) -> list[dict[str, Any]]:
    """Return the feed's events from the start, once there are so many."""
    give_up = time.monotonic() + seconds
    events: list[dict[str, Any]] = []
    address = "/events?limit=30"
    while len(events) < count:
        assert time.monotonic() < give_up, f"{len(events)} events, and not {count}"
        page = stack.http.get(address, headers={"Prefer": "wait=10"}).json()
        events += page["events"]
        address = page["next"]
    return events


@pytest.mark.long
@pytest.mark.timeout(300)
def test_no_end_is_lost_and_few_are_doubled(stack: Stack, shopfront: Shopfront) -> None:
    """The receiver is away for half of 80 ends, and its sender is killed once it is back.

    It has each event once by its id; the feed has the same, in one order, and wakes who waits.
    """
    receiver = {"url": f"http://127.0.0.1:{shopfront.port}/hook", "secret": SECRET}
    stack.env |= {"WEBHOOKS": json.dumps([receiver]), "WEBHOOK_PAUSE_SECONDS": "0.2"}
    stack.env["WORKFLOW_SANDBOX"] = "off"  # what runs in it is tested elsewhere
    stack.start_all()

    def place(number: int) -> int:
        sku = "scarce" if number % 5 == 0 else "plenty"
        placing = order(sku=sku, quantity=2, order_id=f"n-{number}")
        return stack.place(placing).status_code

    with ThreadPoolExecutor(8) as clients:
        assert set(clients.map(place, range(ENDS // 2))) == {202}
        follow(stack, ENDS // 2, 90)
        shopfront.start()
        assert place(ENDS // 2) == 202
        until(shopfront.ids, "the receiver is sent events", 90)
        stack.kill("api")
        count = len(shopfront.ids())
        stack.start("api", "api.py")
        until(lambda: stack.status("/readyz") == 200, "the API is ready", 60)
        assert set(clients.map(place, range(ENDS // 2 + 1, ENDS))) == {202}
    events = follow(stack, ENDS, 90)
    until(lambda: len(shopfront.ids()) >= ENDS, "every end is sent", 90)
    assert [event["position"] for event in events] == list(range(1, ENDS + 1))
    losses = {event["id"] for event in events} - set(shopfront.ids())
    assert (losses, len(shopfront.ids())) == (set(), ENDS)
    statuses = shopfront.statuses()
    doubles = statuses.count("204") - ENDS
    print(f"{ENDS} ends, killed at {count}: lost {len(losses)}, doubled {doubles}")  # noqa: T201
    assert set(statuses) <= {"204", "401"}  # half a body from the sender that was killed
    assert doubles <= MOST_DOUBLED
    reasons = [event["data"]["reason"] for event in events]
    assert reasons.count("OUT_OF_STOCK") == ENDS // 5
    assert_a_wait_ends_with_the_next_end(stack, place, len(events))


def assert_a_wait_ends_with_the_next_end(
    stack: Stack, place: Callable[[int], int], last: int
) -> None:
    """Check that whoever waits for news is answered with the first."""
    with ThreadPoolExecutor(1) as client:
        wait = {"Prefer": "wait=30"}
        waiting = client.submit(
            lambda: stack.http.get(f"/events?after={last}", headers=wait).json()
        )
        place(ENDS)
        [event] = waiting.result(WAIT_SECONDS)["events"]
    assert (event["type"], event["data"]["order_id"]) == ("order.failed", f"n-{ENDS}")
