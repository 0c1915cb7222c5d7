"""Acts of people on orders, over HTTP and by command line, with real participants away."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from contracts.ids import id_again
from contracts.steps import ROLES
from tests.stack import Stack, order, until

pytestmark = pytest.mark.long

LARGE = 100_000
ANN = {"by": "ann", "reason": "looks fine"}
OTTO = {"by": "otto", "reason": "paid by hand", "evidence": "transfer 4711"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system in which large orders are reviewed, and what fails is stuck soon."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= {
        "REVIEW_THRESHOLD_MINOR": str(LARGE),
        "STUCK_AFTER_SECONDS": "2",
        "STUCK_ATTEMPTS": "2",
        "COMPENSATION_PAUSE_SECONDS": "3600",
    }
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6, "scarce": 1})
        system.start_all(*ROLES)
        yield system
    finally:
        system.stop()


def in_state(stack: Stack, order_id: str, state: str) -> dict[str, Any]:
    """Wait until an order shows a state, and return it."""

    def view() -> dict[str, Any] | None:
        order_view: dict[str, Any] = stack.http.get(f"/orders/{order_id}").json()
        return order_view if order_view["state"] == state else None

    order_in_state = until(view, f"order {order_id} is {state}")
    assert order_in_state is not None
    return order_in_state


def say(stack: Stack, path: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Post an act; return the status and the body."""
    answer = stack.http.post(path, json=body)
    return answer.status_code, answer.json()


def log_of(stack: Stack, order_id: str) -> list[tuple[str, str, str, str]]:
    """Return what the log of operations has of an order, the newest first."""
    entries = stack.http.get(f"/operations?order_id={order_id}").json()["operations"]
    return [(entry["act"], entry["by"], entry["outcome"], entry["door"]) for entry in entries]


def place_stuck_order(stack: Stack, order_id: str) -> dict[str, Any]:
    """Place an order that is paid and then out of stock, and return it with its refund stuck.

    The payment service goes away meanwhile.
    """
    with stack.hold_database("stock"):
        stack.place(order(sku="scarce", quantity=2, order_id=order_id))
        until(lambda: stack.at_work(order_id, "DecreaseStock"), "the stock service is at work")
        stack.kill("payment")
    return in_state(stack, order_id, "ROLLBACK_STUCK")


def test_a_large_order_waits_until_it_is_approved(stack: Stack) -> None:
    """It is not paid before, can be approved again without harm, and completes."""
    stack.place(order(price=LARGE, order_id="large"))
    assert in_state(stack, "large", "AWAITING_REVIEW")["needs_attention"] is False
    before = stack.http.get("/customers/rich/wallet").json()["balance_minor"]
    assert say(stack, "/orders/large/approve", ANN)[0] == 202
    assert stack.closed_order("large")["state"] == "COMPLETED"
    assert stack.http.get("/customers/rich/wallet").json()["balance_minor"] == before - LARGE
    assert say(stack, "/orders/large/approve", ANN)[0] == 202, "the same word again is the same act"
    assert say(stack, "/orders/large/approve", ANN | {"by": "bob"})[0] == 409
    assert say(stack, "/orders/nobody/approve", ANN)[0] == 404


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("by", "\u200b", "by: must not hold U+200B, which acts or hides without being seen"),
        ("by", "otto\nroot", "by: must be one line, without tabs"),
        (
            "reason",
            "\x1b[2Jall is well",
            "reason: must not hold U+001B, which acts or hides without being seen",
        ),
        (
            "evidence",
            "\u202e1174",
            "evidence: must not hold U+202E, which acts or hides without being seen",
        ),
        ("evidence", "\u0301", "evidence: must have a visible sign"),
    ],
)
def test_a_word_that_nobody_sees_is_refused(stack: Stack, field: str, text: str, why: str) -> None:
    """Whatever the order: a record that names such a person would name nobody."""
    status, problem = say(stack, "/orders/any/steps/ProcessPayment/settle", OTTO | {field: text})
    assert (status, problem["detail"]) == (422, why)


def test_a_word_of_several_lines_stays_one_line_of_a_log(stack: Stack) -> None:
    """A reason may have lines; no line of it stands in a log as if it were ours."""
    by = "fine\nready: payment"
    stack.place(order(price=LARGE, order_id="forged"))
    in_state(stack, "forged", "AWAITING_REVIEW")
    with stack.hold_database("payment"):
        assert say(stack, "/orders/forged/approve", ANN | {"reason": by})[0] == 202
        until(lambda: stack.at_work("forged", "ProcessPayment"), "it goes on")
        status, problem = say(stack, "/orders/forged/approve", ANN | {"by": "bob"})
        assert status == 409
        assert problem["detail"] == r"ann decided already: approve, fine\nready: payment"
        words = json.dumps(ANN | {"by": "bob"})
        stack.temporal(
            "workflow",
            "signal",
            "--name",
            "approve",
            "--workflow-id",
            "order-forged",
            "--input",
            words,
        )
        until(
            lambda: "ignored the signal approve" in stack.log_text("orchestrator"),
            "the signal is ignored",
        )
    assert "\nready: payment" not in stack.log_text("orchestrator")
    assert stack.closed_order("forged")["state"] == "COMPLETED"


def test_a_large_order_is_rejected_by_a_signal(stack: Stack) -> None:
    """The command line serves as well, and the failure names who said no."""
    stack.place(order(price=LARGE, order_id="rejected"))
    in_state(stack, "rejected", "AWAITING_REVIEW")
    words = json.dumps({"by": "rita", "reason": "fraud"})
    stack.temporal(
        "workflow",
        "signal",
        "--name",
        "reject",
        "--workflow-id",
        "order-rejected",
        "--input",
        words,
    )
    failure = stack.closed_order("rejected")["failure"]
    assert (failure["reason"], failure["message"]) == ("REJECTED", "rejected by rita: fraud")
    assert log_of(stack, "rejected") == [("reject", "rita", "DONE", "temporal")]


def test_a_small_order_awaits_no_review(stack: Stack) -> None:
    """Approving it is a conflict that says why."""
    with stack.hold_database("payment"):
        stack.place(order(order_id="small"))
        until(lambda: stack.at_work("small", "ProcessPayment"), "the payment is under way")
        status, problem = say(stack, "/orders/small/approve", ANN)
    assert (status, problem["detail"]) == (
        409,
        "the order is not awaiting review, it is PENDING",
    )
    assert stack.closed_order("small")["state"] == "COMPLETED"


def test_a_stuck_refund_is_seen_and_tried_when_somebody_says_so(stack: Stack) -> None:
    """A participant that is down makes no attempts.

    When it is back, an operator need not wait for the next one.
    """
    view = place_stuck_order(stack, "stuck")
    assert view["needs_attention"] is True
    assert [(c["step"], c["state"]) for c in view["compensations"]] == [
        ("ProcessPayment", "STUCK"),
        ("RegisterOrder", "WAITING"),
    ]
    assert say(stack, "/orders/stuck/steps/DecreaseStock/retry", ANN)[0] == 409
    assert say(stack, "/orders/stuck/steps/No such step!/retry", ANN)[0] == 422
    stack.start_worker("payment")
    stack.ready("payment")
    assert say(stack, "/orders/stuck/steps/ProcessPayment/retry", ANN)[0] == 202
    closed_order = stack.closed_order("stuck")
    assert (closed_order["state"], closed_order["needs_attention"]) == ("FAILED", False)
    assert [c["state"] for c in closed_order["compensations"]] == ["DONE", "DONE"]
    assert stack.http.get("/orders/stuck").json()["failure"]["reason"] == "OUT_OF_STOCK"


def test_a_stuck_refund_is_settled_and_the_record_names_who_did_it(stack: Stack) -> None:
    """Also when Temporal has forgotten the run; the returning service makes no second refund."""
    place_stuck_order(stack, "settled")
    assert say(stack, "/orders/settled/steps/ProcessPayment/settle", ANN)[0] == 422
    before = stack.http.get("/orders/settled").json()
    assert [act["act"] for act in before["acts"] if act["refusal"] is None] == ["retry", "settle"]
    status, view = say(stack, "/orders/settled/steps/ProcessPayment/settle", OTTO)
    assert (status, view["compensations"][0]["state"]) == (202, "SETTLED")
    closed_order = stack.closed_order("settled")
    assert {name: closed_order["compensations"][0]["settled"][name] for name in OTTO} == OTTO
    assert (
        say(stack, "/orders/settled/steps/ProcessPayment/settle", OTTO | {"by": "olga"})[0] == 409
    )
    stack.start_worker("payment")
    stack.ready("payment")
    before = stack.http.get("/customers/rich/wallet").json()
    stack.place(order(order_id="next", price=0))
    stack.closed_order("next")
    assert stack.http.get("/customers/rich/wallet").json() == before


def test_a_settled_confirm_waits_for_the_order_service_and_its_record_names_who_did_it(
    stack: Stack,
) -> None:
    """The act is accepted while the service is away, and recorded when it is back.

    Lists, the audit and the order after retention then show it.
    """
    with stack.hold_database("stock"):
        stack.place(order(order_id="confirmed"))
        until(lambda: stack.at_work("confirmed", "DecreaseStock"), "the stock service is at work")
        stack.kill("order")

    def view_in_need() -> dict[str, Any] | None:
        order_view: dict[str, Any] = stack.http.get("/orders/confirmed").json()
        return order_view if order_view["needs_attention"] else None

    view = until(view_in_need, "the Confirm is stuck")
    assert view is not None
    assert [(c["step"], c["state"]) for c in view["compensations"]] == [("ConfirmOrder", "STUCK")]
    status, view = say(stack, "/orders/confirmed/steps/ConfirmOrder/settle", OTTO)
    assert (status, view["state"], view["status"], view["needs_attention"]) == (
        202,
        "COMPLETED",
        "PENDING",
        False,
    )
    again = until(view_in_need, "nobody has written it down")
    assert again is not None
    assert [(c["state"], c["settled"]["by"]) for c in again["compensations"]] == [("STUCK", "otto")]
    status, problem = say(
        stack, "/orders/confirmed/steps/ConfirmOrder/settle", OTTO | {"by": "olga"}
    )
    assert (status, problem["detail"].partition(":")[0]) == (
        409,
        "otto settled ConfirmOrder already",
    )
    stack.start_worker("order")
    stack.ready("order")
    assert say(stack, "/orders/confirmed/steps/ConfirmOrder/retry", ANN)[0] == 202
    closed_order = stack.closed_order("confirmed")
    assert (closed_order["state"], closed_order["status"], closed_order["needs_attention"]) == (
        "COMPLETED",
        "CONFIRMED",
        False,
    )
    assert "order confirmed was closed: otto settled ConfirmOrderCommand" in " ".join(
        stack.audit()[1].split()
    )
    stack.temporal("workflow", "delete", "--yes", "--workflow-id", "order-confirmed")

    def view_of_record() -> dict[str, Any] | None:
        order_view: dict[str, Any] = stack.http.get("/orders/confirmed").json()
        kinds = {entry["kind"] for entry in order_view["timeline"]}
        return order_view if kinds == {"state", "decision"} else None

    record = until(view_of_record, "Temporal has forgotten it")
    assert record is not None
    assert decisions(record) == decisions(closed_order)
    assert [(name, detail["by"]) for name, detail in decisions(record)] == [
        ("settle_step", "otto"),
        ("retry_step", "ann"),
    ]
    assert {name: record["compensations"][0]["settled"][name] for name in OTTO} == OTTO


def decisions(view: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what people decided about an order, as its timeline tells it."""
    return [
        (entry["name"], entry["detail"])
        for entry in view["timeline"]
        if entry["kind"] == "decision"
    ]


AGAIN = {"by": "otto", "reason": "the shelf was counted wrongly"}


def test_a_failed_order_is_placed_again_once(stack: Stack) -> None:
    """Whoever says it, at once or later, and through a kill -9 of the API before it is on record.

    The new order is linked with the failed one, and can be placed again itself. The log has all.
    """
    stack.place(order(sku="scarce", quantity=2, order_id="short"))
    assert stack.closed_order("short")["state"] == "FAILED"
    new_id = id_again("short")
    path = "/orders/short/place-again"
    with ThreadPoolExecutor(4) as callers:
        with stack.hold_database("order"):
            first = callers.submit(say, stack, path, ANN)
            until(
                lambda: "order-" + new_id in stack.temporal("workflow", "list"),
                "its saga is started",
            )
            stack.kill("api")
            first.exception()  # answered or not: the new order is not on record yet
        stack.start("api", "api.py")
        until(lambda: stack.status("/readyz") == 200, "the API is back")
        answers = list(callers.map(lambda _: say(stack, path, AGAIN), range(4)))
    assert {(status, view["order_id"]) for status, view in answers} == {(202, new_id)}
    second = stack.closed_order(new_id)
    assert (second["state"], second["again_of"], second["total_minor"]) == (
        *("FAILED", "short"),
        stack.http.get("/orders/short").json()["total_minor"],
    )
    stack.http.post(
        "/stock/scarce/movements",
        json={"change": 10, "reason": "found"},
        headers={"Idempotency-Key": "found"},
    )
    status, third = say(stack, f"/orders/{new_id}/place-again", AGAIN)
    assert (status, third["order_id"]) == (202, id_again(new_id))
    assert stack.closed_order(third["order_id"])["state"] == "COMPLETED"
    assert say(stack, path, AGAIN)[1]["order_id"] == new_id, "and no fourth"
    links = [
        (view["again_of"], view["again_as"])
        for view in (stack.http.get(f"/orders/{name}").json() for name in ("short", new_id))
    ]
    assert links == [(None, new_id), ("short", third["order_id"])]
    status, problem = say(stack, f"/orders/{third['order_id']}/place-again", AGAIN)
    assert (status, problem["detail"]) == (
        409,
        "only an order that failed is placed again: this one is COMPLETED",
    )
    assert [entry[2] for entry in log_of(stack, third["order_id"])] == ["REFUSED"]
    assert {("place-again", "otto", "DONE", "http")} == set(log_of(stack, "short"))
    movements = stack.http.get("/operations?act=move-stock").json()["operations"]
    assert [entry["about"] for entry in movements] == ["+10 of scarce"]


def test_what_has_not_failed_is_not_placed_again(stack: Stack) -> None:
    """It says why: it is open, nobody knows what its saga left behind, or there is none."""
    stack.place(order(price=LARGE, order_id="open"))
    in_state(stack, "open", "AWAITING_REVIEW")
    answers = [say(stack, f"/orders/{name}/place-again", AGAIN) for name in ("open", "nobody")]
    stack.temporal("workflow", "terminate", "--workflow-id", "order-open", "--reason", "by mistake")
    answers.append(say(stack, "/orders/open/place-again", AGAIN))
    left_open = (
        "only an order that failed is placed again: the saga of this one was ended from outside, "
        "and it is not known what it took back"
    )
    assert [(status, problem["detail"]) for status, problem in answers] == [
        (409, "only an order that failed is placed again: this one is AWAITING_REVIEW"),
        (404, "there is no order nobody"),
        (409, left_open),
    ]
