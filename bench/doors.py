"""How an order is given to a contestant and its end awaited: over HTTP, or by a Temporal client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from bench.http_client import Answer, HttpClient
from contracts.placing import PlaceOrder

WAIT_SECONDS = 30
"""As long as this system's API holds a request at most."""


class NotCompleted(Exception):
    """The order ended otherwise, or its end is not known; the message says how."""


class Place(Protocol):
    """Gives one order to a contestant."""

    async def __call__(self, order: PlaceOrder) -> None:
        """Return once the order is completed.

        Raises:
            NotCompleted: it is not.
        """


class Door(Protocol):
    """Where a contestant takes orders."""

    def enter(self) -> AbstractAsyncContextManager[Place]:
        """Give one caller's way in; it is used for one order at a time."""


@dataclass(frozen=True)
class HttpDoor:
    """Takes each order as the body of a POST, and answers when it is completed.

    Args:
        port: of a server on this machine.
        path: of an order's request.
        is_completed: tells by the answer whether the order is completed, and None when that is not
            known yet: then the same request is made again, after the answer's Retry-After.
        headers: of every request.
    """

    port: int
    path: Callable[[PlaceOrder], str]
    is_completed: Callable[[Answer], bool | None]
    headers: tuple[tuple[str, str], ...] = ()

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[Place]:
        """Give one connection."""
        async with HttpClient(self.port) as client:

            async def place(order: PlaceOrder) -> None:
                body = order.model_dump_json(exclude_none=True).encode()
                while True:
                    try:
                        answer = await client.request("POST", self.path(order), body, self.headers)
                    except OSError as error:
                        raise NotCompleted(f"no answer: {error!r}") from error
                    outcome = self.is_completed(answer)
                    if outcome is not None:
                        break
                    await asyncio.sleep(answer.retry_after)
                if not outcome:
                    raise NotCompleted(f"{answer.status}: {answer.body}")

            yield place


@dataclass(frozen=True)
class TemporalDoor:
    """Starts a workflow for each order, and waits for its result."""

    client: Client
    workflow: str
    queue: str

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[Place]:
        """Give the client, which all callers share, as the SDK means it to be."""

        async def place(order: PlaceOrder) -> None:
            try:
                state = await self.client.execute_workflow(
                    self.workflow,
                    order,
                    id=f"order-{order.order_id}",
                    task_queue=self.queue,
                    result_type=str,
                )
            except (WorkflowFailureError, RPCError) as error:
                raise NotCompleted(f"{type(error).__name__}: {error}") from error
            if state != "COMPLETED":
                raise NotCompleted(f"the workflow returned {state}")

        yield place
