"""The participants of the sagas under test: they hold each command until its script answers it."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self

from temporalio import activity
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker


@dataclass(frozen=True, eq=False)
class Sent:
    """One try of one command, held at the participant's door until it is answered.

    Args:
        command: the command.
        participant: the task queue that it came to.
        attempt: which try of it this is, from 1.
        answer: takes the participant's answer, or the error by which it fails.
    """

    command: Any
    participant: str
    attempt: int
    answer: "asyncio.Future[Any]"

    def __str__(self) -> str:
        """Describe it in one line."""
        return f"{type(self.command).__name__} came to {self.participant}, try {self.attempt}"


@dataclass(frozen=True, eq=False)
class Closed:
    """A saga's end: its result, or its error."""

    result: Any
    error: BaseException | None = None

    def __str__(self) -> str:
        """Describe it in one line."""
        if self.error:
            return f"the saga failed: {self.error!r}"
        return f"the saga completed: {self.result!r}"


Inbox = asyncio.Queue[Sent | Closed]
"""What happens to one saga, in order."""


def command_name(command: type) -> str:
    """Return the name of the activity that takes commands of this class."""
    return command.__name__.removesuffix("Command")


class Participants:
    """Everybody whom sagas send commands to, on one Temporal server; used with `async with`.

    There is one worker per task queue. Scripts share them; each gets the commands of its own saga
    alone, whatever else runs at the same time.
    """

    def __init__(
        self,
        client: Client,
        commands: Mapping[str, Collection[type]],
        *,
        boundary: Callable[[Any], Any] = lambda answer: answer,
    ) -> None:
        """Play the participants that `commands` names.

        Args:
            client: where the sagas run; its data converter reads the commands.
            commands: the command classes that each task queue takes; an activity's name is its
                command's without `Command`.
            boundary: what the real activities do with a participant's answer: it returns an event,
                and raises a refusal.
        """
        self._client = client
        self._queues = list(commands)
        self._commands = {
            (queue, command_name(command)): command
            for queue in commands
            for command in commands[queue]
        }
        self._inboxes: dict[str, Inbox] = {}
        self._workers = AsyncExitStack()
        self.boundary = boundary

    async def __aenter__(self) -> Self:
        """Start the workers."""
        for queue in self._queues:
            await self._workers.enter_async_context(
                Worker(self._client, task_queue=queue, activities=[self._take])
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the workers."""
        await self._workers.aclose()

    def inbox(self, saga_id: str) -> Inbox:
        """Return the queue in which a saga's commands will arrive, in order."""
        return self._inboxes.setdefault(saga_id, asyncio.Queue())

    def forget(self, saga_id: str) -> None:
        """Take no more commands of a saga."""
        self._inboxes.pop(saga_id, None)

    @activity.defn(dynamic=True)
    async def _take(self, arguments: Sequence[RawValue]) -> Any:
        """Hold a command until its saga's script answers it.

        Raises:
            ApplicationError: the participant takes no such command, or no script plays this saga.
        """
        info = activity.info()
        kind = self._commands.get((info.task_queue, info.activity_type))
        inbox = self._inboxes.get(info.workflow_id or "")
        if kind is None or inbox is None:
            raise ApplicationError(
                f"{info.task_queue} takes no {info.activity_type} of {info.workflow_id}",
                non_retryable=True,
            )
        command: Any = activity.payload_converter().from_payload(arguments[0].payload, kind)
        answer = asyncio.get_running_loop().create_future()
        inbox.put_nowait(Sent(command, info.task_queue, info.attempt, answer))
        return await answer
