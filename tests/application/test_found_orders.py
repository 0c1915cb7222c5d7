"""A list, an export and a batch operation find the same orders; Temporal's answers are made up."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from temporalio.client import Client

from application.attention import left_open, need_of_stuck, need_of_wedged
from application.batch_queries import BatchesQuery
from application.batch_selection import BatchSelection
from application.batches import BatchOperations
from application.caller import Caller
from application.errors import NotFound, NotPossible
from application.links import OrderLinks
from application.needs import Need, Needs, count_causes
from application.operations_log import OperationsLog, OperationsQuery
from application.order_export import ExportQuery, OrderExport, as_json
from application.order_list import OrderLists
from application.order_query import ListQuery, OrderSelection
from application.run import Run
from application.visibility import SagaRuns
from application.watch import Watch
from contracts.batches import Batch, BatchPreview
from contracts.decisions import Decision
from contracts.states import CLOSED, SagaState
from contracts.views import Attention, AttentionCause, Links
from participants.order import reads
from participants.order.operations import Operations
from participants.order.service import OrderService
from temporal_saga.call_state import Progress
from temporal_saga.failure import Failure
from temporal_saga.memo import RetriableState, SagaMemo
from tests.commands import ORDER, OUT_OF_STOCK, START, cancel, confirm, register

MOST = 1_000
CAUSES = (None, *AttentionCause)


@dataclass
class Server:
    """What Temporal knows: the last runs of orders' sagas, and which orders need a person.

    It stands for the watch and for its visibility.
    """

    by_order: dict[str, Run] = field(default_factory=dict)
    needs_by_order: dict[str, Need] = field(default_factory=dict)
    complete: bool = True
    questions: list[str] = field(default_factory=list)

    @property
    def visibility(self) -> "Server":
        """What is asked for runs."""
        return self

    async def runs(self, which: str, _limit: timedelta) -> SagaRuns:
        """Return the runs in a state, or those of some orders, of those that run."""
        self.questions.append(which)
        states = re.findall(r'SagaState = "(\w+)"', which)
        runs = {
            order_id: run
            for order_id, run in self.by_order.items()
            if run.closed_at is None and (run.state in states or f'"order-{order_id}"' in which)
        }
        return SagaRuns(runs, complete=self.complete)

    async def needs(self) -> Needs:
        """Return all needs."""
        needs: Mapping[str, Need] = self.needs_by_order
        return Needs(needs, count_causes(needs), datetime.now(UTC), monotonic(), self.complete)


@pytest.fixture
def orders(tmp_path: Path, open_engine: Callable[[str], sa.Engine]) -> OrderService:
    """Give the records of no orders."""
    return OrderService.open(open_engine(f"sqlite:///{tmp_path}/order.db"))


@pytest.fixture
def server() -> Server:
    """Give a Temporal that knows nothing."""
    return Server()


@pytest.fixture
def lists(orders: OrderService, server: Server) -> OrderLists:
    """Give the lists of both."""
    links = Links(self="", events="", temporal=None)
    return OrderLists(cast(Watch, server), orders, lambda _order_id: links)


@pytest.fixture
def log(tmp_path: Path, open_engine: Callable[[str], sa.Engine]) -> OperationsLog:
    """Give the log of operations on them."""
    return OperationsLog(Operations(open_engine(f"sqlite:///{tmp_path}/order.db")))


@pytest.fixture
def batches(orders: OrderService, lists: OrderLists, log: OperationsLog) -> BatchOperations:
    """Give the batch operations on them; a preview asks Temporal by the lists alone."""
    client = cast(Client, SimpleNamespace())
    return BatchOperations(client, orders.batches, lists, OrderLinks("", "default"), log)


async def preview(
    batches: BatchOperations, act: str, filters: dict[str, Any], step: str | None = None
) -> BatchPreview:
    """Return what an act would be done to."""
    content = {"act": act, "step": step, "filter": filters}
    return await batches.preview(BatchSelection.model_validate(content))


def add(
    orders: OrderService, server: Server, order_id: str, state: SagaState, cause: str | None = None
) -> None:
    """Register an order whose saga shows a state, and needs a person for a cause."""
    start = START + timedelta(minutes=len(server.by_order))
    orders.register(register(order_id, ORDER, start=start))
    run = Run(
        started_at=start,
        closed_at=start if cause == AttentionCause.LEFT_OPEN else None,
        attributes={
            "SagaState": state,
            "NeedsAttention": cause == AttentionCause.STUCK,
            "TemporalReportedProblems": ["broken"] if cause == AttentionCause.WEDGED else None,
        },
    )
    server.by_order[order_id] = run
    if cause == AttentionCause.STUCK:
        server.needs_by_order[order_id] = Need(need_of_stuck(order_id, run), run)
    elif cause == AttentionCause.WEDGED:
        wedged_run = replace(run, wedged_since=start)
        server.needs_by_order[order_id] = Need(need_of_wedged(order_id, start), wedged_run)
    elif cause == AttentionCause.LEFT_OPEN:
        server.needs_by_order[order_id] = Need(left_open(order_id, run), run)
    elif cause is not None:
        need = Attention(cause=AttentionCause(cause), since=start, message="it ends")
        server.needs_by_order[order_id] = Need(need, None)


def fill(orders: OrderService, server: Server) -> None:
    """Register an order for each state and cause that go together, and some others."""
    for state, cause in product(SagaState, CAUSES):
        is_review = state is SagaState.AWAITING_REVIEW
        if is_review or cause is not AttentionCause.REVIEW_EXPIRING:
            add(orders, server, f"{state}-{cause}".replace("_", "-").lower(), state, cause)
    orders.register(register("forgotten", ORDER, start=START))
    attention = left_open("forgotten", None)
    server.needs_by_order["forgotten"] = Need(attention, None)
    for order_id in ("confirmed", "cancelled"):
        orders.register(register(order_id, ORDER, start=START - timedelta(hours=len(order_id))))
    orders.confirm(confirm("confirmed"))
    orders.cancel(cancel("cancelled"))


async def test_a_batch_operation_finds_what_the_list_shows(
    orders: OrderService, server: Server, lists: OrderLists
) -> None:
    """With each filter by how orders stand, whatever they need a person for."""
    fill(orders, server)
    counts: dict[tuple[SagaState | None, bool | None], int] = {}
    for state, is_needed in product((None, *SagaState), (None, True, False)):
        fields = {"state": state, "needs_attention": is_needed}
        page = await lists.page(ListQuery.model_validate({**fields, "limit": 100}))
        entries = await lists.select(OrderSelection.model_validate(fields), MOST)
        assert page.next is None
        shown_ids = [order.order_id for order in page.orders]
        assert [entry.order_id for entry in entries] == shown_ids, fields
        counts[state, is_needed] = len(entries)
    causes = len(AttentionCause)
    assert counts[SagaState.AWAITING_REVIEW, True] == causes
    assert counts[SagaState.PENDING, True] == causes  # one of them is forgotten
    assert counts[SagaState.ROLLING_BACK, True] == causes - 1
    for state in set(SagaState) - CLOSED:
        assert counts[state, None] == counts[state, True] + counts[state, False], state


async def test_orders_are_found_by_why_they_need_a_person(
    orders: OrderService, server: Server, lists: OrderLists
) -> None:
    """By a list and by a batch operation; in a state too, and who needs nobody has no cause."""
    fill(orders, server)
    for cause in AttentionCause:
        expected = {
            order_id
            for order_id, need in server.needs_by_order.items()
            if need.attention.cause is cause
        }
        assert expected
        page = await lists.page(ListQuery(cause=cause, limit=100))
        assert {order.order_id for order in page.orders} == expected
        assert {order.attention and order.attention.cause for order in page.orders} == {cause}
        entries = await lists.select(OrderSelection(cause=cause), MOST)
        assert {entry.order_id for entry in entries} == expected
        in_review = ListQuery(cause=cause, state=SagaState.AWAITING_REVIEW)
        shown_ids = {order.order_id for order in (await lists.page(in_review)).orders}
        assert shown_ids == {
            order_id for order_id in expected if order_id.startswith("awaiting-review")
        }
        assert not (await lists.page(ListQuery(cause=cause, needs_attention=False))).orders
    server.complete = False
    page = await lists.page(ListQuery(cause=AttentionCause.STUCK))
    assert "more orders need attention" in (page.warning or "")


@pytest.mark.parametrize(
    ("act", "filters"),
    [
        ("approve", {"currency": "GBP"}),
        ("retry", {"currency": "GBP"}),
        ("cancel", {"currency": "GBP"}),
        ("settle", {"state": "ROLLBACK_STUCK"}),
    ],
)
async def test_a_preview_shows_orders_as_the_list_does(
    orders: OrderService,
    server: Server,
    batches: BatchOperations,
    lists: OrderLists,
    act: str,
    filters: dict[str, str],
) -> None:
    """With their states by now, and why they need a person."""
    fill(orders, server)
    answer = await preview(batches, act, filters)
    page = await lists.page(ListQuery.model_validate({**answer.filter, "limit": 10}))
    but_links = {"links": {"self", "events", "temporal"}}
    assert [order.model_dump(exclude=but_links) for order in answer.sample] == [
        order.model_dump(exclude=but_links) for order in page.orders
    ]
    assert {order.state for order in answer.sample} != {SagaState.PENDING}


async def test_an_outage_is_made_good_and_not_what_somebody_wanted(
    orders: OrderService, batches: BatchOperations
) -> None:
    """Of all that failed since then, those count that nobody cancelled or rejected.

    What was placed again already is counted by its side.
    """
    for reason in ("STEP_UNAVAILABLE", "OUT_OF_STOCK", "CANCELLED", "REJECTED", "ODD"):
        failure = OUT_OF_STOCK.model_copy(update={"reason": reason})
        orders.cancel(cancel(reason, failure=failure))
    orders.register(register("new").model_copy(update={"again_of": "OUT_OF_STOCK"}))

    async def meant_by(**filters: Any) -> tuple[set[str], int, int]:
        answer = await preview(batches, "place-again", filters)
        return {order.order_id for order in answer.sample}, answer.count, answer.again_count

    for filters in ({"placed_from": START}, {"status": "CANCELLED"}, {"state": "FAILED"}):
        assert await meant_by(**filters) == ({"STEP_UNAVAILABLE", "ODD"}, 2, 1)
    assert await meant_by(reason="REJECTED") == ({"REJECTED"}, 1, 0)
    others = {"STEP_UNAVAILABLE", "CANCELLED", "REJECTED"}
    assert await meant_by(without_reasons=["OTHER"], currency="GBP") == (others, 3, 1)


async def test_a_step_is_asked_of_orders_that_are_stuck_there(
    orders: OrderService, server: Server, batches: BatchOperations
) -> None:
    """Others that failed there would refuse it, one after the other."""
    for order_id in ("ProcessPayment", "DecreaseStock"):
        add(orders, server, order_id, SagaState.ROLLBACK_STUCK, AttentionCause.STUCK)
        retriable = RetriableState(order_id, "any", Progress.STUCK, stuck_since=START)
        failure = Failure(step="DecreaseStock", event=None, reason="OUT_OF_STOCK", message="-")
        run = replace(
            server.by_order[order_id], memo=SagaMemo(failure=failure, retriables=(retriable,))
        )
        server.by_order[order_id] = run
        server.needs_by_order[order_id] = Need(need_of_stuck(order_id, run), run)
    add(orders, server, "wedged", SagaState.PENDING, AttentionCause.WEDGED)
    for filters in (
        {"currency": "GBP"},
        {"needs_attention": True},
        {"status": "PENDING"},
        {"state": "ROLLBACK_STUCK"},
        {"needs_attention": True, "step": "DecreaseStock"},
    ):
        assert (await preview(batches, "retry", filters)).count >= 2
        for step in ("ProcessPayment", "DecreaseStock"):
            answer = await preview(batches, "retry", filters, step)
            assert ([order.order_id for order in answer.sample], answer.count) == ([step], 1), (
                filters
            )
        assert (await preview(batches, "retry", filters, "ConfirmOrder")).count == 0
    server.complete = False
    with pytest.raises(NotPossible, match="more orders need attention"):
        await preview(batches, "retry", {"status": "PENDING"}, "DecreaseStock")


async def test_a_stop_that_changes_nothing_is_noted_as_refused(
    orders: OrderService, batches: BatchOperations, log: OperationsLog
) -> None:
    """Whoever says it is answered with the batch operation as it stands."""
    for batch_id in ("over", "stopped"):
        words = {"by": "ann", "reason": "in order", "filter": {}}
        batch = Batch.model_validate({"batch_id": batch_id, "act": "approve", **words})
        orders.batches.start(batch, ["o1"])
    orders.batches.end("over")
    for batch_id, by in (("over", "bob"), ("stopped", "bob"), ("stopped", "eve")):
        view = await batches.stop(batch_id, Decision(by=by, reason="enough"), Caller())
        assert view.state == ("COMPLETED" if batch_id == "over" else "STOPPING")
    entries = (await log.page(OperationsQuery())).operations
    assert [(entry.batch_id, entry.by, entry.outcome, entry.message) for entry in entries] == [
        ("stopped", "eve", "REFUSED", "bob stopped it already"),
        ("stopped", "bob", "DONE", None),
        ("over", "bob", "REFUSED", "it was over"),
    ]


async def test_batch_operations_are_listed_page_by_page(
    orders: OrderService, batches: BatchOperations
) -> None:
    """The newest first; behind one that there is not, there is no page."""
    for number in range(5):
        words = {"by": "ann", "reason": "in order", "filter": {}}
        batch = Batch.model_validate({"batch_id": f"b{number}", "act": "approve", **words})
        orders.batches.start(batch, ["o1"])
    first = await batches.page(BatchesQuery(limit=3), Caller())
    assert [batch.batch_id for batch in first.batches] == ["b4", "b3", "b2"]
    assert first.next == "/batch-operations?limit=3&before=b2"
    last = await batches.page(BatchesQuery(limit=3, before="b2"), Caller())
    assert ([batch.batch_id for batch in last.batches], last.next) == (["b1", "b0"], None)
    with pytest.raises(NotFound):
        await batches.page(BatchesQuery(before="none"), Caller())


async def test_what_cannot_all_be_found_is_not_taken_for_all(
    orders: OrderService, server: Server, lists: OrderLists
) -> None:
    """Lists say so; a batch operation is refused, which would take some for all."""
    add(orders, server, "a", SagaState.AWAITING_REVIEW, AttentionCause.WEDGED)
    server.complete = False
    for fields, why in (
        ({"state": "AWAITING_REVIEW"}, "more than 10,000 orders are AWAITING_REVIEW"),
        ({"needs_attention": True}, "more orders need attention"),
    ):
        page = await lists.page(ListQuery.model_validate(fields))
        assert [order.order_id for order in page.orders] == ["a"]
        assert why in (page.warning or "")
        with pytest.raises(NotPossible, match=why):
            await lists.select(OrderSelection.model_validate(fields), MOST)
    on_record = OrderSelection.model_validate({"status": "PENDING"})
    assert (await lists.page(ListQuery.model_validate({"status": "PENDING"}))).warning is None
    assert len(await lists.select(on_record, MOST)) == 1
    with pytest.raises(NotPossible):
        await lists.select(OrderSelection(needs_attention=False), MOST)


async def test_an_export_asks_once_which_orders_are_open(
    orders: OrderService,
    server: Server,
    lists: OrderLists,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many pages it has: the answer to that question holds thousands of runs."""
    monkeypatch.setattr(reads, "IDS_AT_ONCE", 90)
    for number in range(250):
        add(orders, server, f"a{number}", SagaState.AWAITING_REVIEW)
    query = ExportQuery.model_validate({"state": "AWAITING_REVIEW"})
    export = await OrderExport.begin(query, lists.pages(query, query.limit))
    document = json.loads(b"".join([piece async for piece in as_json(export)]))
    exported_ids = [order["order_id"] for order in document["orders"]]
    assert exported_ids == [f"a{number}" for number in reversed(range(250))]
    assert sum("SagaState" in which for which in server.questions) == 1
    assert len(server.questions) == 4
