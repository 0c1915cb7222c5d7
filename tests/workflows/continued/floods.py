"""What may be sent to a saga until its history is long, and how the saga is kept from its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from contracts.base import Command
from contracts.order import (
    OrderRegisteredEvent,
    RegisterOrderCommand,
)
from contracts.payment import ProcessPaymentCommand
from contracts.states import OrderStatus
from temporal_saga.testing import Script
from tests.workflows.operators import RETRY
from tests.workflows.orders import DECISION, ORDER, obey, yes

AWAY = RuntimeError("away")


async def flood(script: Script, rounds: int = 3) -> None:
    """Send whatever anybody may send, known and unknown, as signals and updates."""
    for number in range(rounds):
        words = RETRY | {"reason": f"again {number}"}
        await asyncio.gather(
            *(
                script.handle.signal("retry_step", words | {"reason": f"{number} {n}"})
                for n in range(10)
            ),
            *(script.handle.signal("no_such_act", {"anything": n}) for n in range(5)),
            *(script.handle.signal("approve", n) for n in range(5)),
            *(
                update(script, "request_retry_step", words | {"reason": f"{number}, by update {n}"})
                for n in range(5)
            ),
        )


async def flood_into_next_run(script: Script) -> None:
    """Send as much as it takes: messages that come together are read by one task.

    So they make a shorter history.
    """
    for _ in range(10):
        await flood(script)
        if (await script.handle.describe()).run_id != script.handle.first_execution_run_id:
            return


async def update(script: Script, name: str, arguments: Any) -> None:
    try:
        await script.handle.execute_update(name, arguments)
    except WorkflowUpdateFailedError:
        pass  # there is nothing to retry
    except RPCError as error:
        if (
            error.status is not RPCStatusCode.FAILED_PRECONDITION
        ):  # it came in the very task in which a run ended
            raise


@asynccontextmanager
async def away(
    script: Script, *kinds: type[Command], known_status: OrderStatus | None = None
) -> AsyncIterator[None]:
    """Let the tries of these commands fail meanwhile, however often; then let them be done.

    `known` is what the order service says of an order that it has on record.
    """
    back = asyncio.Event()

    async def serve() -> None:
        async for command in script.commands(*kinds):
            if not back.is_set():
                script.fail(AWAY, to=command)
            elif isinstance(command, RegisterOrderCommand):
                script.answer(
                    OrderRegisteredEvent(order_id=command.order_id, known=known_status), to=command
                )
            else:
                script.answer(yes(command), to=command)

    serving = asyncio.create_task(serve())
    yield
    back.set()
    await serving


async def until_next_run(script: Script) -> None:
    """Wait until the saga's first run has ended, and another goes on."""
    async with asyncio.timeout(30):
        while (await script.handle.describe()).run_id == script.handle.first_execution_run_id:
            pass


async def first_start(script: Script) -> Any:
    """Return when the saga's first run began."""
    return (await script.handle.describe()).start_time


async def stuck_refund(script: Script) -> None:
    """The customer cancels while it is paid; the story goes on with the refund."""
    await script.start(ORDER, memo={"fingerprint": "f", "request_key": "key-7"})
    await obey(script, RegisterOrderCommand)
    payment = await script.expect(ProcessPaymentCommand)
    await script.handle.signal("cancel", DECISION)
    script.answer(yes(payment))
