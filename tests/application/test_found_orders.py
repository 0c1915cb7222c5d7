"""A list, an export and a batch operation find the same orders; Temporal's answers are made up."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from time import monotonic
from typing import cast

import pytest
import sqlalchemy as sa

from application.attention import left_open, need_of_stuck, need_of_wedged
from application.errors import NotPossible
from application.needs import Need, Needs, count_causes
from application.order_export import ExportQuery, OrderExport, as_json
from application.order_list import OrderLists
from application.order_query import ListQuery, OrderSelection
from application.run import Run
from application.visibility import SagaRuns, Visibility
from application.watch import Watch
from contracts.states import CLOSED, SagaState
from contracts.views import Attention, AttentionCause, Links
from participants.order import reads
from participants.order.service import OrderService
from tests.commands import ORDER, START, cancel, confirm, register

MOST = 1_000
CAUSES = (None, *AttentionCause)


@dataclass
class Server:
    """What Temporal knows: the last runs of orders' sagas, and which orders need a person."""

    by_order: dict[str, Run] = field(default_factory=dict)
    needs_by_order: dict[str, Need] = field(default_factory=dict)
    complete: bool = True
    questions: list[str] = field(default_factory=list)

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
    return OrderLists(
        cast(Visibility, server), cast(Watch, server), orders, lambda _order_id: links
    )


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
    export = await OrderExport.begin(query, lists.reader())
    document = json.loads(b"".join([piece async for piece in as_json(export)]))
    exported_ids = [order["order_id"] for order in document["orders"]]
    assert exported_ids == [f"a{number}" for number in reversed(range(250))]
    assert sum("SagaState" in which for which in server.questions) == 1
    assert len(server.questions) == 4
