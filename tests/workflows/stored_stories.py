"""The stories whose histories are stored, and how each is recorded."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple

from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import ProcessPaymentCommand
from contracts.stock import RestoreStockCommand
from temporal_saga.testing import Script
from temporal_saga.testing.histories import SCHEDULED
from temporal_saga.testing.script import PATIENCE
from tests.workflows.continued.floods import AWAY, until_next_run
from tests.workflows.operators import SETTLE
from tests.workflows.orders import (
    AFTER_PAYMENT,
    AFTER_REGISTRATION,
    DECISION,
    ORDER,
    STORIES,
    begin_review,
    completed,
    found_on_record,
    obey,
    out_of_stock,
    refund_refused,
    take_back,
    yes,
)

SHORT = 40
"""Events after which the server of `CONTINUED` suggests to continue as new."""

AT_ONCE = timedelta(seconds=0.3)


class Recording(NamedTuple):
    """A story, and how long its local activities wait for an answer; None for none."""

    story: Callable[[Script], Awaitable[None]]
    locally: timedelta | None = None


async def settled_before_a_reset(script: Script) -> None:
    """A person settles the refund; before the cancel the saga is reset to its first task."""
    await refund_refused(script)
    await script.handle.execute_update("request_settle_step", SETTLE)
    await script.expect_compensation(CancelOrderCommand, of=RegisterOrderCommand)
    await script.reset()
    await found_on_record(script, times=2)
    await take_back(script, RestoreStockCommand, CancelOrderCommand)
    await script.failed()


async def payment_away_at_first(script: Script) -> None:
    """The payment service does not answer the first try, and does the second."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    await script.expect(ProcessPaymentCommand)
    script.fail(AWAY)
    script.answer(yes(await script.expect(ProcessPaymentCommand, attempt=2)))
    await obey(script, *AFTER_PAYMENT, ConfirmOrderCommand)
    await script.completed()


async def participants_gone(script: Script) -> None:
    """During the payment another worker takes over, which has no participants in its process."""
    await script.start(ORDER)
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await script.within_patience(until_sent(script), "an ordinary activity")
    async with script.orchestrator_away(locally=False):
        script.answer(yes(payment))
    await obey(script, *AFTER_PAYMENT, ConfirmOrderCommand)
    await script.completed()


async def until_sent(script: Script) -> None:
    """Wait until its history has an ordinary activity."""
    async for event in script.handle.fetch_history_events(wait_new_event=True):
        if event.event_type == SCHEDULED:
            return


async def approved_in_another_run(script: Script) -> None:
    """What is sent to an order in review makes its history long, so that another run goes on."""
    await begin_review(script)
    async with script.orchestrator_away():
        for number in range(SHORT):
            await script.handle.signal("no_such_act", number)
    await until_next_run(script)
    await script.handle.signal("approve", DECISION)
    await obey(script, *AFTER_REGISTRATION, ConfirmOrderCommand)
    await script.completed()


RECORDED = {
    **{story.__name__: Recording(story) for story in (*STORIES, settled_before_a_reset)},
    "completed_locally": Recording(completed, PATIENCE),
    "out_of_stock_locally": Recording(out_of_stock, PATIENCE),
    "payment_away_locally": Recording(payment_away_at_first, PATIENCE),
    "participants_gone_locally": Recording(participants_gone, AT_ONCE),
}
"""By the file's name: what later releases must replay.

A history whose name ends with `locally` has steps that the orchestrator's worker tried itself.
"""

CONTINUED = {
    "continued": Recording(approved_in_another_run),
    "continued_locally": Recording(approved_in_another_run, PATIENCE),
}
"""Likewise, of two runs: their files are called `…_1` and `…_2`."""
