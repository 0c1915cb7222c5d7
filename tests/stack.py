"""The system as real processes on free ports, for tests: started, killed and stopped one by one."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import httpx
import psutil

from contracts.payment import WalletView
from contracts.steps import ROLES
from contracts.stock import StockView
from operations.demo.ephemeral_stack import START_SECONDS, free_ports
from operations.up.temporal_server import server_command, temporal_binary
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database
from tests.temporal_server import QUICK_DELETE, flags

BECOME = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
ROOT = Path(__file__).parent.parent
WAIT_SECONDS = 30

T = TypeVar("T")


def free_port() -> int:
    """Return a port that nobody listens on."""
    [port] = free_ports(1)
    return port


def until(ask: Callable[[], T], what: str, seconds: float = WAIT_SECONDS) -> T:
    """Ask again and again until the answer is true, and return it."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return answer


def workers_of(module: ModuleType) -> Sequence[str]:
    """Return the workers that a module's tests need.

    One process for all services, as `make up` has it; or one for each where the module has
    `SERVICES_APART`, as its tests stop one of them: that takes twice the CPU to start.
    """
    return ROLES if getattr(module, "SERVICES_APART", False) else ()


def roles_of(worker: str) -> Sequence[str]:
    """Return the roles that a worker has by its name: `payment-2`, `order+payment`, `workers`."""
    return ROLES if worker == "workers" else worker.partition("-")[0].split("+")


class Stack:
    """Temporal, workers and API of one data directory; what it starts, it stops."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.temporal_port = free_port()
        self.ui_port = free_port()
        self.api_port = free_port()
        self.env = os.environ | {
            "DATA_DIR": str(data_dir),
            "TEMPORAL_PORT": str(self.temporal_port),
            "TEMPORAL_UI_PORT": str(self.ui_port),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{self.temporal_port}",
            "API_PORT": str(self.api_port),
            "WORKFLOW_SANDBOX": "on",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._log_starts: dict[str, int] = {}
        self._threads = threading.local()
        self._clients = list[httpx.Client]()

    @property
    def http(self) -> httpx.Client:
        """A client of the API for this thread.

        Of threads that share one, one may close a connection the other has just got.
        """
        if not hasattr(self._threads, "http"):
            self._threads.http = httpx.Client(
                base_url=f"http://127.0.0.1:{self.api_port}", timeout=40
            )
            self._clients.append(self._threads.http)
        client: httpx.Client = self._threads.http
        return client

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start `python command`, logging to `{name}.log`, in a session of its own."""
        self._log_starts[name] = len(self.log(name).read_text()) if self.log(name).exists() else 0
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                # Asked for by the environment of the tests, only a worker with all roles can do it.
                env=self.env | ({} if name == "workers" else {"LOCAL_ACTIVITIES": "off"}),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def start_temporal(self) -> None:
        """Start the server of `make up`, without what keeps a deleted run for half a minute."""
        command = server_command(self.data_dir / "temporal.db", self.temporal_port, self.ui_port)
        self.start("temporal", "-c", BECOME, *command, *flags(QUICK_DELETE))

    def start_worker(self, name: str = "workers") -> None:
        """Start a worker.

        `payment-2` is a second one of the role payment, `order+payment` one of both, `workers` one
        with all roles.
        """
        self.start(name, "worker.py", *([] if name == "workers" else roles_of(name)))

    def start_all(self, *workers: str) -> None:
        """Start the server, the workers (all roles in one process when none is named) and the API.

        Wait for them.
        """
        names = workers or ("workers",)
        self.start_temporal()
        for name in names:
            self.start_worker(name)
        self.start("api", "api.py")
        for name in names:
            self.ready(name)
        try:
            until(self._serves, "the API is ready", START_SECONDS)
        except AssertionError as error:
            raise AssertionError(self.log_text("api")) from error

    def _serves(self) -> bool:
        assert self.processes["api"].poll() is None, self.log_text("api")
        return self.status("/readyz") == 200

    def ready(self, worker: str) -> None:
        """Wait until the worker last started under this name takes work in all its roles."""
        process = self.processes[worker]

        def is_ready() -> bool:
            assert process.poll() is None, self.log_text(worker)
            return all(f"ready: {role}\n" in self.log_text(worker) for role in roles_of(worker))

        until(is_ready, f"{worker} is ready", START_SECONDS)

    def log_text(self, name: str) -> str:
        """Return what the process last started under this name has logged."""
        return self.log(name).read_text()[self._log_starts[name] :]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a process and return what it ended with."""
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(WAIT_SECONDS)

    def suspend(self, name: str) -> None:
        """Let a process stand still, and return when it does: a busy machine takes a while."""
        process = self.processes[name]
        process.send_signal(signal.SIGSTOP)
        status = psutil.Process(process.pid).status
        until(lambda: status() == psutil.STATUS_STOPPED, f"{name} stands still")

    def stop(self) -> None:
        """End every process that is left."""
        for client in self._clients:
            client.close()
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait(WAIT_SECONDS)

    def log(self, name: str) -> Path:
        """Return the file that a process logs to."""
        return self.data_dir / f"{name}.log"

    def in_flight(self) -> int:
        """Return how many requests the API says that it serves; asking takes no place itself."""
        metrics = self.http.get("/metrics").text
        figure = re.search(r"^http_requests_in_flight ([0-9.]+)$", metrics, re.MULTILINE)
        assert figure is not None
        return int(float(figure[1]))

    def status(self, path: str) -> int:
        """Return the status of a GET, or 0 when nobody answers."""
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return 0

    def seed(
        self, wallets: dict[str, int], products: dict[str, int], currency: str = "GBP"
    ) -> None:
        """Open wallets with so many minor units, and add products with so many of each."""
        payment = open_database(self.database_url("payment"))
        stock = open_database(self.database_url("stock"))
        PaymentService.open(payment).open_wallets(
            WalletView(customer_id=customer, currency=currency, balance_minor=balance)
            for customer, balance in wallets.items()
        )
        StockService.open(stock).add_products(
            StockView(sku=sku, name=sku, available=count) for sku, count in products.items()
        )
        payment.dispose()
        stock.dispose()

    def database_url(self, participant: str) -> str:
        """Return where a participant of the stack keeps its data."""
        return self.env.get(
            f"{participant.upper()}_DATABASE_URL", f"sqlite:///{self.data_dir}/{participant}.db"
        )

    def place(self, order: dict[str, Any], **headers: str) -> httpx.Response:
        """Post an order; `Idempotency_Key="k"` becomes a header."""
        return self.http.post(
            "/orders", json=order, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    def closed_order(self, order_id: str, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """Wait until an order is closed, and return it."""

        def view() -> dict[str, Any] | None:
            order_view: dict[str, Any] = self.http.get(f"/orders/{order_id}").json()
            return order_view if order_view["closed_at"] else None

        closed_order = until(view, f"order {order_id} is closed", seconds)
        assert closed_order is not None
        return closed_order

    def at_work(self, order_id: str, activity: str) -> bool:
        """Tell whether a worker is executing this activity for an order, and not only to come."""
        description = self.temporal(
            "workflow", "describe", "--workflow-id", f"order-{order_id}", "--output", "json"
        )
        pending = json.loads(description).get("pendingActivities", [])
        return [(p["activityType"]["name"], p["state"]) for p in pending] == [
            (activity, "PENDING_ACTIVITY_STATE_STARTED")
        ]

    def audit(self) -> tuple[int, str]:
        """Run the audit as `make audit` does; return its exit code and what it prints."""
        command = [sys.executable, "-m", "operations.audit"]
        process = subprocess.run(
            command,
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        return process.returncode, process.stdout + process.stderr

    @contextmanager
    def hold_database(self, participant: str) -> Iterator[None]:
        """Hold a participant's database, so that whoever wants to write has to wait."""
        with closing(
            sqlite3.connect(self.data_dir / f"{participant}.db", isolation_level=None)
        ) as database:
            database.execute("BEGIN IMMEDIATE")
            yield
            database.execute("ROLLBACK")

    def temporal(self, *arguments: str, check: bool = True) -> str:
        """Run the real `temporal` CLI against the stack, and return what it prints."""
        process = subprocess.run(
            [temporal_binary(), *arguments, "--address", self.env["TEMPORAL_ADDRESS"]],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        assert process.returncode == 0 or not check, process.stderr
        return process.stdout + process.stderr

    def run_command_in(self, sentence: str, what: str) -> str:
        """Type the command for Temporal's `what` that stands in a sentence, and return its output.

        It is typed in the project's folder, in a terminal in which nothing was set.
        """
        match = re.search(rf"\btemporal ({what} .*?--address \S+)", sentence)
        assert match is not None, sentence
        process = subprocess.run(
            f"{temporal_binary()} {match[1]}",
            shell=True,
            cwd=ROOT,
            env={name: os.environ[name] for name in ("HOME", "PATH")},
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        return process.stdout


def order(
    customer: str = "rich", sku: str = "plenty", quantity: int = 1, price: int = 100, **rest: Any
) -> dict[str, Any]:
    """Return an order of one line."""
    line = {"sku": sku, "quantity": quantity, "unit_price_minor": price}
    return {"customer_id": customer, "currency": "GBP", "lines": [line], **rest}
