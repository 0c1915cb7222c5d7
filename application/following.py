"""Following an order on which somebody acted, until nothing more comes of it by itself."""

import asyncio
from contextlib import suppress

from application.closing import Closing
from application.run import Run
from application.runs import Runs
from contracts.states import SagaState

LOOK_SECONDS = 0.5
"""An order that has not closed by then is looked at, so often."""

WAITING = frozenset({SagaState.AWAITING_REVIEW, SagaState.AWAITING_CUSTOMER})


class Following:
    """Follows orders, by Temporal's news of their end, and by looks at their sagas."""

    def __init__(self, closing: Closing, runs: Runs) -> None:
        """Hear of their end by `closing`, and look at their sagas by `runs`."""
        self._closing = closing
        self._runs = runs

    async def wait(self, order_id: str, seconds: float) -> None:
        """Wait until an order has closed, or waits for somebody; at most so long."""
        closing = self._closing.wait(order_id, seconds)
        waits = [asyncio.ensure_future(wait) for wait in (closing, self._until_it_waits(order_id))]
        try:
            first, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in first:
                await wait
        finally:
            for wait in waits:
                wait.cancel()

    async def _until_it_waits(self, order_id: str) -> None:
        """Wait until an order's saga waits for somebody; a look that fails is made again."""
        run = None
        while run is None or not _waits(run):
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(Exception):  # it has no more to say than that nothing is known
                run = await self._runs.describe(order_id)


def _waits(run: Run) -> bool:
    """Tell whether a saga waits for somebody, or fails again at what it is stuck at.

    That it is stuck it shows until that succeeds, also while the first try after a retry is made.
    """
    is_failing = all(trying.error is not None for trying in run.tries.values())
    return run.state in WAITING or (run.is_stuck and is_failing)
