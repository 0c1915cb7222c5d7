"""The timeline over HTTP as it is written: live as afterwards, and resumed after a break."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from application.runs import Runs
from tests.stack import Stack, order, until

pytestmark = pytest.mark.long

Told = tuple[str, str, dict[str, Any]]

COMPLETED = {"state": "COMPLETED", "status": "CONFIRMED", "reason": None, "customer_message": None}


def stream(stack: Stack, order_id: str, last: str | None = None) -> Iterator[Told]:
    """Yield each entry's id, event name and data from a stream, until the server ends it."""
    headers = [(b"Last-Event-ID", last.encode())] if last else []
    with stack.http.stream("GET", f"/orders/{order_id}/events", headers=headers) as answer:
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (
            200,
            "text/event-stream",
        )
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                yield fields.get("id", ""), fields["event"], json.loads(fields["data"])
                fields = {}


def test_a_stream_tells_live_what_the_order_tells_afterwards(stack: Stack) -> None:
    """First entry to last, word for word, although the saga was running; then the stream ends."""
    with stack.hold_database("payment"):
        stack.place(order(order_id="live"))
        until(lambda: stack.at_work("live", "ProcessPayment"), "the payment is under way")
        telling = stream(stack, "live")
        first = [next(telling) for _ in range(4)]
    rest = list(telling)
    closed_order = stack.closed_order("live")
    *entries, (_, name, ending) = first + rest
    assert (name, ending) == ("closed", COMPLETED)
    assert [entry for _, _, entry in entries] == closed_order["timeline"]
    assert [kind for _, kind, _ in entries] == [entry["kind"] for entry in closed_order["timeline"]]


def test_a_stream_goes_on_behind_the_last_entry_seen(stack: Stack) -> None:
    """A client that returns sends its last id, and hears the rest, nothing twice.

    Rubbish as an id starts at the beginning.
    """
    stack.place(order(sku="scarce", quantity=9, order_id="resumed"), Prefer="wait=20")
    whole = list(stream(stack, "resumed"))
    assert [entry["name"] for _, kind, entry in whole if kind == "state"] == [
        *("PENDING", "PAYMENT_COMPLETED", "ROLLING_BACK", "FAILED"),
    ]
    for cut, (last, _, _) in enumerate(whole[:-1], start=1):
        assert list(stream(stack, "resumed", last)) == whole[cut:]
    stack.place(order(order_id="another"), Prefer="wait=20")
    of_another = [number for number, *_ in stream(stack, "another")]
    for rubbish in (
        "x",
        "-",
        "1",
        "5-0",
        "9" * 40 + "-1",
        "٣-١",
        "closed",
        "closed-00000000",
        *of_another,
    ):
        assert list(stream(stack, "resumed", rubbish)) == whole, rubbish


def test_whoever_has_heard_the_end_is_told_that_there_is_no_more(stack: Stack) -> None:
    """The last event says why the order failed.

    A client that returns after it gets 204, which makes an EventSource stop.
    """
    stack.place(order(sku="scarce", quantity=9, order_id="ended"), Prefer="wait=20")
    failure = stack.closed_order("ended")["failure"]
    last, name, ending = list(stream(stack, "ended"))[-1]
    assert (name, ending["reason"], ending["customer_message"]) == (
        "closed",
        "OUT_OF_STOCK",
        failure["customer_message"],
    )
    again = stack.http.get("/orders/ended/events", headers={"Last-Event-ID": last})
    assert (again.status_code, again.content) == (204, b"")


def test_a_stream_survives_temporal(stack: Stack) -> None:
    """While Temporal is down the stream stays open; then it goes on, nothing lost or twice."""
    with stack.hold_database("stock"):
        stack.place(order(order_id="survivor"))
        until(lambda: stack.at_work("survivor", "DecreaseStock"), "the stock service is at work")
        telling = stream(stack, "survivor")
        entries = [next(telling) for _ in range(7)]
        stack.kill("temporal")
        until(lambda: stack.status("/readyz") == 503, "the API misses Temporal")
        stack.start_temporal()
        until(lambda: stack.status("/readyz") == 200, "Temporal is back")
    entries += list(telling)
    assert [entry for _, _, entry in entries[:-1]] == stack.closed_order("survivor")["timeline"]


def test_a_stream_of_a_forgotten_run_tells_the_record(stack: Stack) -> None:
    """When Temporal has deleted the run, the state moves are the timeline."""
    stack.place(order(order_id="forgotten"), Prefer="wait=20")
    stack.temporal("workflow", "delete", "--workflow-id", "order-forgotten", "--yes")
    until(
        lambda: len(stack.closed_order("forgotten")["timeline"]) == 3,
        "Temporal has deleted the run",
    )
    entries = list(stream(stack, "forgotten"))
    assert [entry["name"] for _, kind, entry in entries if kind == "state"] == [
        "PENDING",
        "PAYMENT_COMPLETED",
        "COMPLETED",
    ]
    assert entries[-1][1:] == ("closed", COMPLETED)


@pytest.mark.parametrize(
    ("path", "status"), [("/orders/nobody/events", 404), ("/orders/no body/events", 422)]
)
def test_a_stream_of_no_order_is_a_problem(stack: Stack, path: str, status: int) -> None:
    """It is told before the stream begins."""
    answer = stack.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )


def test_a_stopping_api_ends_its_streams(stack: Stack) -> None:
    """Streams are ended, so that the API stops at once; the next API can resume them."""
    with stack.hold_database("payment"):
        stack.place(order(order_id="cut"))
        until(lambda: stack.at_work("cut", "ProcessPayment"), "the payment is under way")
        telling = stream(stack, "cut")
        last = [next(telling) for _ in range(4)][-1][0]
        stack.processes["api"].terminate()
        with pytest.raises(StopIteration):
            next(telling)
        assert stack.processes.pop("api").wait(20) is not None
        stack.start("api", "api.py")
        until(lambda: stack.status("/readyz") == 200, "the API is back")
    rest = list(stream(stack, "cut", last))
    assert rest[-1][1] == "closed"
    assert [entry for _, _, entry in rest[:-1]] == stack.closed_order("cut")["timeline"][4:]


def test_the_order_links_to_its_stream(stack: Stack) -> None:
    """Nobody has to know the form of its address."""
    view = stack.place(order(order_id="linked"), Prefer="wait=20").json()
    assert httpx.URL(view["links"]["events"]).path == "/orders/linked/events"


async def test_who_goes_away_leaves_nobody_waiting(stack: Stack) -> None:
    """An open order that nobody follows any more is asked for no more.

    Temporal limits how many answers may be waited for.
    """
    client = await Client.connect(stack.env["TEMPORAL_ADDRESS"])
    runs = Runs(client)
    with stack.hold_database("payment"):
        stack.place(order(order_id="left"))
        until(lambda: stack.at_work("left", "ProcessPayment"), "the payment is under way")
        before = asyncio.all_tasks()
        for _ in range(2):
            following = runs.follow("left")
            names = [(await anext(following)).name for _ in range(4)]
            assert names[-1] == "ProcessPaymentCommand"
            waiting = asyncio.ensure_future(anext(following))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            left = asyncio.all_tasks() - before
            assert not left or not (await asyncio.wait(left, timeout=5))[1], "somebody still waits"


def test_a_stream_tells_what_came_of_a_reset(stack: Stack) -> None:
    """The new run's entries have the numbers of those they replace, and are sent all the same.

    They are the whole story of the last run.
    """
    with stack.hold_database("payment"):
        stack.place(order(order_id="begun-anew"))
        until(lambda: stack.at_work("begun-anew", "ProcessPayment"), "the payment is under way")
        telling = stream(stack, "begun-anew")
        entries_before = [next(telling) for _ in range(4)]
        at = (
            "--workflow-id",
            "order-begun-anew",
            "--type",
            "FirstWorkflowTask",
            "--reason",
            "a test",
        )
        stack.temporal("workflow", "reset", *at)
        until(
            lambda: stack.at_work("begun-anew", "ProcessPayment"), "the payment is under way again"
        )
        last_before = entries_before[-1][0]
    entries = [entry for _, _, entry in [*entries_before, *telling][:-1]]
    timeline = stack.closed_order("begun-anew")["timeline"]
    told_again = [entry for _, _, entry in list(stream(stack, "begun-anew", last_before))[:-1]]
    assert told_again == timeline, "an entry that the reset took away is nothing to go on behind"
    assert "reset from outside" in [entry["name"] for entry in timeline]
    assert [entry for entry in entries if entry in timeline] == timeline
    entries_lost = [entry["name"] for entry in entries if entry not in timeline]
    assert entries_lost[-1] == "terminated from outside: nothing more is compensated", (
        "what the first run came to was told, too"
    )
