"""Orders whose sagas were ended from outside: view, list, filter and figures say one thing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from application import watch as watching
from application.errors import Away
from application.needs import Needs
from application.order_list import OrderLists
from application.order_query import ListQuery
from application.order_view import view_of_run
from application.overview import Overviews
from application.run import Run
from application.runs import Runs
from application.task_queues import TaskQueues
from application.visibility import SagaRuns, Visibility
from application.watch import Watch
from contracts.states import SagaState
from participants.order.service import OrderService
from tests.application.order_runs import CLOSED_AT, LINKS, run
from tests.commands import ORDER, START, register


class Server:
    """A Temporal where no saga runs, and whose visibility does not tell how those ended."""

    def __init__(self, by_order: Mapping[str, Run]) -> None:
        self.by_order = by_order

    async def describe(self, order_id: str) -> Run | None:
        """Return the last run of an order's saga."""
        return self.by_order.get(order_id)

    async def runs(self, *_: Any) -> SagaRuns:
        """Find none."""
        return SagaRuns({}, complete=True)

    async def states(self, *_: Any, **__: Any) -> dict[str, SagaState | None]:
        """Find none."""
        return {}

    async def count(self, *_: Any) -> dict[str, int]:
        """Count none."""
        return {}

    async def read(self) -> None:
        """Tell nothing of queues."""


@pytest.fixture
def orders(tmp_path: Path, open_engine: Callable[[str], sa.Engine]) -> OrderService:
    """Give an order service of an empty database."""
    return OrderService.open(open_engine(f"sqlite:///{tmp_path}/order.db"))


def looks(orders: OrderService, by_order: Mapping[str, Run]) -> tuple[Watch, OrderLists, Overviews]:
    server = Server(by_order)
    for order_id in by_order:
        orders.register(register(order_id, ORDER, start=START))
    watch = Watch(cast(Runs, server), cast(Visibility, server), orders, timedelta())
    lists = OrderLists(watch, orders, lambda _order_id: LINKS)
    return watch, lists, Overviews(watch, orders, lists, cast(TaskQueues, server))


@pytest.mark.parametrize("state", [SagaState.COMPLETED, SagaState.FAILED, SagaState.ROLLING_BACK])
async def test_an_order_left_open_is_in_one_state(orders: OrderService, state: SagaState) -> None:
    """That which its saga showed last: also where visibility alone would not tell it."""
    ended_run = replace(run(state), closed_at=CLOSED_AT)
    _, lists, overviews = looks(orders, {"7": ended_run})
    view = view_of_run("7", ended_run, LINKS, is_open=True)
    [listed_order] = (await lists.page(ListQuery())).orders
    assert (listed_order.state, listed_order.attention) == (view.state, view.attention)
    for other in SagaState:
        page = await lists.page(ListQuery(state=other))
        assert [order.order_id for order in page.orders] == ["7"] * (other is state), other
    figures = await overviews.read()
    assert figures.states == dict.fromkeys(SagaState, 0) | {state: 1}


async def test_failed_orders_are_listed_while_temporal_is_away(
    orders: OrderService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but those that were left open are on record."""
    watch, lists, _ = looks(orders, {})

    async def needs() -> Needs:
        raise Away("Temporal")

    monkeypatch.setattr(watch, "needs", needs)
    assert (await lists.page(ListQuery(state=SagaState.FAILED))).orders == ()
    for query in (
        ListQuery(state=SagaState.FAILED, needs_attention=True),
        ListQuery(state=SagaState.COMPLETED),
    ):
        with pytest.raises(Away):
            await lists.page(query)


async def test_of_many_in_doubt_each_has_its_turn(
    orders: OrderService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was left open is found behind more than one look asks for, and stays found."""
    monkeypatch.setattr(watching, "MOST_IN_DOUBT", 2)
    working = {order_id: run(SagaState.PENDING) for order_id in "12345"}
    watch, _, _ = looks(
        orders, working | {"6": replace(run(SagaState.PENDING), closed_at=CLOSED_AT)}
    )
    needs_by_look = [(await watch._look()).by_order.keys() for _ in range(4)]
    assert needs_by_look == [set(), set(), {"6"}, {"6"}]
