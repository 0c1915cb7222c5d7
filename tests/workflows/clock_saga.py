import time
from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

from workflows.order import OrderSaga


@workflow.defn(dynamic=True)
class ClockSaga(OrderSaga):
    """A release that reads the machine's clock, and then goes on as any other."""

    @workflow.run
    async def run(self, arguments: Sequence[RawValue]) -> dict[str, Any]:
        """Decide nothing by the clock: nothing but the sandbox takes offence at it."""
        time.time()
        return await super().run(arguments)
