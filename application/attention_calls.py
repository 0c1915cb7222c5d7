"""Calls for a person when an order needs one: once, and again while nobody came."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NoReturn

from application.attention import MOST_ERROR
from application.errors import NotNow
from application.needs import Need, Needs
from application.threads import on_thread
from application.trouble import repeat
from contracts.steps import command_of
from contracts.text import beginning_of
from participants.order.calls import Calls
from temporal_saga.memo import cut

LOG = logging.getLogger("attention")

LOOK_SECONDS = 30
"""Between two looks at which orders need a person."""

MOST_MESSAGE = 2_000


class AttentionCalls:
    """Looks again and again, and calls by an event and a line of the log."""

    def __init__(self, calls: Calls, needs: Callable[[], Awaitable[Needs]]) -> None:
        """Make `calls` for what `needs` finds."""
        self._calls = calls
        self._needs = needs

    async def keep(self, away: tuple[type[Exception], ...]) -> NoReturn:
        """Look for ever; `away` are the errors of a database that gives no answer."""
        message = "nobody was called; it is tried again"
        await repeat(self.look, LOOK_SECONDS, LOG, message, (NotNow, *away))

    async def look(self) -> bool:
        """Look once, make the calls that are due, at most some, and return whether there were any.

        Raises:
            NotNow: Temporal is away.
            Exception: the order service's database does not answer.
        """
        needs = await self._needs()
        by_order = {order_id: _detail(need) for order_id, need in needs.by_order.items()}
        began_at = datetime.now(UTC) - timedelta(seconds=needs.age_seconds)
        make = partial(self._calls.make, by_order, began_at, is_complete=needs.complete)
        calls = await on_thread(make)
        for call in calls:
            step = call.detail.get("step")
            LOG.warning(
                "order %s needs a person: %s%s (call %d): %s",
                *(call.order_id, call.detail["cause"], f" at {step}" if step else ""),
                *(call.times, call.detail["message"]),
            )
        return bool(calls)


def _detail(need: Need) -> Mapping[str, Any]:
    """Return what a call says; of several commands that keep failing the first has fields."""
    detail = need.attention.model_dump(mode="json")
    detail["message"] = beginning_of(need.attention.message, MOST_MESSAGE)
    if (retriable := need.stuck_retriable) is not None:
        detail |= {"step": retriable.step, "command": command_of(retriable.command)}
        detail["error"] = retriable.trouble and cut(retriable.trouble, MOST_ERROR)
    return detail
