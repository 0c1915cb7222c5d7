"""Two databases under one queue: a participant serves from one, and refuses the other."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from contracts.steps import ROLES
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from process import CHECK_SECONDS
from temporal_saga.database import open_database
from temporal_saga.identity import identify
from tests.stack import ROOT, Stack, free_port, order, until

pytestmark = pytest.mark.long

SERVICES = {"stock": StockService, "payment": PaymentService}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system with one worker process per role."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_all(*ROLES)
        yield system
    finally:
        system.stop()


def start_elsewhere(stack: Stack, name: str, *command: str, **settings: str) -> None:
    """Start a process without naming its databases, in an empty folder of its own."""
    whole_env = stack.env
    stack.env = stack.env | {"DATA_DIR": str(stack.data_dir / "elsewhere")} | settings
    try:
        stack.start(name, *command)
    finally:
        stack.env = whole_env


def test_a_worker_with_another_database_is_not_let_in(stack: Stack) -> None:
    """It takes no command, and says which database is the right one and which it has.

    It also says how to go on with it on purpose.
    """
    start_elsewhere(stack, "payment-2", "worker.py", "payment")
    until(
        lambda: "waiting for the database of payment: " in stack.log_text("payment-2"),
        "the second worker says why it waits",
    )
    log_text = stack.log_text("payment-2")
    assert str(stack.data_dir / "payment.db") in log_text
    assert str(stack.data_dir / "elsewhere" / "payment.db") in log_text
    assert "temporal workflow terminate --workflow-id participant-payment" in log_text
    for number in range(5):
        assert (
            stack.place(order(order_id=f"{number}"), Prefer="wait=30").json()["state"]
            == "COMPLETED"
        )
    assert "ready: payment" not in stack.log_text("payment-2")
    assert "Traceback" not in stack.log_text("payment-2")
    assert stack.audit()[0] == 0


def test_what_was_ended_by_mistake_is_registered_again_by_those_who_serve(stack: Stack) -> None:
    """Also when somebody with another database waits for the place."""
    stack.temporal("workflow", "terminate", "--workflow-id", "participant-payment")
    describe = ("workflow", "describe", "--workflow-id", "participant-payment", "--output", "json")
    until(
        lambda: "STATUS_RUNNING" in stack.temporal(*describe),
        "it is registered again",
        3 * CHECK_SECONDS,
    )
    assert f"{stack.data_dir}/payment.db" in stack.temporal(*describe[:-2])
    assert "ready: payment" not in stack.log_text("payment-2")


def test_an_api_with_another_database_is_not_ready(stack: Stack) -> None:
    """It says so, with 503, and never that there is no such order."""
    port = free_port()
    start_elsewhere(stack, "api-2", "api.py", API_PORT=str(port))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as api:

        def names_the_database(path: str) -> bool:
            with suppress(httpx.TransportError):
                answer = api.get(path)
                assert answer.status_code == 503
                return "this is not the database that order serves from" in answer.json()["detail"]
            return False

        for path in ("/readyz", "/orders/0", "/orders"):
            until(partial(names_the_database, path), f"{path} is told")
    stack.kill("api-2", signal.SIGTERM)


def test_an_api_that_reads_another_database_says_so(stack: Stack) -> None:
    """Stock and wallets of another database are not answered; the setting is named.

    So is the right database.
    """
    order_url = stack.database_url("order")
    port = free_port()
    other = stack.data_dir / "other"
    other.mkdir()
    for name in ("stock", "payment"):
        engine = open_database(f"sqlite:///{other}/{name}.db")
        SERVICES[name](engine)
        identify(engine, name, "other")
        engine.dispose()
    urls = {"ORDER_DATABASE_URL": order_url, "DATA_DIR": str(other), "API_PORT": str(port)}
    start_elsewhere(stack, "api-3", "api.py", **urls)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as api:
        until(partial(answers, api), "it takes orders, as their database is the right one")
        for name, path in (("stock", "/stock/plenty"), ("payment", "/customers/rich/wallet")):
            answer = api.get(path)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            detail = answer.json()["detail"]
            assert f"is not the one that {name} serves from" in detail
            assert f"that one is sqlite:///{stack.data_dir}/{name}.db" in detail
            assert f"this one sqlite:///{other}/{name}.db" in detail
            assert f"Set {name.upper()}_DATABASE_URL" in detail
            assert stack.http.get(path).status_code == 200
    stack.kill("api-3", signal.SIGTERM)


def answers(api: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return api.get("/readyz").is_success
    return False


def test_a_database_is_adopted_on_purpose_and_the_other_is_shut_out(stack: Stack) -> None:
    """The message's command admits the waiting worker once nobody serves the other database."""
    assert stack.kill("payment", signal.SIGTERM) == 0
    stack.temporal("workflow", "terminate", "--workflow-id", "participant-payment")
    stack.ready("payment-2")
    view = stack.place(order(order_id="nobody"), Prefer="wait=30").json()
    assert (view["state"], view["failure"]["reason"]) == ("FAILED", "UNKNOWN_CUSTOMER"), (
        "it serves from an empty database"
    )
    stack.start_worker("payment")
    until(
        lambda: "waiting for the database of payment: " in stack.log_text("payment"),
        "the first one is shut out",
    )
    stack.temporal("workflow", "terminate", "--workflow-id", "participant-payment")
    assert stack.kill("payment-2", signal.SIGTERM) == 0
    stack.ready("payment")


def test_who_serves_and_is_not_the_right_one_any_more_ends(stack: Stack) -> None:
    """Temporal was emptied and another database registered: a worker exits with 1.

    It says why.
    """
    process = stack.processes["payment"]
    stack.temporal("workflow", "terminate", "--workflow-id", "participant-payment")
    memo = ("--memo", 'identity="another"', "--memo", 'database="elsewhere"')
    queue = ("--task-queue", "participant-databases", "--start-delay", "87600h")
    begin = (
        "workflow",
        "start",
        "--type",
        "ParticipantDatabase",
        "--workflow-id",
        "participant-payment",
        *queue,
        *memo,
    )
    stack.temporal(*begin, "--id-conflict-policy", "TerminateExisting")
    assert process.wait(60) == 1
    assert (
        "leaving with exit code 1: this is not the database that payment serves from"
        in stack.log_text("payment")
    )
    assert "Traceback" not in stack.log_text("payment")
    stack.processes.pop("payment")


def test_no_file_is_taken_for_a_database_where_temporal_is_on_another_machine() -> None:
    """Workers and the API exit, naming the variable; a file named in it is one's own choice."""
    away = {"TEMPORAL_ADDRESS": "temporal.example:7233", "DATA_DIR": "/nowhere"}
    for command, variable in (
        (("worker.py", "payment"), "PAYMENT_DATABASE_URL"),
        (("api.py",), "ORDER_DATABASE_URL"),
    ):
        environment = {**os.environ, **away}
        process = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert process.returncode == 1
        assert process.stderr.startswith(
            f"cannot start: {variable} must be set where Temporal is on another machine"
        )


def test_nobody_serves_from_files_that_are_deleted_under_a_running_system(tmp_path: Path) -> None:
    """Workers leave, new files are not served from, and the old ones are, once they are back."""
    stack = Stack(tmp_path)
    data_elsewhere = tmp_path / "moved"
    data_elsewhere.mkdir()
    try:
        stack.seed({"rich": 10**9}, {"plenty": 10**6})
        stack.start_all(*ROLES)
        assert stack.place(order(order_id="1"), Prefer="wait=30").json()["state"] == "COMPLETED"
        assert stack.status("/customers/rich/wallet") == 200
        for name in ("order", "payment"):
            for file in tmp_path.glob(f"{name}.db*"):
                file.rename(data_elsewhere / file.name)
        for name in ("order", "payment"):
            assert stack.processes[name].wait(3 * CHECK_SECONDS) == 1
            leaving = f"the file of sqlite:///{tmp_path}/{name}.db was deleted or replaced under"
            assert f"leaving with exit code 1: {leaving}" in stack.log_text(name)
            stack.start_worker(name)
            until(partial(says_replaced, stack, name), f"{name} says why it waits")
        for path in ("/readyz", "/orders/1", "/customers/rich/wallet"):
            until(partial(is_replaced, stack, path), f"{path} says why it is not answered")
        for name in ("order", "payment"):
            stack.suspend(name)
            for file in tmp_path.glob(f"{name}.db*"):
                file.unlink()
            for file in data_elsewhere.glob(f"{name}.db*"):
                file.rename(tmp_path / file.name)
            stack.processes[name].send_signal(signal.SIGCONT)
        for name in ("order", "payment"):
            stack.ready(name)
        until(lambda: stack.status("/orders/1") == 200, "the API reads the old orders")
        until(lambda: stack.status("/customers/rich/wallet") == 200, "it reads the old wallets")
        assert stack.place(order(order_id="2"), Prefer="wait=30").json()["state"] == "COMPLETED"
        assert stack.audit()[0] == 0
    finally:
        stack.stop()


def says_replaced(stack: Stack, participant: str) -> bool:
    """Tell whether a worker that waits says that its database was deleted."""
    was = f"what was at sqlite:///{stack.data_dir}/{participant}.db was deleted or replaced"
    return (
        f"waiting for the database of {participant}: " in (log := stack.log_text(participant))
        and was in log
    )


def is_replaced(stack: Stack, path: str) -> bool:
    """Tell whether the API refuses an answer because a database was deleted."""
    answer = stack.http.get(path)
    return answer.status_code == 503 and "was deleted or replaced" in answer.json()["detail"]
