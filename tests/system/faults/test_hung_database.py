"""A PostgreSQL server that hangs with its sockets open, under the API and the workers.

Our own time limits hold, and all goes on.
"""

import json
import math
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from contracts.steps import ROLES
from tests.postgresql import PostgreSQL, running
from tests.stack import Stack, order, until
from worker import LEAVE_SECONDS

pytestmark = pytest.mark.long

IN_TIME_SECONDS = 10
CALLERS = 60
"""More than the API has threads, and connections."""


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    """A server for the databases of the order and the payment service."""
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSQL) -> Iterator[Stack]:
    """A system whose order and payment services keep their data on that server."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= {
        "ORDER_DATABASE_URL": postgresql.create_database(),
        "PAYMENT_DATABASE_URL": postgresql.create_database(),
        "WORKER_GRACE_SECONDS": "1",
    }
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_all(*ROLES)
        yield system
    finally:
        system.stop()


def ask(stack: Stack, method: str, path: str, body: object = None) -> tuple[httpx.Response, float]:
    """Return the answer to a call of this thread's, and how long it took."""
    client = stack.http
    start = time.monotonic()
    return client.request(method, path, json=body), time.monotonic() - start


def test_the_api_answers_in_time_while_its_database_hangs(
    stack: Stack, postgresql: PostgreSQL
) -> None:
    """Calls that need the database get 503 within ten seconds, however many ask.

    Figures are answered, and it recovers by itself.
    """
    with ThreadPoolExecutor(CALLERS + 4) as callers:

        def all_ask() -> list[tuple[httpx.Response, float]]:
            return list(callers.map(lambda _: ask(stack, "GET", "/orders"), range(CALLERS)))

        assert {answer.status_code for answer, _ in all_ask()} == {200}, "the pool is warm"
        with postgresql.freeze():
            crowd = callers.submit(all_ask)
            ready = callers.submit(ask, stack, "GET", "/readyz")
            order_answer = callers.submit(
                ask, stack, "POST", "/orders", order(order_id="meanwhile")
            )
            figures = callers.submit(ask, stack, "GET", "/metrics")
            alive, took = ask(stack, "GET", "/livez")
            assert (alive.status_code, took < 2) == (200, True)
            for answer, took in [*crowd.result(), ready.result(), order_answer.result()]:
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
                assert answer.json()["detail"].startswith(
                    "the order service's database gives no answer"
                )
                assert took < IN_TIME_SECONDS
            metrics_answer, took = figures.result()
            assert (metrics_answer.status_code, took < IN_TIME_SECONDS) == (200, True)
            attention = figure(metrics_answer.text, "orders_needing_attention")
            assert math.isnan(attention) or attention == 0, "unknown, or as the last look knew it"
            assert all(took < IN_TIME_SECONDS for _, took in all_ask()), (
                "who asks again is answered as well"
            )
        until(lambda: stack.status("/readyz") == 200, "the API is ready again", IN_TIME_SECONDS)
        after = all_ask()
    assert {answer.status_code for answer, _ in after} == {200}, "every thread is back"


def starting(order_id: str) -> list[str]:
    """Return the command that starts an order without the API."""
    begin = [
        "workflow",
        "start",
        "--type",
        "OrderSaga",
        "--task-queue",
        "order-saga",
        "--workflow-id",
        f"order-{order_id}",
    ]
    return [*begin, "--input", json.dumps(order())]


def figure(text: str, name: str) -> float:
    """Return one figure of those that are told."""
    families = text_string_to_metric_families(text)
    return next(
        sample.value for family in families for sample in family.samples if sample.name == name
    )


def test_a_worker_gets_its_threads_back_and_the_order_goes_on(
    stack: Stack, postgresql: PostgreSQL
) -> None:
    """A command at work when the database hangs is a failed try, and its slot is free again.

    The order completes once.
    """
    with postgresql.freeze():
        stack.temporal(*starting("hung"))
        until(
            lambda: (
                "gives no answer"
                in stack.temporal("workflow", "describe", "--workflow-id", "order-hung")
            ),
            "a try has failed",
            15,
        )
    until(lambda: stack.status("/readyz") == 200, "the API is ready again", IN_TIME_SECONDS)
    assert stack.closed_order("hung")["state"] == "COMPLETED"
    assert stack.audit()[0] == 0


def test_an_api_whose_database_only_reads_is_not_ready(
    stack: Stack, postgresql: PostgreSQL
) -> None:
    """While the only server takes no writes, as a standby does, the API says so.

    It is back when one does.
    """
    until(lambda: stack.status("/readyz") == 200, "the API is ready", IN_TIME_SECONDS)
    with postgresql.only_to_be_read():
        for path in ("/readyz", "/orders"):
            assert ask(stack, "GET", path)[0].status_code == 503
    until(lambda: stack.status("/readyz") == 200, "the API is ready again", IN_TIME_SECONDS)
    assert stack.place(order(order_id="primary"), Prefer="wait=30").json()["state"] == "COMPLETED"


def test_a_stopping_worker_leaves_work_that_hangs(stack: Stack, postgresql: PostgreSQL) -> None:
    """Some seconds after the grace it says so and exits, with an exit code of its own.

    The order is paid once all the same.
    """
    with psycopg.connect(stack.database_url("order").replace("+psycopg", "")) as somebody:
        somebody.execute(
            "LOCK TABLE fence"
        )  # so that the command is in the middle of its work when the server hangs
        stack.temporal(*starting("left"))
        until(lambda: stack.at_work("left", "RegisterOrder"), "a command is at work")
        with postgresql.freeze():
            process = stack.processes.pop("order")
            start = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == os.EX_TEMPFAIL
        assert time.monotonic() - start < 1 + LEAVE_SECONDS + 3
    assert "leaving with exit code 75: work is still in hand" in stack.log_text("order")
    stack.start_worker("order")
    assert stack.closed_order("left")["state"] == "COMPLETED"
    assert stack.audit()[0] == 0
