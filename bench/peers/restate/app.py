"""The service: `python -m bench.peers.restate.app PORT DATA_DIR`, until SIGTERM.

Restate's server calls it over HTTP/2 and keeps its journal; its settings are as they come.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import ParamSpec, TypeVar

import hypercorn
import hypercorn.asyncio
import restate
from restate.exceptions import TerminalError

from bench.peers.services import Refused, Services
from contracts.placing import PlaceOrder

THREADS = 40

P = ParamSpec("P")
T = TypeVar("T")


def terminal(action: Callable[P, T]) -> Callable[P, T]:
    """Say a refusal as an error that Restate does not retry."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return action(*args, **kwargs)
        except Refused as refusal:
            raise TerminalError(str(refusal), status_code=409) from refusal

    return call


def order_workflow(services: Services) -> restate.Workflow:
    """Return the workflow of one order, on these services."""
    workflow = restate.Workflow("OrderSaga")

    @workflow.main()
    async def run(ctx: restate.WorkflowContext, order: PlaceOrder) -> str:
        """Register, charge, take from stock and confirm; or take all of it back."""
        compensations: list[Callable[[], Awaitable[None]]] = []

        def step(name: str, action: Callable[[PlaceOrder], None]) -> Awaitable[None]:
            return ctx.run_typed(name, terminal(action), order=order)

        try:
            compensations.append(
                lambda: step("cancel", lambda order: services.cancel(order, "failed"))
            )
            await step("register", services.register)
            compensations.append(lambda: step("refund", services.refund))
            await step("charge", services.charge)
            compensations.append(lambda: step("put back", services.put_back))
            await step("take", services.take)
        except TerminalError:
            for compensation in reversed(compensations):
                await compensation()
            raise
        await step("confirm", services.confirm)
        return "COMPLETED"

    return workflow


def main(port: int, data_dir: Path) -> None:
    """Serve until SIGTERM."""
    config = hypercorn.Config()
    config.bind = [f"127.0.0.1:{port}"]
    with closing(Services(data_dir, THREADS)) as services:
        app = restate.app(services=[order_workflow(services)])
        asyncio.run(hypercorn.asyncio.serve(app, config))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
