"""The participants of the sagas under test: they hold each command until its script answers it."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self

from temporalio import activity
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from temporal_saga.command_names import command_name
from temporal_saga.step_names import step_of
from temporal_saga.testing.records import Records

Place = tuple[str | None, str, str | None]
"""A command of one saga: of several with one activity, the key tells which."""


@dataclass(frozen=True, eq=False)
class Sent:
    """One try of one command, held at the participant's door until it is answered.

    Args:
        command: the command.
        participant: the task queue that it came to.
        attempt: which try of it this is, from 1; a local activity's try counts.
        answer: takes the participant's answer, or the error by which it fails.
        step: the name of its step, where that is not its activity's; else None.
    """

    command: Any
    participant: str
    attempt: int
    answer: "asyncio.Future[Any]"
    step: str | None = None

    @property
    def key(self) -> str | None:
        """The command's idempotency key; None of a command that has none."""
        return getattr(self.command, "idempotency_key", None)

    def __str__(self) -> str:
        """Describe it in one line."""
        step = f" of {self.step}" if self.step else ""
        what = f"{type(self.command).__name__}{step}"
        return f"{what} came to {self.participant}, try {self.attempt}"


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


def is_command(came: Sent | Closed, *kinds: type) -> bool:
    """Tell whether what came is a command of one of these classes."""
    return isinstance(came, Sent) and isinstance(came.command, kinds)


class Participants:
    """Everybody whom sagas send commands to, on one Temporal server; used with `async with`.

    There is one worker per task queue. Scripts share them; each gets the commands of its own saga
    alone, whatever else runs at the same time. Records of `OnRecord.at` are kept without a word, as
    a participant's fence does it.
    """

    def __init__(
        self,
        client: Client,
        commands: Mapping[str, Collection[type]],
    ) -> None:
        """Play the participants that `commands` names.

        Args:
            client: where the sagas run; its data converter reads the commands, and its `SagaPlugin`
                knows the refusals.
            commands: the command classes that each task queue takes; an activity's name is its
                command's without `Command`.
        """
        self._client = client
        self._queues = list(commands)
        self._commands = {
            (queue, command_name(command)): command
            for queue in commands
            for command in commands[queue]
        }
        self._queue_of = {name: queue for queue, name in self._commands}
        self._inboxes: dict[str, Inbox] = {}
        self._local_tries = LocalTries()
        self._records = Records()
        self._workers = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the workers."""
        for queue in self._queues:
            await self._workers.enter_async_context(
                Worker(self._client, task_queue=queue, activities=[self.take])
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the workers."""
        await self._workers.aclose()

    def inbox(self, saga_id: str) -> Inbox:
        """Return the queue in which a saga's commands will arrive, in order."""
        return self._inboxes.setdefault(saga_id, asyncio.Queue())

    def answer_locally(self, saga_id: str, within: timedelta) -> None:
        """Give a saga's script so long to answer a local activity."""
        self._local_tries.patience[saga_id] = within

    def forget(self, saga_id: str) -> None:
        """Take no more commands of a saga."""
        self._inboxes.pop(saga_id, None)

    @property
    def activities(self) -> Collection[str]:
        """The names of the activities that take the commands."""
        return self._queue_of.keys()

    @activity.defn(dynamic=True)
    async def take(self, arguments: Sequence[RawValue]) -> Any:
        """Hold a command until its saga's script answers it.

        Raises:
            ApplicationError: the participant takes no such command, or no script plays this saga.
        """
        info = activity.info()
        queue = self._queue_of.get(info.activity_type) if info.is_local else info.task_queue
        if info.task_queue in self._queues and self._records.takes(info.activity_type):
            return self._records.answer(info.workflow_id or "", info.activity_type)
        kind = self._commands.get((queue or "", info.activity_type))
        inbox = self._inboxes.get(info.workflow_id or "")
        if kind is None or inbox is None or queue is None:
            raise ApplicationError(
                f"{queue} takes no {info.activity_type} of {info.workflow_id}",
                non_retryable=True,
            )
        command: Any = activity.payload_converter().from_payload(arguments[0].payload, kind)
        answer = asyncio.get_running_loop().create_future()
        delivery = Sent(command, queue, info.attempt, answer, step_of(info.activity_id))
        if info.is_local:
            inbox.put_nowait(delivery)
            return await self._local_tries.answer(info, delivery)
        open_try = self._local_tries.hand_over(info, delivery)
        if open_try is None:
            local_tries = self._local_tries.counts(info, delivery)
            inbox.put_nowait(replace(delivery, attempt=info.attempt + local_tries))
        return await (open_try or delivery).answer


class LocalTries:
    """Lets a script answer a local activity, which it cannot hold: messages wait until it ends.

    One that is not answered in time fails, and the ordinary activity that follows is its try.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.patience: dict[str, timedelta] = {}
        self._open_tries: dict[Place, Sent] = {}
        self._failures: dict[Place, str | None] = {}

    async def answer(self, info: activity.Info, delivery: Sent) -> Any:
        """Return the script's answer to a local try, if it comes at once."""
        place = _place(info, delivery)
        patience = self.patience.get(info.workflow_id or "", timedelta()).total_seconds()
        await asyncio.wait([delivery.answer], timeout=patience)
        if not delivery.answer.done():
            self._open_tries[place] = delivery
            raise ApplicationError("the script holds this command", type="Unanswered")
        error = delivery.answer.exception()
        if error is not None and not (isinstance(error, ApplicationError) and error.non_retryable):
            self._failures[place] = None
        return delivery.answer.result()

    def hand_over(self, info: activity.Info, delivery: Sent) -> Sent | None:
        """Return the local try that this one goes on with; None if there is none."""
        return self._open_tries.pop(_place(info, delivery), None)

    def counts(self, info: activity.Info, delivery: Sent) -> bool:
        """Tell whether a local try failed before this activity, which counts as its first."""
        place = _place(info, delivery)
        if place not in self._failures:
            return False
        self._failures[place] = self._failures[place] or info.activity_id
        return self._failures[place] == info.activity_id


def _place(info: activity.Info, delivery: Sent) -> Place:
    return info.workflow_id, info.activity_type, delivery.key
