"""Lists of open and closed orders in one, sorted and filtered; Temporal's answers are made up."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
import sqlalchemy as sa
from temporalio.client import Client

from application.attention import of_run
from application.batch_selection import BatchSelection
from application.batches import BatchOperations
from application.links import OrderLinks
from application.needs import Need, Needs, count_causes
from application.operations_log import OperationsLog
from application.order_list import OrderLists
from application.order_query import ListQuery, OrderSelection
from application.run import Run
from application.visibility import SagaRuns
from application.watch import Watch
from contracts.placing import OrderLine
from contracts.states import OrderStatus, SagaState
from contracts.views import Links
from participants.order.operations import Operations
from participants.order.service import OrderService
from temporal_saga.call_state import Progress
from temporal_saga.failure import Failure
from temporal_saga.memo import RetriableState, SagaMemo
from tests.commands import ORDER, START, cancel, confirm, register

LINKS = Links(self="", events="", temporal=None)
WORDS = "85123A: 8 asked, 3 left"


@dataclass
class Server:
    """What Temporal knows: the running sagas of orders. It is the watch, and its visibility."""

    by_order: dict[str, Run]

    @property
    def visibility(self) -> "Server":
        """What is asked for runs."""
        return self

    async def runs(self, which: str, _limit: timedelta) -> SagaRuns:
        """Return the runs in a state, or those of some orders."""
        states = re.findall(r'SagaState = "(\w+)"', which)
        runs = {
            order_id: run
            for order_id, run in self.by_order.items()
            if run.state in states or f'"order-{order_id}"' in which
        }
        return SagaRuns(runs, complete=True)

    async def needs(self) -> Needs:
        """Return the needs of those that are stuck."""
        needs = {
            order_id: Need(attention, run)
            for order_id, run in self.by_order.items()
            if (attention := of_run(order_id, run, is_left_open=False))
        }
        return Needs(needs, count_causes(needs), datetime.now(UTC), monotonic())


def run(state: SagaState, number: int, *, is_stuck: bool = False) -> Run:
    failure = Failure(step="DecreaseStock", event=None, reason="OUT_OF_STOCK", message=WORDS)
    fails = state in (SagaState.ROLLING_BACK, SagaState.ROLLBACK_STUCK)
    retriables = (
        (RetriableState("ProcessPayment", "RefundPayment", Progress.STUCK, stuck_since=START),)
        if is_stuck
        else ()
    )
    return Run(
        started_at=START + timedelta(hours=number),
        closed_at=None,
        attributes={"SagaState": state, "NeedsAttention": is_stuck, "CustomerId": "17850"},
        memo=SagaMemo(failure=failure if fails else None, retriables=retriables),
    )


@pytest.fixture
def lists(tmp_path: Path, open_engine: Callable[[str], sa.Engine]) -> OrderLists:
    """Give lists of orders in every state, of which one is not on record yet."""
    orders = OrderService.open(open_engine(f"sqlite:///{tmp_path}/order.db"))
    runs: dict[str, Run] = {}
    for number in range(40):
        line = OrderLine(sku=f"S{number % 3}", quantity=1, unit_price_minor=100 + number % 7)
        order = ORDER.model_copy(update={"lines": (line,)})
        order_id = f"{'bA'[number % 2]}{number}"
        orders.register(register(order_id, order, start=START + timedelta(hours=number)))
        if number % 4 == 0:
            orders.confirm(confirm(order_id))
        elif number % 4 == 1:
            orders.cancel(cancel(order_id, order))
        elif number % 4 == 2:
            runs[order_id] = run(SagaState.COMPLETED, number)
        else:
            is_stuck = number % 8 == 3
            state = SagaState.ROLLBACK_STUCK if is_stuck else SagaState.ROLLING_BACK
            runs[order_id] = run(state, number, is_stuck=is_stuck)
    runs["unheard"] = run(SagaState.ROLLBACK_STUCK, 50, is_stuck=True)
    server = Server(runs)
    return OrderLists(cast(Watch, server), orders, lambda _order_id: LINKS)


async def walk(lists: OrderLists, **query: Any) -> list[str]:
    """Return the whole list, page by page."""
    order_ids: list[str] = []
    while True:
        page = await lists.page(ListQuery.model_validate(query))
        order_ids += [order.order_id for order in page.orders]
        if page.next is None:
            return order_ids
        query["cursor"] = page.next.partition("cursor=")[2]


def numbers(order_ids: list[str]) -> list[int]:
    return [int(order_id[1:]) for order_id in order_ids]


async def test_open_and_closed_orders_are_one_list(lists: OrderLists) -> None:
    """In each sort, and in pages of each size, without gap or repetition."""
    complete_ones = [number for number in range(40) if number % 4 in (0, 2)]
    by_total = sorted(complete_ones, key=lambda n: (100 + n % 7, f"{'bA'[n % 2]}{n}"))
    for limit, (sort, expected) in product(
        (3, 100),
        {
            "placed_at": complete_ones,
            "-placed_at": complete_ones[::-1],
            "total_minor": by_total,
            "-total_minor": by_total[::-1],
            "closed_at": [number for number in complete_ones if number % 4 == 0],
        }.items(),
    ):
        query = {"state": "COMPLETED", "sort": sort, "limit": limit, "currency": "GBP"}
        assert numbers(await walk(lists, **query)) == expected, query


async def test_what_was_placed_again_is_left_out_where_that_is_asked_for(
    lists: OrderLists, tmp_path: Path, open_engine: Callable[[str], sa.Engine]
) -> None:
    """As placing again means the other failed ones."""
    engine = open_engine(f"sqlite:///{tmp_path}/order.db")
    orders = OrderService.open(engine)
    orders.register(register("new").model_copy(update={"again_of": "A5"}))
    failures = OrderSelection(status=OrderStatus.CANCELLED)
    every = [entry.order_id for entry in await lists.select(failures, 99)]
    assert len(every) == 10
    others = await lists.select(failures.model_copy(update={"placed_again": False}), 99)
    assert [entry.order_id for entry in others] == [name for name in every if name != "A5"]
    assert await walk(lists, placed_again=True) == ["A5"]
    assert "A5" not in await walk(lists, placed_again=False)
    assert await walk(lists, placed_again=True, needs_attention=True) == []
    client = cast(Client, None)  # a preview asks Temporal by the lists alone
    log = OperationsLog(Operations(engine))
    operations = BatchOperations(client, orders.batches, lists, OrderLinks("", "default"), log)
    selection = BatchSelection.model_validate({"act": "place-again", "filter": {"sku": "S2"}})
    preview = await operations.preview(selection)
    assert "A5" not in [order.order_id for order in preview.sample]
    assert preview.filter == {
        "sku": "S2",
        "status": "CANCELLED",
        "placed_again": False,
        "without_reasons": ["CANCELLED", "REJECTED"],
    }
    failures = OrderSelection(sku="S2", status=OrderStatus.CANCELLED)
    assert preview.count == len(await lists.select(failures, 99)) - 1


async def test_why_open_orders_fail_is_what_their_sagas_say(lists: OrderLists) -> None:
    """By the step that failed or is stuck, the reason and the words; those on record join."""
    rolling = [number for number in range(39, 0, -1) if number % 8 == 7]
    in_need = [number for number in range(39, 0, -1) if number % 8 == 3]
    failures = [number for number in range(39, 0, -1) if number % 4 == 1]
    for why in ({"step": "DecreaseStock"}, {"reason": "OUT_OF_STOCK"}, {"text": "8 ASKED"}):
        assert numbers(await walk(lists, state="ROLLING_BACK", **why)) == rolling
        assert numbers(await walk(lists, state="FAILED", **why)) == failures
        assert await walk(lists, state="COMPLETED", **why) == []
        [first, *others] = await walk(lists, needs_attention=True, limit=2, **why)
        assert first == "unheard"
        assert numbers(others) == in_need
    at_step = await walk(lists, needs_attention=True, step="ProcessPayment", sku="S0")
    assert numbers(at_step) == [number for number in in_need if number % 3 == 0]
    assert await walk(lists, state="ROLLING_BACK", step="ProcessPayment") == []
    assert await walk(lists, needs_attention=True, text="8_asked") == []


async def test_a_customer_finds_no_words_that_they_are_not_shown(lists: OrderLists) -> None:
    """A message is for operators: a customer's search tells nothing of it."""
    for state, text, is_listed in (
        *(("FAILED", "asked", False), ("ROLLING_BACK", "asked", False)),
        *(("FAILED", "of_stock", True), ("ROLLING_BACK", "of_stock", True)),
    ):
        query = ListQuery.model_validate({"state": state, "text": text})
        page = await lists.page(query, "17850")
        assert bool(page.orders) is is_listed
