"""One act on many orders, over HTTP, and what is left of it when its worker is killed."""

import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.stack import Stack, order, until

pytestmark = pytest.mark.long

LARGE = 100_000
MANY = 16
REVIEWS = {"state": "AWAITING_REVIEW"}
ANN = {"by": "ann", "reason": "all are in order"}
APPROVE: dict[str, Any] = {"act": "approve", "filter": REVIEWS, **ANN}
PATH = "/batch-operations"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system with many orders that wait for a person; one at a time is acted on."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= {"REVIEW_THRESHOLD_MINOR": str(LARGE), "BATCH_CONCURRENCY": "1"}
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_all()
        for number in range(MANY):
            system.place(order(price=LARGE, order_id=f"o{number}"))
        until(lambda: preview(system, APPROVE).json()["count"] == MANY, "all wait for a person")
        yield system
    finally:
        system.stop()


def preview(stack: Stack, content: dict[str, Any]) -> httpx.Response:
    body = {name: content.get(name) for name in ("act", "step", "filter")}
    return stack.http.post(f"{PATH}/preview", json=body)


def start(stack: Stack, content: dict[str, Any], key: str, count: int = MANY) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    return stack.http.post(PATH, json={**content, "count": count}, headers=headers)


def over(stack: Stack, path: str) -> dict[str, Any]:
    """Wait until a batch operation is over, and return it."""

    def view() -> dict[str, Any] | None:
        batch: dict[str, Any] = stack.http.get(path).json()
        return batch if batch["ended_at"] else None

    batch = until(view, f"{path} is over", 60)
    assert batch is not None
    return batch


def results(stack: Stack, path: str) -> Iterator[dict[str, Any]]:
    """Yield all results of a batch operation, page by page."""
    following = f"{path}/results?limit=6"
    while following:
        page = stack.http.get(following).json()
        yield from page["results"]
        following = page["next"]


def test_what_is_not_seen_or_not_said_is_not_begun(stack: Stack) -> None:
    """The count must have been seen; a filter and the fields of the act are needed."""
    view = preview(stack, APPROVE).json()
    assert (view["count"], len(view["sample"]), view["filter"]) == (MANY, 10, REVIEWS)
    assert {order["state"] for order in view["sample"]} == {"AWAITING_REVIEW"}
    refusal = start(stack, APPROVE, "grown", 3)
    assert (refusal.status_code, refusal.json()["type"]) == (409, "urn:problem:selection-grew")
    wrongs: list[dict[str, Any]] = [{"filter": {}}, {"step": "RegisterOrder"}, {"reason": ""}]
    misspelt_step = {"act": "retry", "step": "Processpayment"}
    wrongs += [{"batch_id": "preview"}, misspelt_step]
    assert preview(stack, APPROVE | misspelt_step).status_code == 422
    retry = APPROVE | {"act": "retry", "step": "ProcessPayment"}
    assert preview(stack, retry).json()["count"] == 0
    assert start(stack, retry, "not stuck").status_code == 409
    assert stack.http.request("OPTIONS", f"{PATH}/preview").headers["allow"] == "POST"
    for wrong in wrongs:
        assert start(stack, APPROVE | wrong, "wrong").status_code == 422
    nobody = APPROVE | {"filter": {"customer_id": "nobody"}}
    assert preview(stack, nobody).json()["filter"] == nobody["filter"] | REVIEWS
    assert start(stack, nobody, "nobody", 1).status_code == 409
    assert stack.http.get(PATH).json()["batches"] == []


def test_each_order_has_its_own_result_in_words(stack: Stack) -> None:
    """What has not failed is not placed again, at any of the orders."""
    answer = start(stack, APPROVE | {"act": "place-again"}, "place-again")
    assert answer.status_code == 202
    batch = over(stack, answer.headers["location"])
    assert (batch["state"], batch["total"], batch["counts"]["REFUSED"]) == ("COMPLETED", MANY, MANY)
    some = list(results(stack, batch["links"]["self"]))
    assert {one["order_id"] for one in some} == {f"o{number}" for number in range(MANY)}
    assert {one["message"] for one in some} == {
        "only an order that failed is placed again: this one is AWAITING_REVIEW"
    }


def test_a_repeat_is_the_same_one_and_stop_ends_it(stack: Stack) -> None:
    """With every worker hanging it is taken all the same, once, and stopped before it acts.

    The log names who started it once, however many say it at once, and who was refused.
    """
    workers = stack.processes["workers"]
    stack.suspend("workers")
    cancel: dict[str, Any] = APPROVE | {"act": "cancel"}
    with ThreadPoolExecutor(8) as callers:
        starts = list(callers.map(lambda _: start(stack, cancel, "again"), range(8)))
    again = start(stack, cancel, "again")
    assert {answer.status_code for answer in (*starts, again)} == {202}
    path = again.headers["location"]
    assert {answer.headers["location"] for answer in starts} == {path}
    assert again.json()["counts"]["WAITING"] == MANY
    other = start(stack, cancel | {"reason": "another"}, "again")
    assert (other.status_code, other.json()["type"]) == (422, "urn:problem:batch-id-reused")
    log = stack.http.get("/operations", params={"batch_id": again.json()["batch_id"]}).json()
    entries = [(entry["act"], entry["outcome"]) for entry in log["operations"]]
    assert [entry for entry in entries if entry[0] == "start-batch"] == [
        ("start-batch", "REFUSED"),
        ("start-batch", "DONE"),
    ]
    stopping = stack.http.post(f"{path}/stop", json={"by": "otto", "reason": "not these"})
    assert (stopping.status_code, stopping.json()["state"]) == (202, "STOPPING")
    workers.send_signal(signal.SIGCONT)
    batch = over(stack, path)
    assert (batch["state"], batch["stop"]["by"]) == ("STOPPED", "otto")
    assert batch["counts"]["SKIPPED"] == MANY
    assert preview(stack, APPROVE).json()["count"] == MANY


def test_killed_in_the_middle_it_goes_on_and_does_nothing_twice(stack: Stack) -> None:
    """Each order was approved by one word, and is completed."""
    path = start(stack, APPROVE, "approve").headers["location"]
    until(lambda: stack.http.get(path).json()["counts"]["DONE"], "some are done")
    stack.kill("workers")
    left = stack.http.get(path).json()["counts"]["WAITING"]
    assert 0 < left < MANY
    stack.start_worker()
    stack.ready("workers")
    batch = over(stack, path)
    assert (batch["state"], batch["counts"]["DONE"]) == ("COMPLETED", MANY)
    latest = stack.http.get(f"{PATH}?limit=2").json()
    others = stack.http.get(latest["next"]).json()
    acts_done = [one["act"] for one in (*latest["batches"], *others["batches"])]
    assert (acts_done, others["next"]) == (["approve", "cancel", "place-again"], None)
    assert stack.http.get(f"{PATH}?before=none").status_code == 404
    log = stack.http.get(f"/operations?batch_id={batch['batch_id']}&limit=100").json()["operations"]
    acts = sorted((entry["act"], entry["outcome"], entry["order_id"] or "") for entry in log)
    order_ids = sorted(f"o{number}" for number in range(MANY))
    approvals = [("approve", "DONE", order_id) for order_id in order_ids]
    assert acts == [*approvals, ("start-batch", "DONE", "")]
    spans: list[tuple[str, str]] = []
    for order_id in order_ids:
        view = stack.closed_order(order_id)
        assert view["state"] == "COMPLETED"
        decisions = [entry for entry in view["timeline"] if entry["kind"] == "decision"]
        assert [entry["name"] for entry in decisions] == ["approve"]
        spans.append((decisions[0]["at"], view["closed_at"]))
    # The next order's turn is when the last has closed, but for the one under way at the kill.
    overlaps = [(end, begin) for (_, end), (begin, _) in pairwise(sorted(spans)) if begin < end]
    assert len(overlaps) <= 1


def test_what_was_done_and_not_written_down_is_found_to_be_done(stack: Stack) -> None:
    """A worker died before it wrote down the results; by now the orders are closed."""
    path = stack.http.get(PATH).json()["batches"][0]["links"]["self"]
    with closing(sqlite3.connect(stack.data_dir / "order.db")) as database, database:
        database.execute(
            "UPDATE batches SET state = 'RUNNING', ended_at = NULL WHERE act = 'approve'"
        )
        database.execute("UPDATE batch_orders SET outcome = 'WAITING' WHERE outcome = 'DONE'")
    assert start(stack, APPROVE, "approve").headers["location"] == path
    assert over(stack, path)["counts"]["DONE"] == MANY


def test_to_terminate_its_workflow_is_to_stop_it(stack: Stack) -> None:
    """Soon after its start; what had its turn is seen through, and the log has the stop."""
    for number in range(MANY):
        stack.place(order(price=LARGE, order_id=f"t{number}"))
    until(lambda: preview(stack, APPROVE).json()["count"] == MANY, "all wait for a person")
    with stack.hold_database("payment"):  # so that each turn lasts
        batch = start(stack, APPROVE, "terminated").json()
        log = f"/operations?batch_id={batch['batch_id']}"
        until(lambda: "TRIED" in stack.http.get(log).text, "it acts on the first orders")
        stack.temporal("workflow", "terminate", "--workflow-id", f"batch-{batch['batch_id']}")
        batch = over(stack, batch["links"]["self"])
    assert (batch["state"], batch["stop"]["by"]) == ("STOPPED", "temporal")
    counts = batch["counts"]
    assert counts["SKIPPED"] >= MANY / 2, "one at a time, each for 3 s"
    assert counts["SKIPPED"] + counts["DONE"] + counts["NOT_REACHED"] == MANY, counts
    [stop] = stack.http.get(f"{log}&act=stop-batch").json()["operations"]
    assert (stop["outcome"], stop["by"], stop["door"]) == ("DONE", "temporal", "temporal")
