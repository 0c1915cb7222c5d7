"""A saga by hand, and a workflow that does nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from bench.peers import commands
    from contracts import stubs
    from contracts.placing import PlaceOrder

START_TO_CLOSE = timedelta(seconds=10)
SCHEDULE_TO_CLOSE = timedelta(seconds=60)


@workflow.defn
class HandwrittenOrder:
    """Registers, charges, takes from stock and confirms one order; or takes all of it back."""

    @workflow.run
    async def run(self, order: PlaceOrder) -> str:
        """Return the state that the order ended in."""
        at = workflow.info().workflow_start_time
        compensations: list[tuple[Callable[..., Any], Any]] = []
        try:
            compensations.append((stubs.cancel_order, commands.cancel(order, at, "a step failed")))
            await _step(stubs.register_order, commands.register(order, at))
            compensations.append((stubs.refund_payment, commands.refund(order)))
            await _step(stubs.process_payment, commands.charge(order))
            compensations.append((stubs.restore_stock, commands.put_back(order)))
            await _step(stubs.decrease_stock, commands.take(order))
        except ActivityError as error:
            for activity, command in reversed(compensations):
                await workflow.execute_activity(
                    activity, command, start_to_close_timeout=START_TO_CLOSE
                )
            raise ApplicationError("the order failed", non_retryable=True) from error
        await workflow.execute_activity(
            stubs.confirm_order,
            commands.confirm(order, workflow.now()),
            start_to_close_timeout=START_TO_CLOSE,
        )
        return "COMPLETED"


async def _step(activity: Callable[..., Any], command: Any) -> None:
    await workflow.execute_activity(
        activity,
        command,
        start_to_close_timeout=START_TO_CLOSE,
        schedule_to_close_timeout=SCHEDULE_TO_CLOSE,
    )


@workflow.defn
class EmptyOrder:
    """Takes an order and does nothing: what the server and the SDK cost by themselves."""

    @workflow.run
    async def run(self, _order: PlaceOrder) -> str:
        """Return what a completed order returns."""
        return "COMPLETED"
