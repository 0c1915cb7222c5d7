"""The stories again, with a worker that forgets everything between two workflow tasks.

It replays from the first event.
"""

from collections.abc import Awaitable, Callable

import pytest

from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.stock import DecreaseStockCommand, RestoreStockCommand
from temporal_saga.testing import Script
from tests.workflows.conftest import Play
from tests.workflows.orders import (
    BEFORE_PIVOT,
    DECISION,
    ORDER,
    cancelled_by_signal,
    cancelled_by_temporal,
    completed,
    obey,
    out_of_stock,
    take_back,
    yes,
)

STORIES = (completed, out_of_stock, cancelled_by_signal, cancelled_by_temporal)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_an_evicted_saga_goes_on_where_it_was(
    play: Play, story: Callable[[Script], Awaitable[None]]
) -> None:
    """No state lives in the worker alone: evicted after every task, it tells the same story."""
    async with play(max_cached_workflows=0) as script:
        await story(script)


async def test_an_evicted_rollback_is_stopped_by_no_cancel(play: Play) -> None:
    """Cancelled twice in its rollback, replayed each time, it still takes everything back."""
    async with play(max_cached_workflows=0) as script:
        await script.start(ORDER)
        await obey(script, RegisterOrderCommand, ProcessPaymentCommand)
        stock = await script.expect(DecreaseStockCommand)
        await script.handle.signal("cancel", DECISION)
        script.answer(yes(stock))
        restore = await script.expect_compensation(RestoreStockCommand, of=DecreaseStockCommand)
        await script.handle.cancel()
        await script.handle.query("status")
        script.answer(yes(restore))
        refund = await script.expect_compensation(RefundPaymentCommand, of=ProcessPaymentCommand)
        await script.handle.cancel()
        script.answer(yes(refund))
        await take_back(script, CancelOrderCommand)
        assert (await script.failed()).details[0]["details"] == DECISION


async def test_an_evicted_confirmation_is_stopped_by_no_cancel(play: Play) -> None:
    """Nor does a cancel after the pivot change anything."""
    async with play(max_cached_workflows=0) as script:
        await script.start(ORDER)
        await obey(script, *BEFORE_PIVOT)
        confirm = await script.expect(ConfirmOrderCommand)
        await script.handle.cancel()
        await script.handle.query("status")
        script.answer(yes(confirm))
        assert (await script.completed())["state"] == "COMPLETED"
