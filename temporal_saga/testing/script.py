"""The script of one saga: what a test expects of it, and what it answers."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Self, TypeVar

from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import WorkflowRunner

from temporal_saga.keys import compensation_key
from temporal_saga.policy import Policy
from temporal_saga.testing.conversation import Conversation
from temporal_saga.testing.orchestrator import Orchestrator
from temporal_saga.testing.participants import Closed, Participants, Sent

C = TypeVar("C")

PATIENCE = timedelta(seconds=15)
"""How long a script waits for what it expects, by default, before it says that nothing came."""


class Script(Conversation):
    """One saga, which a test leads from its start to its end; used with `async with`.

    Promises:

    1. Commands come in the order that the test expects, each under its idempotency key; anything
       else is an AssertionError that says what happened instead.
    2. A command is held until it is answered, so that the test decides what happens meanwhile.
    3. Nothing hangs: what does not come within `patience` is an AssertionError that shows where the
       saga stands.
    4. At the end no command is left over, no workflow task had failed, and the saga's own histories
       replay.

    Units: durations are `timedelta`s.
    Errors: AssertionError, for whatever is not as the test expects.
    Source: the saga tests of Eventuate Tram: given, expect command, reply, expect compensation.
    """

    def __init__(  # noqa: PLR0913  # what an orchestrator's worker needs to know, each by its name
        self,
        client: Client,
        participants: Participants | Mapping[str, Collection[type]],
        workflow: type,
        *,
        saga_id: str,
        workflow_type: str | None = None,
        runner: WorkflowRunner | None = None,
        policy: Policy | None = None,
        max_cached_workflows: int = 1000,
        locally: timedelta | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        """Prepare the story of one saga.

        Args:
            client: where to start the saga.
            participants: who gets its commands; or the command classes that each task queue takes,
                which this script then plays alone, so no other may use these queues meanwhile.
            workflow: the workflow's class.
            saga_id: the workflow's id, the root of its idempotency keys.
            workflow_type: the name to start it by; None for the class's own.
            runner: what runs its code; None for what the client's `SagaPlugin` says, or else
                Temporal's sandbox.
            policy: the saga's limits; None for those of the client's `SagaPlugin`, or else the
                default ones.
            max_cached_workflows: 0 makes every workflow task a replay from the first event.
            locally: how long a local activity waits for its answer, and with it whatever is sent to
                the saga; unanswered, it goes on as an ordinary one. None for no local activities.
            patience: how long it waits for what it expects.
        """
        own_parts: list[Participants | Orchestrator] = []
        if not isinstance(participants, Participants):
            participants = Participants(client, participants)
            own_parts.append(participants)
        orchestrator = Orchestrator(
            client,
            workflow,
            saga_id,
            runner=runner,
            policy=policy,
            max_cached_workflows=max_cached_workflows,
            participants=participants,
            locally=locally is not None,
        )
        super().__init__(participants, orchestrator, patience)
        self._own_parts = (*own_parts, orchestrator)
        participants.answer_locally(saga_id, locally or timedelta())
        self._workflow_type = workflow_type or vars(workflow)["__temporal_workflow_definition"].name
        self.client = client

    async def __aenter__(self) -> Self:
        """Start the orchestrator's worker, and the participants' where the script has its own."""
        for part in self._own_parts:
            await part.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything; a saga in mid-story is terminated."""
        self._participants.forget(self.saga_id)
        await self._orchestrator.terminate()
        self._fail_the_unanswered()
        for part in reversed(self._own_parts):
            await part.__aexit__()

    # What happens to the saga from outside.

    async def start(
        self, *arguments: Any, workflow_type: str | None = None, **options: Any
    ) -> None:
        """Given: a saga started with these arguments.

        Args:
            arguments: the workflow's; a `RawValue` is sent as it is.
            workflow_type: the name to start it by, if not the usual one.
            options: whatever else `Client.start_workflow` takes.
        """
        await self._orchestrator.start(
            workflow_type or self._workflow_type,
            *arguments,
            on_end=self._inbox.put_nowait,
            **options,
        )

    async def reset(self, at: type | str | None = None) -> None:
        """Reset the open saga, as an operator does: a new run goes on from one of its tasks.

        The new run receives again the messages that came after that task.

        Args:
            at: the command that the task sent, for the first time, or the step where that has a
                name of its own; None for the first task.
        """
        resetting = self._orchestrator.reset(at, self._inbox.put_nowait)
        task = await self.within_patience(resetting, f"the task that sends {at or 'anything'}")
        self._go_back_to((await self.handle.fetch_history()).events[: task - 1])

    @asynccontextmanager
    async def orchestrator_away(
        self, *, back_as: type | None = None, locally: bool | None = None
    ) -> AsyncIterator[None]:
        """Stop the orchestrator's worker, and start another at the end.

        What happens meanwhile reaches the saga all at once.

        Args:
            back_as: the workflow's class that the other one serves; None for the same.
            locally: whether it tries calls as local activities first; None for as before.
        """
        async with self._orchestrator.away(back_as, locally):
            yield

    # What the test expects next.

    async def expect(
        self, command: type[C], /, *, step: str | None = None, attempt: int = 1, **fields: Any
    ) -> C:
        """Expect a step's command as the next thing that happens, and hold it.

        Args:
            command: its class.
            step: the step's name, where that is not its activity's.
            attempt: which try of it the participant sees.
            fields: what fields of the command must be.

        Returns:
            The command, for a closer look.

        Raises:
            AssertionError: something else came, or nothing; or its key, its attempt or a field is
                not as expected.
        """
        came = await self.next(command.__name__)
        return await self._hold(came, command, self._key(step or command), attempt, fields)

    async def expect_compensation(
        self, command: type[C], /, *, of: type | str, attempt: int = 1, **fields: Any
    ) -> C:
        """Expect the compensation of a step; otherwise like `expect`.

        `of` is the step's command, or its name where that is not its activity's.
        """
        came = await self.next(command.__name__)
        return await self._hold(came, command, compensation_key(self._key(of)), attempt, fields)

    async def expect_all(self, *commands: type | tuple[type, str]) -> list[Any]:
        """Expect the commands of steps side by side, in whatever order they come; hold them all.

        Args:
            commands: their classes, with the step's name where that is not its activity's.

        Returns:
            The commands, in this order; `answer`, `fail` and `ignore` need to be told which.

        Raises:
            AssertionError: as in `expect`.
        """
        steps = [step if isinstance(step, tuple) else (step, step) for step in commands]
        kinds = {self._key(name): kind for kind, name in steps}
        missing = list(kinds)
        by_key: dict[str, Any] = {}
        while missing:
            came = await self.next(" and ".join(missing))
            came_key = came.key if isinstance(came, Sent) else None
            key = came_key if came_key in missing else missing[0]
            missing.remove(key)
            by_key[key] = await self._hold(came, kinds[key], key, 1, {})
        return [by_key[key] for key in kinds]

    # How the saga ends.

    async def completed(self) -> Any:
        """Expect that the saga completes, with no further command.

        Returns:
            Its result.

        Raises:
            AssertionError: it failed, a command came, a workflow task had failed, or the history
                does not replay.
        """
        end = await self._expect_end()
        assert end.error is None, self._explain("expected that the saga completes")
        return end.result

    async def failed(self) -> ApplicationError:
        """Expect that the saga fails, with no further command.

        Returns:
            Its error.

        Raises:
            AssertionError: it ended otherwise, a command came, a workflow task had failed, or the
                history does not replay.
        """
        error = (await self._expect_end()).error
        assert isinstance(error, ApplicationError), self._explain("expected that the saga fails")
        return error

    async def _expect_end(self) -> Closed:
        came = await self.next("the saga to end")
        assert isinstance(came, Closed), self._explain("expected the saga to end")
        self.runs = await self._orchestrator.histories()
        for run in self.runs:
            if defect := await self._orchestrator.defect(run):
                problem, error = defect
                raise AssertionError(self._explain(problem)) from error
        return came
