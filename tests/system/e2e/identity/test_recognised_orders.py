"""An order is recognised by id, key and body: open, started by hand, or half forgotten."""

import json
import signal
from pathlib import Path

import pytest
from temporalio.client import (
    Client,
    DescribeWorkflowInput,
    Interceptor,
    OutboundInterceptor,
    WorkflowExecutionDescription,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from application.errors import Away
from application.placement import Placement
from application.runs import Runs
from contracts.placing import PlaceOrder
from participants.order.service import OrderService
from temporal_saga.database import open_database
from tests.stack import Stack, order, until
from tests.system.e2e.identity.traces import (
    as_recorded,
    balance,
    delete_run,
    lose_records,
    memo,
    runs,
)

pytestmark = pytest.mark.long

SERVICES_APART = True


def test_an_open_order_is_recognised(stack: Stack, orders: OrderService) -> None:
    """Placing an open order again returns it with 202, also after waiting.

    Another body is refused.
    """
    stack.suspend("payment")
    try:
        first = stack.place(order(order_id="open"), Prefer="wait=1")
        assert (first.status_code, first.headers["Preference-Applied"]) == (202, "wait=1")
        until(lambda: orders.find("open"), "it is on record")
        again = stack.place(order(order_id="open"))
        assert (again.status_code, again.json()["order_id"], again.json()["closed_at"]) == (
            202,
            "open",
            None,
        )
        assert stack.place(order(order_id="open", quantity=2)).status_code == 422
    finally:
        stack.processes["payment"].send_signal(signal.SIGCONT)
    answer = stack.place(order(order_id="open"), Prefer="wait=99")
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=30")


def test_an_order_started_by_hand_is_recognised(stack: Stack) -> None:
    """A saga started without the API is the order of its id, and of that body alone."""
    body = order(quantity=7)
    place = ("--type", "OrderSaga", "--task-queue", "order-saga", "--workflow-id", "order-by-hand")
    stack.temporal("workflow", "start", *place, "--input", json.dumps(body))
    assert stack.place(body | {"order_id": "by-hand"}).status_code in (200, 202)
    assert stack.place(order(order_id="by-hand", quantity=8)).status_code == 422
    assert stack.closed_order("by-hand")["total_minor"] == 700
    assert memo(stack, "by-hand") == {}


@pytest.mark.parametrize("sku", ["plenty", "unheard of"])
def test_fingerprint_and_key_are_kept_in_memo_and_record(
    stack: Stack, orders: OrderService, sku: str
) -> None:
    """The memo, beside what the saga writes, and the record tell one request from another."""
    body = order(sku=sku)
    order_id = stack.place(body, Idempotency_Key=f"key of {sku}", Prefer="wait=20").json()[
        "order_id"
    ]
    fingerprint = PlaceOrder.model_validate(body).fingerprint()
    identity = {"fingerprint": fingerprint, "request_key": f"key of {sku}"}
    assert {name: memo(stack, order_id).get(name) for name in identity} == identity
    assert orders.identity(order_id) == (fingerprint, f"key of {sku}")
    order_id_made = stack.place(body, Prefer="wait=20").json()["order_id"]
    assert orders.identity(order_id_made) == (fingerprint, None)


def test_a_closed_run_without_a_record_is_found_and_not_started_again(
    stack: Stack, orders: OrderService
) -> None:
    """When the order service has lost an order, its closed run still guards its identity.

    The run also answers for the order.
    """
    body = order(order_id="lost", quantity=3)
    before = stack.place(body, Prefer="wait=20").json()
    money = balance(stack)
    lose_records(stack)
    again = stack.place(body, Prefer="wait=20")
    assert again.status_code == 200
    assert {**again.json(), "closed_at": None} == {**before, "closed_at": None}, (
        "the run closed a moment after the record"
    )
    other = stack.place(body | {"deadline_seconds": 901})
    assert (other.status_code, other.json()["type"]) == (422, "urn:problem:order-id-reused")
    late = stack.http.post("/orders/lost/cancel", json={"by": "ann", "reason": "too late"})
    assert (late.status_code, orders.find("lost")) == (409, None)
    assert len(until(lambda: runs(stack, "lost"), "it is listed")) == 1
    assert balance(stack) == money


def test_a_run_that_is_gone_leaves_the_record_to_answer(stack: Stack) -> None:
    """A closed order deleted from Temporal is shown, listed and recognised by id and by key.

    It cannot be cancelled.
    """
    requests = {
        "gone": (order(order_id="gone", quantity=4), {}),
        "by key": (order(quantity=5), {"Idempotency_Key": "gone"}),
    }
    before = {
        name: stack.place(body, Prefer="wait=20", **headers).json()
        for name, (body, headers) in requests.items()
    }
    money = balance(stack)
    for name, (body, headers) in requests.items():
        order_id = before[name]["order_id"]
        delete_run(stack, order_id)
        again = stack.place(body, **headers)
        assert (again.status_code, as_recorded(again.json())) == (200, as_recorded(before[name]))
        assert [entry["name"] for entry in again.json()["timeline"]] == [
            "PENDING",
            "PAYMENT_COMPLETED",
            "COMPLETED",
        ]
        assert stack.http.get(f"/orders/{order_id}").json() == again.json()
        other = stack.place(body | {"currency": "EUR"}, **headers)
        assert (other.status_code, other.json()["type"]) == (422, "urn:problem:order-id-reused")
        late = stack.http.post(
            f"/orders/{order_id}/cancel", json={"by": "ann", "reason": "too late"}
        )
        assert late.status_code == 409
        assert late.json()["detail"].endswith("the order is COMPLETED")
        orders = stack.http.get("/orders", params={"status": "CONFIRMED", "limit": 100}).json()[
            "orders"
        ]
        [listed_order] = [as_recorded(order) for order in orders if order["order_id"] == order_id]
        lines = again.json()["lines"]
        assert listed_order | {"lines": lines} == as_recorded(again.json()) | {
            "line_count": len(lines)
        }
    assert balance(stack) == money


def test_when_run_and_record_are_gone_nothing_is_charged_twice(stack: Stack) -> None:
    """An order without run or record starts anew; the participants' fences know its commands."""
    body = order(order_id="forgotten", quantity=6)
    stack.place(body, Prefer="wait=20")
    money = balance(stack)
    delete_run(stack, "forgotten")
    lose_records(stack)
    assert stack.http.get("/orders/forgotten").status_code == 404
    again = stack.place(body, Prefer="wait=20").json()
    assert (again["state"], balance(stack)) == ("COMPLETED", money)


class Forgets(Interceptor):
    """Deletes runs in the instant in which they are looked at."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # temporalio's name
        """Stand before the client's calls."""

        class Outbound(OutboundInterceptor):
            async def describe_workflow(
                self,
                input: DescribeWorkflowInput,  # noqa: A002  # likewise
            ) -> WorkflowExecutionDescription:
                raise RPCError(f"{input.id} is gone", RPCStatusCode.NOT_FOUND, b"")

        return Outbound(next)


async def test_a_run_that_goes_while_it_is_looked_at_is_no_other_order(
    stack: Stack, tmp_path: Path
) -> None:
    """A caller who repeats an order in the instant of its deletion is told to ask again.

    The answer is not that it is another order.
    """
    body = order(order_id="going")
    stack.place(body, Prefer="wait=20")
    client = await Client.connect(
        stack.env["TEMPORAL_ADDRESS"],
        interceptors=[Forgets()],
        data_converter=pydantic_data_converter,
    )
    engine = open_database(f"sqlite:///{tmp_path}/order.db")
    with pytest.raises(Away):
        await Placement(OrderService.open(engine), Runs(client)).start(
            "going", PlaceOrder.model_validate(body), None
        )
    engine.dispose()
