"""A Temporal that answers and refuses us: reported, not ready, 503; all goes on afterwards."""

from collections.abc import Iterator
from functools import partial

import grpc
import pytest

from tests.gate import Gate, gate
from tests.stack import Stack, order, until

pytestmark = pytest.mark.long

READ_ONLY = frozenset(
    {
        "StartWorkflowExecution",
        "SignalWorkflowExecution",
        "UpdateWorkflowExecution",
        "PollActivityTaskQueue",
        "PollWorkflowTaskQueue",
        "RespondActivityTaskCompleted",
        "RespondWorkflowTaskCompleted",
    }
)
"""What a key that may only read opens nothing of."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Temporal, and no part of ours yet."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_temporal()
        until(
            lambda: "SERVING" in system.temporal("operator", "cluster", "health", check=False),
            "the server answers",
        )
        yield system
    finally:
        system.stop()


@pytest.fixture
def before(stack: Stack) -> Iterator[Gate]:
    """A gate before it that the parts are started at."""
    with gate(stack.env["TEMPORAL_ADDRESS"]) as before:
        direct = stack.env["TEMPORAL_ADDRESS"]
        stack.env["TEMPORAL_ADDRESS"] = f"127.0.0.1:{before.port}"
        yield before
        stack.env["TEMPORAL_ADDRESS"] = direct
        for name in ("api", "workers"):
            if name in stack.processes:
                stack.kill(name)


def detail(stack: Stack, path: str) -> str:
    """Return what a 503 says, or nothing for another answer."""
    answer = stack.http.get(path)
    return str(answer.json()["detail"]) if answer.status_code == 503 else ""


def test_a_key_that_opens_too_little_is_told_at_the_start(stack: Stack, before: Gate) -> None:
    """Neither API nor worker is ready, both say what is missing; with another key they go on."""
    before.status = grpc.StatusCode.PERMISSION_DENIED
    before.closed_methods = READ_ONLY
    stack.start_worker()
    stack.start("api", "api.py")
    until(
        lambda: (
            "waiting for Temporal: Temporal does not let us do our work"
            in stack.log_text("workers")
        ),
        "the worker says so",
    )
    until(lambda: stack.status("/livez") == 200, "the API lives")
    until(lambda: "TEMPORAL_API_KEY" in detail(stack, "/readyz"), "the API says so")
    answer = stack.place(order(order_id="refused"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "ready: " not in stack.log_text("workers")
    assert "Traceback" not in stack.log_text("workers") + stack.log_text("api")
    before.status = None
    stack.ready("workers")
    until(lambda: stack.status("/readyz") == 200, "the API is ready")
    assert stack.place(order(order_id="let-in"), Prefer="wait=30").json()["state"] == "COMPLETED"


@pytest.mark.parametrize(
    "status",
    [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNKNOWN],
    ids=lambda status: status.name,
)
def test_a_key_that_runs_out_is_told(stack: Stack, before: Gate, status: grpc.StatusCode) -> None:
    """Processes that served say that no work comes and why, and answer with 503.

    They go on by themselves with a good key.
    """
    stack.start_worker()
    stack.start("api", "api.py")
    stack.ready("workers")
    until(lambda: stack.status("/readyz") == 200, "the API is ready")
    before.status = status
    until(
        lambda: "no work comes from Temporal: " in stack.log_text("workers"), "the worker says so"
    )
    assert "TEMPORAL_API_KEY" in detail(stack, "/readyz")
    assert stack.place(order(order_id=f"run-out-{status.name}")).status_code == 503
    before.status = None
    until(lambda: stack.status("/readyz") == 200, "the API is ready again")
    assert (
        stack.place(order(order_id=f"again-{status.name}"), Prefer="wait=30").json()["state"]
        == "COMPLETED"
    )
    assert "Traceback" not in stack.log_text("api")


def test_a_limit_that_is_met_is_not_away(stack: Stack, before: Gate) -> None:
    """Who is told to come again hears that Temporal is busy."""
    stack.start("api", "api.py")
    until(lambda: stack.status("/readyz") == 200, "the API is ready")
    before.status = grpc.StatusCode.RESOURCE_EXHAUSTED
    before.closed_methods = frozenset({"StartWorkflowExecution"})
    answer = stack.place(order(order_id="busy"))
    assert (answer.status_code, "a limit" in answer.json()["detail"]) == (503, True)


def test_a_namespace_that_is_not_there_is_told(stack: Stack) -> None:
    """Not as an order that does not exist, and with how to create it.

    Once it is there all is well.
    """
    stack.env["TEMPORAL_NAMESPACE"] = "shop"
    stack.start_worker()
    stack.start("api", "api.py")
    create = "temporal operator namespace create"

    def names_the_remedy(path: str) -> bool:
        return create in detail(stack, path)

    until(lambda: create in stack.log_text("workers"), "the worker says so")
    until(lambda: stack.status("/livez") == 200, "the API lives")
    for path in ("/readyz", "/orders/nothing"):
        until(partial(names_the_remedy, path), f"{path} says so")
    assert stack.place(order()).status_code == 503
    assert "Traceback" not in stack.log_text("workers") + stack.log_text("api")
    stack.temporal("operator", "namespace", "create", "--namespace", "shop")
    until(lambda: stack.http.get("/readyz").status_code == 200, "the API is ready")
