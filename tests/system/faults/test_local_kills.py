"""Workers that are killed in a local activity, of which the server knows nothing yet.

The steps of one workflow task take effect at their participants, and stand in the history only when
the task ends. So what a killed worker did is done again from the task's beginning: under the same
keys, by which the participants know it.
"""

import json
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.steps import PARTICIPANT_OF
from participants.payment.tables import FENCE
from temporal_saga.database import open_database, reading
from temporal_saga.keys import step_key
from temporal_saga.local_marker import MARKER
from tests.stack import Stack, order, until
from tests.system.faults.conftest import FUNDS, PIECES

pytestmark = pytest.mark.long

COMPLETED = ("COMPLETED", None)
OUT_OF_STOCK = ("FAILED", "OUT_OF_STOCK")


@pytest.fixture
def local_stack(stack: Stack) -> Stack:
    """The system with one worker of all roles, which tries each step itself first."""
    stack.env["LOCAL_ACTIVITIES"] = "on"
    stack.start_all()
    return stack


def is_answered(stack: Stack, step: str) -> bool:
    """Tell whether the participant of a step of order 7 has answered it, for good."""
    engine = open_database(stack.database_url(PARTICIPANT_OF[step]))
    with reading(engine) as connection:
        keys = connection.scalars(sa.select(FENCE.c.key)).all()
    engine.dispose()
    return step_key("order-7", step) in keys


def local_activities(stack: Stack) -> int:
    """Return how many local activities the server knows of."""
    history = stack.temporal("workflow", "show", "--workflow-id", "order-7", "--output", "json")
    markers = [
        event.get("markerRecordedEventAttributes") for event in json.loads(history)["events"]
    ]
    return len([marker for marker in markers if marker and marker["markerName"] == MARKER])


def end_of(view: dict[str, Any]) -> tuple[str, str | None]:
    """Return how an order ended, and why it failed."""
    return view["state"], view["failure"] and view["failure"]["reason"]


def assert_taken_once(stack: Stack, *, is_taken: bool) -> None:
    """Check that money and stock were taken once, or not at all, and that the invariants hold."""
    wallet = stack.http.get("/customers/rich/wallet").json()
    assert wallet["balance_minor"] == FUNDS - 100 * is_taken
    assert stack.http.get("/stock/plenty").json()["available"] == PIECES - is_taken
    assert stack.http.get("/stock/scarce").json()["available"] == 1
    status, report = stack.audit()
    assert status == 0, report


def test_a_worker_is_killed_in_the_middle_of_a_local_try(local_stack: Stack) -> None:
    """What it did before that in the same task is not done twice."""
    stack = local_stack
    with stack.hold_database("payment"):
        assert stack.place(order(order_id="7")).status_code == 202
        until(partial(is_answered, stack, "RegisterOrder"), "the order is registered")
        stack.kill("workers")
    assert local_activities(stack) == 0
    stack.start_worker()
    assert end_of(stack.closed_order("7", seconds=60)) == COMPLETED
    assert local_activities(stack) == 4
    assert_taken_once(stack, is_taken=True)


@pytest.mark.parametrize(
    ("lines", "last_step", "end"),
    [
        ({}, "ConfirmOrder", COMPLETED),
        ({"sku": "scarce", "quantity": 2}, "DecreaseStock", OUT_OF_STOCK),
    ],
    ids=["completed", "refused"],
)
def test_a_worker_is_killed_when_all_is_done_and_nothing_is_recorded(
    local_stack: Stack, lines: dict[str, Any], last_step: str, end: tuple[str, str | None]
) -> None:
    """The server hangs while the steps are taken, and is killed with what it was sent meanwhile."""
    stack = local_stack
    with stack.hold_database("payment"):
        assert stack.place(order(order_id="7", **lines)).status_code == 202
        until(partial(is_answered, stack, "RegisterOrder"), "the order is registered")
        stack.suspend("temporal")
    until(partial(is_answered, stack, last_step), f"{last_step} is answered")
    stack.kill("workers")
    stack.kill("temporal")
    stack.start_temporal()
    until(lambda: stack.status("/readyz") == 200, "the server is back")
    assert local_activities(stack) == 0
    stack.start_worker()
    assert end_of(stack.closed_order("7", seconds=60)) == end
    assert_taken_once(stack, is_taken=end == COMPLETED)
