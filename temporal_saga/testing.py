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
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Self, TypeVar
from uuid import uuid4

from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import Replayer, Worker, WorkflowRunner

from temporal_saga.keys import compensation_key, step_key
from temporal_saga.policy import Apply, Policy

C = TypeVar("C")
T = TypeVar("T")

PATIENCE = timedelta(seconds=15)
"""How long a script waits for what it expects before it says that nothing came."""

SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
ENDED = (
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
)


@dataclass(frozen=True, eq=False)
class Sent:
    """One try of one command, held at the participant's door until it is answered."""

    command: Any
    participant: str
    attempt: int
    answer: "asyncio.Future[Any]"

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"{type(self.command).__name__} came to {self.participant}, try {self.attempt}"


@dataclass(frozen=True, eq=False)
class Closed:
    """A saga's end: its result, or its error."""

    result: Any
    error: BaseException | None = None

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"the saga failed: {self.error!r}"
            if self.error
            else f"the saga completed: {self.result!r}"
        )


class Participants:
    """Everybody whom sagas send commands to, on one Temporal server: one worker per task queue, used with `async with`.

    Scripts share them; each hears the commands of its own saga alone, whatever else runs at the same time.
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
            commands: the command classes that each task queue takes; an activity's name is its command's without `Command`.
            boundary: what the real activities do with a participant's answer: it returns an event, and raises a refusal.
        """
        self._client = client
        self._queues = list(commands)
        self._commands = {
            (queue, _name(command)): command for queue in commands for command in commands[queue]
        }
        self._inboxes: dict[str, asyncio.Queue[Sent | Closed]] = {}
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
        if kind is None or inbox is None:
            raise ApplicationError(
                f"{info.task_queue} takes no {info.activity_type} of {info.workflow_id}",
                non_retryable=True,
            )
        command: Any = activity.payload_converter().from_payload(arguments[0].payload, kind)
        sent = Sent(
            command, info.task_queue, info.attempt, asyncio.get_running_loop().create_future()
        )
        inbox.put_nowait(sent)
        return await sent.answer


class Script:
    """One saga, told by a test from its start to its end; used with `async with`.

    Promises:

    1. Commands come in the order that the test tells, each under its idempotency key; anything else is an AssertionError that
       says what happened instead.
    2. A command is held until it is answered, so that the test decides what happens meanwhile.
    3. Nothing hangs: what does not come in time is an AssertionError that shows where the saga stands.
    4. At the end no command is left over, no workflow task had failed, and the saga's own histories replay.
    """

    def __init__(  # noqa: PLR0913  # what an orchestrator's worker needs to know, each by its name
        self,
        client: Client,
        participants: Participants,
        workflow: type,
        *,
        saga_id: str,
        workflow_type: str,
        runner: WorkflowRunner,
        policy: Policy | None = None,
        max_cached_workflows: int = 1000,
    ) -> None:
        """Prepare the story of one saga.

        Args:
            client: where to start the saga.
            participants: who hears its commands.
            workflow: the workflow's class.
            saga_id: the workflow's id, the root of its idempotency keys.
            workflow_type: the name to start it by.
            runner: the sandbox, as in production.
            policy: the saga's limits; None for the default ones.
            max_cached_workflows: 0 makes every workflow task a replay from the first event.
        """
        self._client = client
        self._participants = participants
        self._workflow_type = workflow_type
        self._task_queue = f"orchestrator-of-{saga_id}"
        self._worker = partial(
            Worker,
            client,
            task_queue=self._task_queue,
            workflows=[workflow],
            workflow_runner=runner,
            interceptors=[Apply(policy or Policy())],
            max_cached_workflows=max_cached_workflows,
        )
        # With the default policy: whatever the limits were, the same code replays.
        self._replayer = partial(
            Replayer,
            workflows=[workflow],
            workflow_runner=runner,
            data_converter=client.data_converter,
        )
        self._orchestrator = AsyncExitStack()
        self._handle: WorkflowHandle[Any, Any] | None = None
        self._end: asyncio.Task[None] | None = None
        self._inbox = participants.hear(saga_id)
        self._came: list[Sent | Closed] = []
        self._held: list[Sent] = []
        self._left: Sent | Closed | None = None
        self._ended_commands = 0
        self.saga_id = saga_id
        self.history: WorkflowHistory | None = None
        """That of its last run, once `completed` or `failed` has returned."""
        self.runs: list[WorkflowHistory] = []
        """Those of all its runs, where one went on in another, likewise."""

    async def __aenter__(self) -> Self:
        """Start the orchestrator's worker."""
        await self._orchestrator.enter_async_context(self._worker())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything; a saga in mid-story is terminated."""
        self._participants.forget(self.saga_id)
        if self._end is not None and not self._end.done():
            self._end.cancel()
            with suppress(RPCError):  # it closes at this very moment
                await self.handle.terminate("the script is over")
        for sent in self._came:
            if isinstance(sent, Sent) and not sent.answer.done():
                sent.answer.set_exception(
                    ApplicationError("the script is over", non_retryable=True)
                )
        await self._orchestrator.aclose()

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        """The running saga, for signals, updates, queries and Temporal's cancel."""
        assert self._handle is not None, "the saga was not started: call start() first"
        return self._handle

    async def start(
        self, *arguments: Any, workflow_type: str | None = None, **options: Any
    ) -> None:
        """Given: a saga started with these arguments.

        Args:
            arguments: the workflow's; a `RawValue` is sent as it is.
            workflow_type: the name to start it by, if not the usual one.
            options: whatever else `Client.start_workflow` takes.
        """
        self._handle = await self._client.start_workflow(
            workflow_type or self._workflow_type,
            args=arguments,
            id=self.saga_id,
            task_queue=self._task_queue,
            **options,
        )
        self._end = asyncio.create_task(self._await_the_end(self._handle))

    async def reset(self, at: type | None = None) -> None:
        """Let an operator reset the open saga: a new run goes on from one of its workflow tasks, and hears again what was said.

        Args:
            at: the command that the task sent, for the first time; None for the saga's first task.
        """
        assert self._end is not None, "the saga was not started: call start() first"
        self._end.cancel()
        events = (await self.handle.fetch_history()).events
        sent = [
            e.activity_task_scheduled_event_attributes for e in events if e.event_type == SCHEDULED
        ]
        tasks = [
            e.event_id
            for e in events
            if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        ]
        if at is not None:
            tasks = [
                a.workflow_task_completed_event_id
                for a in sent
                if a.activity_type.name == _name(at)
            ]
        assert tasks, self._story(f"no task to reset to has sent {at}")
        request = ResetWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=self.saga_id),
            workflow_task_finish_event_id=tasks[0],
            request_id=str(uuid4()),
            reason="the script says so",
        )
        run = await self._client.workflow_service.reset_workflow_execution(request)
        self._held.clear()
        self._ended_commands = sum(
            event.event_type in ENDED and event.event_id < tasks[0] for event in events
        )
        self._handle = self._client.get_workflow_handle(self.saga_id, run_id=run.run_id)
        self._end = asyncio.create_task(self._await_the_end(self._handle))

    async def expect(self, command: type[C], /, *, attempt: int = 1, **fields: Any) -> C:
        """Expect a step's command as the next thing that happens, and hold it.

        Args:
            command: its class.
            attempt: which try of it the participant sees.
            fields: what fields of the command must be.

        Returns:
            The command, for a closer look.

        Raises:
            AssertionError: something else came, or nothing; or its key, its attempt or a field is not as expected.
        """
        return await self._expect(command, step_key(self.saga_id, _name(command)), attempt, fields)

    async def expect_compensation(
        self, command: type[C], /, *, of: type, attempt: int = 1, **fields: Any
    ) -> C:
        """Expect the command that takes back the step of the command `of`; otherwise like `expect`."""
        return await self._expect(
            command, compensation_key(step_key(self.saga_id, _name(of))), attempt, fields
        )

    async def expect_all(self, *commands: type) -> list[Any]:
        """Expect the commands of steps that are taken side by side, in whatever order they come, and hold them all.

        Args:
            commands: their classes.

        Returns:
            The commands, in the order of the classes; `answer`, `fail` and `ignore` then need to be told which is meant.

        Raises:
            AssertionError: as in `expect`.
        """
        expected = list(commands)
        found: dict[type, Any] = {}
        while expected:
            came = await self._next(" and ".join(kind.__name__ for kind in expected))
            kind = next(
                (
                    kind
                    for kind in expected
                    if isinstance(came, Sent) and isinstance(came.command, kind)
                ),
                expected[0],
            )
            expected.remove(kind)
            found[kind] = self._hold(came, kind, step_key(self.saga_id, _name(kind)), 1, {})
        return [found[kind] for kind in commands]

    async def commands(self, *kinds: type) -> AsyncIterator[Any]:
        """Yield commands of these classes and hold them, whatever their attempt, until something else happens.

        That is for `expect` or the end. As several may be held, `answer`, `fail` and `ignore` need to be told which is meant.

        Raises:
            AssertionError: nothing came, in time.
        """
        while True:
            came = await self._next(" or ".join(kind.__name__ for kind in kinds))
            if not isinstance(came, Sent) or not isinstance(came.command, kinds):
                self._came.remove(came)
                self._left = came
                return
            self._held.append(came)
            yield came.command

    def answer(self, answer: Any, *, to: Any = None) -> None:
        """Let the participant answer the held command, with an event or with a refusal.

        Args:
            answer: the event, or the refusal.
            to: the command, when several are held.
        """
        try:
            value = self._participants.boundary(answer)
        except ApplicationError as refusal:
            self.fail(refusal, to=to)
        else:
            self._release(to).set_result(value)
            self._ended_commands += 1

    def fail(self, error: Exception, *, to: Any = None) -> None:
        """Let the participant fail at the held command, so that Temporal tries it again, unless the error says not to."""
        self._release(to).set_exception(error)
        self._ended_commands += isinstance(error, ApplicationError) and error.non_retryable

    def ignore(self, *, to: Any = None) -> None:
        """Let the participant never answer this try of the held command."""
        self._release(to)

    async def recorded(self) -> None:
        """Wait until the server has written down every answer so far that ended a command.

        Raises:
            AssertionError: it has not, in time.
        """
        await self._within_patience(
            self._until_answers_are_recorded(), "the server to record the answers"
        )

    @asynccontextmanager
    async def orchestrator_away(self) -> AsyncIterator[None]:
        """Stop the orchestrator's worker, and start another at the end: what happens meanwhile reaches the saga all at once."""
        await self._orchestrator.aclose()
        yield
        await self._orchestrator.enter_async_context(self._worker())

    async def completed(self) -> Any:
        """Expect that the saga completes, with no further command.

        Returns:
            Its result.

        Raises:
            AssertionError: it failed, a command came, a workflow task had failed, or the history does not replay.
        """
        closed = await self._expect_end()
        assert closed.error is None, self._story("expected that the saga completes")
        return closed.result

    async def failed(self) -> ApplicationError:
        """Expect that the saga fails, with no further command.

        Returns:
            Its error.

        Raises:
            AssertionError: it ended otherwise, a command came, a workflow task had failed, or the history does not replay.
        """
        closed = await self._expect_end()
        assert isinstance(closed.error, ApplicationError), self._story(
            "expected that the saga fails"
        )
        return closed.error

    async def _expect(self, kind: type[C], key: str, attempt: int, fields: Mapping[str, Any]) -> C:
        return self._hold(await self._next(kind.__name__), kind, key, attempt, fields)

    def _hold(
        self, came: Sent | Closed, kind: type[C], key: str, attempt: int, fields: Mapping[str, Any]
    ) -> C:
        assert isinstance(came, Sent), self._story(f"expected {kind.__name__}")
        assert isinstance(came.command, kind), self._story(f"expected {kind.__name__}")
        self._held.append(came)
        found = {name: getattr(came.command, name) for name in ("idempotency_key", *fields)} | {
            "attempt": came.attempt
        }
        for name, expected in {"idempotency_key": key, **fields, "attempt": attempt}.items():
            assert found[name] == expected, self._story(
                f"{name} of {kind.__name__} is {found[name]!r}, not {expected!r}"
            )
        return came.command

    async def _expect_end(self) -> Closed:
        came = await self._next("the saga to end")
        assert isinstance(came, Closed), self._story("expected the saga to end")
        self.history = await self.handle.fetch_history()
        self.runs = [self.history]
        while (
            before := self.runs[0]
            .events[0]
            .workflow_execution_started_event_attributes.continued_execution_run_id
        ):
            self.runs.insert(
                0,
                await self._client.get_workflow_handle(self.saga_id, run_id=before).fetch_history(),
            )
        for run in self.runs:
            await self._check(run)
        return came

    async def _check(self, run: WorkflowHistory) -> None:
        wedged = [
            e.workflow_task_failed_event_attributes.failure.message
            for e in run.events
            if _wedges(e)
        ]
        assert not wedged, self._story(f"workflow tasks failed: {wedged}")
        with ThreadPoolExecutor(1) as executor:
            replayer = self._replayer(workflow_task_executor=executor)
            replayed = await replayer.replay_workflow(run, raise_on_replay_failure=False)
        if replayed.replay_failure is not None:
            raise AssertionError(
                self._story("its own history does not replay")
            ) from replayed.replay_failure

    async def _next(self, expected: str) -> Sent | Closed:
        if self._left is not None:
            came = self._left
            self._left = None
        else:
            came = await self._within_patience(self._inbox.get(), expected)
        self._came.append(came)
        return came

    async def _within_patience(self, awaited: Awaitable[T], expected: str) -> T:
        try:
            return await asyncio.wait_for(awaited, PATIENCE.total_seconds())
        except TimeoutError:
            last = [event async for event in self.handle.fetch_history_events()][-3:]
            problem = (
                f"waited {PATIENCE.total_seconds()} s for {expected}; the history ends with {last}"
            )
            raise AssertionError(self._story(problem)) from None

    def _release(self, command: Any) -> "asyncio.Future[Any]":
        meant = [held for held in self._held if command is None or held.command is command]
        assert meant, self._story("no command is held: expect one first")
        assert len(meant) == 1, self._story(
            "several commands are held: name the one that is meant by to="
        )
        self._held.remove(meant[0])
        return meant[0].answer

    async def _until_answers_are_recorded(self) -> None:
        recorded = 0
        async for event in self.handle.fetch_history_events(wait_new_event=True):
            recorded += event.event_type in ENDED
            if recorded >= self._ended_commands:
                return

    async def _await_the_end(self, saga: WorkflowHandle[Any, Any]) -> None:
        try:
            closed = Closed(await saga.result())
        except WorkflowFailureError as failure:
            closed = Closed(None, failure.cause)
        self._inbox.put_nowait(closed)

    def _story(self, problem: str) -> str:
        happened = [str(came) for came in self._came] or ["nothing"]
        return "\n  ".join([f"{self.saga_id}: {problem}", "what happened:", *happened])


def _name(command: type) -> str:
    return command.__name__.removesuffix("Command")


def _wedges(event: HistoryEvent) -> bool:
    """Tell a failed workflow task; one outrun by a new message, or by large ones, or that marks a reset, is none."""
    harmless = (
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
    )
    failed = event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    return failed and event.workflow_task_failed_event_attributes.cause not in harmless
