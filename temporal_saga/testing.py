"""Scripts for sagas: given, expect command, answer, expect compensation.

A `Script` runs one saga on a real Temporal server and plays everybody whom the saga sends commands to. It is a fake at the
participants' door: the orchestrator, its worker and its sandbox are the real ones. A test reads like the saga's story::

    await script.start({"customer_id": "17850", ...})
    await script.expect(ReserveSeatCommand, seat="12A")
    script.answer(SeatReservedEvent(...))
    await script.expect(ChargeCommand)
    script.answer(ChargeDeclinedEvent(...))
    await script.expect_compensation(FreeSeatCommand, of=ReserveSeatCommand)
    script.answer(SeatFreedEvent(...))
    failure = await script.failed()
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from temporalio import activity
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import Replayer, Worker, WorkflowRunner

from temporal_saga.keys import compensation_key, step_key

C = TypeVar("C")

PATIENCE = timedelta(seconds=15)
"""How long a script waits for what it expects before it says that nothing came."""

ANSWERED = (
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
)


@dataclass(frozen=True, eq=False)
class Sent:
    """One try of one command, held at the participant's door until the script answers it."""

    command: Any
    participant: str
    key: str
    attempt: int
    answer: "asyncio.Future[Any]"

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"{type(self.command).__name__} to {self.participant}, try {self.attempt}, key {self.key}"


@dataclass(frozen=True, eq=False)
class Closed:
    """The saga's end: its result, or its error."""

    result: Any
    error: BaseException | None = None

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"the saga closed with {self.error!r}" if self.error else f"the saga completed with {self.result!r}"


class Participants:
    """Everybody whom sagas send commands to, on one Temporal server: one worker per task queue.

    Scripts share them; each hears the commands of its own saga alone, whatever else runs at the same time. Use it with
    `async with`.
    """

    def __init__(
        self, client: Client, commands: Mapping[str, Collection[type]], *, boundary: Callable[[Any], Any] = lambda answer: answer
    ) -> None:
        """Play the participants that `commands` names.

        Args:
            client: where the sagas run; its data converter reads the commands.
            commands: the command classes that each task queue takes; an activity's name is its command's without `Command`.
            boundary: what the real activities do with a participant's answer: it returns an event, and raises a refusal.
        """
        self._client = client
        self._commands = {(queue, name_of(c)): c for queue, taken in commands.items() for c in taken}
        self._queues = list(commands)
        self._inboxes: dict[str, asyncio.Queue[Sent | Closed]] = {}
        self._running = AsyncExitStack()
        self.boundary = boundary

    async def __aenter__(self) -> Self:
        """Start the workers."""
        for queue in self._queues:
            worker = Worker(self._client, task_queue=queue, activities=[self._take], max_concurrent_activities=100)
            await self._running.enter_async_context(worker)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the workers."""
        await self._running.aclose()

    def hear(self, saga_id: str) -> "asyncio.Queue[Sent | Closed]":
        """Return the queue in which a saga's commands will arrive, in order."""
        return self._inboxes.setdefault(saga_id, asyncio.Queue())

    def forget(self, saga_id: str) -> None:
        """Hear no more of a saga."""
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
        if kind is None or inbox is None or len(arguments) != 1:
            raise ApplicationError(f"{info.task_queue} takes no {info.activity_type} from {info.workflow_id}", non_retryable=True)
        command = activity.payload_converter().from_payload(arguments[0].payload, kind)
        sent = Sent(command, info.task_queue, command.idempotency_key, info.attempt, asyncio.get_running_loop().create_future())
        inbox.put_nowait(sent)
        return await sent.answer


class Script:
    """One saga, told by a test from its start to its end.

    Promises:

    1. Commands come in the order that the test tells, each under its idempotency key; anything else is an AssertionError that
       says what came instead.
    2. A command is held until the script answers it, so that the test decides what happens meanwhile.
    3. Nothing hangs: whatever does not come in time is an AssertionError that shows where the saga stands.
    4. At the end nothing is left unsaid, no workflow task ever failed, and the saga's own history replays.
    """

    def __init__(  # noqa: PLR0913  # what a worker needs to know, each with its own name
        self,
        client: Client,
        participants: Participants,
        workflow: type,
        *,
        workflow_type: str,
        saga_id: str,
        runner: WorkflowRunner,
        task_queue: str | None = None,
        max_cached_workflows: int = 1000,
    ) -> None:
        """Prepare the story of one saga.

        Args:
            client: where to start the saga.
            participants: who hears its commands.
            workflow: the workflow's class.
            workflow_type: the name to start it by.
            saga_id: its workflow id, the root of its idempotency keys.
            runner: the sandbox, as in production.
            task_queue: the orchestrator's; one of the script's own when None.
            max_cached_workflows: 0 makes every workflow task a replay from the first event.
        """
        self._client = client
        self._participants = participants
        self._workflow = workflow
        self._workflow_type = workflow_type
        self._runner = runner
        self._task_queue = task_queue or f"orchestrator-of-{saga_id}"
        self._max_cached_workflows = max_cached_workflows
        self._inbox = participants.hear(saga_id)
        self._orchestrator = AsyncExitStack()
        self._end: asyncio.Task[None] | None = None
        self._held: list[Sent] = []
        self._told: list[str] = []
        self._closing_answers = 0
        self._started: WorkflowHandle[Any, Any] | None = None
        self.saga_id = saga_id
        self.history = WorkflowHistory(saga_id, [])

    async def __aenter__(self) -> Self:
        """Start the orchestrator's worker."""
        await self._call_orchestrator()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop everything, a saga in mid-story too."""
        self._participants.forget(self.saga_id)
        if self._end is not None and not self._end.done():
            self._end.cancel()
            await self._terminate()
        for sent in self._held:
            if not sent.answer.done():
                sent.answer.set_exception(ApplicationError("the script is over", non_retryable=True))
        await self._orchestrator.aclose()

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        """The running saga, for signals, updates, queries and Temporal's cancel.

        Raises:
            AssertionError: it was not started.
        """
        assert self._started is not None, "the saga was not started: call start() first"
        return self._started

    @property
    def attempt(self) -> int:
        """Which try of its command the participant was last asked for; the first is 1."""
        return self._held[-1].attempt

    @property
    def ended(self) -> bool:
        """Whether the story was told to its end, by `completed` or `failed`."""
        return bool(self.history.events)

    async def start(self, *arguments: Any, **options: Any) -> None:
        """Given: a saga started with these arguments.

        Args:
            arguments: the workflow's; a `RawValue` is sent as it is.
            options: whatever else `Client.start_workflow` takes.
        """
        self._started = await self._client.start_workflow(
            options.pop("workflow_type", self._workflow_type),
            args=arguments,
            id=self.saga_id,
            task_queue=self._task_queue,
            **options,
        )
        self._end = asyncio.create_task(self._await_the_end(self._started))

    async def expect(self, command: type[C], /, **fields: Any) -> C:
        """Expect a step's command as the next thing that happens, and hold it.

        Args:
            command: its class.
            fields: what some of its fields must be.

        Returns:
            The command, for a closer look.

        Raises:
            AssertionError: something else came, or nothing; or its key or a field is not as expected.
        """
        return await self._expect(command, step_key(self.saga_id, name_of(command)), fields)

    async def expect_compensation(self, command: type[C], /, *, of: type, **fields: Any) -> C:
        """Expect the command that takes back the step of the command `of`; otherwise like `expect`."""
        return await self._expect(command, compensation_key(step_key(self.saga_id, name_of(of))), fields)

    def answer(self, answer: Any) -> None:
        """Let the participant answer the held command: with an event, or with a refusal.

        Raises:
            AssertionError: no command is held.
        """
        try:
            self._release().set_result(self._participants.boundary(answer))
        except ApplicationError as refusal:
            self._fail(refusal)
        else:
            self._closing_answers += 1

    def fail(self, error: Exception) -> None:
        """Let the participant fail at the held command, so that Temporal tries it again, unless the error forbids that.

        Raises:
            AssertionError: no command is held.
        """
        self._release()
        self._fail(error)

    def ignore(self) -> None:
        """Let the participant never answer this try of the held command.

        Raises:
            AssertionError: no command is held.
        """
        self._release()

    async def recorded(self) -> None:
        """Wait until the server has written down every answer so far that ended a command.

        Raises:
            AssertionError: it has not, in time.
        """
        await self._within(self._until_answers_are_recorded(), "the server recorded the answers")

    @asynccontextmanager
    async def orchestrator_away(self) -> AsyncIterator[None]:
        """Stop the orchestrator's worker, and start another when the block ends.

        What happens in the block reaches the saga in one workflow task.
        """
        await self._orchestrator.aclose()
        yield
        await self._call_orchestrator()

    async def completed(self) -> Any:
        """Expect that the saga completes, with no further command.

        Returns:
            Its result.

        Raises:
            AssertionError: it failed, a command came, a workflow task had failed on the way, or the history does not replay.
        """
        closed = await self._expect_end()
        assert closed.error is None, self._story(f"expected that the saga completes, but {closed}")
        return closed.result

    async def failed(self) -> ApplicationError:
        """Expect that the saga fails, with no further command.

        Returns:
            Its error.

        Raises:
            AssertionError: it ended otherwise, a command came, a workflow task had failed, or the history does not replay.
        """
        closed = await self._expect_end()
        assert isinstance(closed.error, ApplicationError), self._story(f"expected that the saga fails, but {closed}")
        return closed.error

    async def _expect(self, kind: type[C], key: str, fields: Mapping[str, Any]) -> C:
        came = await self._next(f"expected {kind.__name__}")
        if not isinstance(came, Sent) or type(came.command) is not kind:
            raise AssertionError(self._story(f"expected {kind.__name__}, but {came}"))
        assert came.key == key, self._story(f"{kind.__name__} came under the key {came.key}, not {key}")
        for name, expected in fields.items():
            found = getattr(came.command, name)
            assert found == expected, self._story(f"{kind.__name__}.{name} is {found!r}, not {expected!r}")
        command: C = came.command
        return command

    async def _expect_end(self) -> Closed:
        came = await self._next("expected that the saga ends")
        assert isinstance(came, Closed), self._story(f"expected that the saga ends, but {came}")
        self.history = await self.handle.fetch_history()
        failures = [problem for event in self.history.events if (problem := _task_failure(event))]
        assert not failures, self._story(f"workflow tasks failed: {failures}")
        await self._replay()
        return came

    async def _replay(self) -> None:
        replayer = Replayer(
            workflows=[self._workflow], workflow_runner=self._runner, data_converter=self._client.data_converter
        )
        result = await replayer.replay_workflow(self.history, raise_on_replay_failure=False)
        if result.replay_failure is not None:
            raise AssertionError(self._story("its own history does not replay")) from result.replay_failure

    async def _next(self, expectation: str) -> Sent | Closed:
        came = await self._within(self._inbox.get(), expectation)
        self._told.append(str(came))
        if isinstance(came, Sent):
            self._held.append(came)
        return came

    async def _within(self, awaited: Any, expectation: str) -> Any:
        try:
            return await asyncio.wait_for(awaited, PATIENCE.total_seconds())
        except TimeoutError:
            last = [event async for event in self.handle.fetch_history_events()][-3:]
            problem = f"{expectation}, but nothing came in {PATIENCE.total_seconds():.0f} s; the history ends with {last}"
            raise AssertionError(self._story(problem)) from None

    def _release(self) -> "asyncio.Future[Any]":
        assert self._held and not self._told[-1].startswith("→"), self._story("no command is held: expect one first")
        self._told.append("→ answered")
        return self._held[-1].answer

    def _fail(self, error: Exception) -> None:
        self._held[-1].answer.set_exception(error)
        self._closing_answers += isinstance(error, ApplicationError) and error.non_retryable

    async def _until_answers_are_recorded(self) -> None:
        recorded = 0
        async for event in self.handle.fetch_history_events(wait_new_event=True):
            recorded += event.event_type in ANSWERED
            if recorded >= self._closing_answers:
                return

    async def _await_the_end(self, saga: WorkflowHandle[Any, Any]) -> None:
        try:
            closed = Closed(await saga.result())
        except WorkflowFailureError as failure:
            closed = Closed(None, failure.cause)
        self._inbox.put_nowait(closed)

    async def _call_orchestrator(self) -> None:
        worker = Worker(
            self._client,
            task_queue=self._task_queue,
            workflows=[self._workflow],
            workflow_runner=self._runner,
            max_cached_workflows=self._max_cached_workflows,
        )
        await self._orchestrator.enter_async_context(worker)

    async def _terminate(self) -> None:
        try:
            await self.handle.terminate("the script is over")
        except RPCError:
            return  # it closed meanwhile

    def _story(self, problem: str) -> str:
        return "\n  ".join([problem, f"what happened to {self.saga_id}:", *(self._told or ["nothing"])])


def name_of(command: type) -> str:
    """Return the name of the activity that takes a command."""
    return command.__name__.removesuffix("Command")


def _task_failure(event: Any) -> str | None:
    """Return why a workflow task failed, if this event says so; that it was outrun by a new message is no failure."""
    attributes = event.workflow_task_failed_event_attributes
    outrun = attributes.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
    failed = event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    return str(attributes.failure.message) if failed and not outrun else None
