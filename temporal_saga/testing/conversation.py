"""The conversation with one saga under test: the commands that come, and their answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHandle, WorkflowHistory
from temporalio.exceptions import ApplicationError

from temporal_saga.command_names import command_name
from temporal_saga.keys import step_key
from temporal_saga.memo import SagaMemo
from temporal_saga.testing.histories import ends_a_command
from temporal_saga.testing.orchestrator import Orchestrator
from temporal_saga.testing.participants import Closed, Participants, Sent, is_command

C = TypeVar("C")
T = TypeVar("T")


class Conversation:
    """Takes what comes of one saga, in order, and answers the commands that the test holds."""

    def __init__(
        self, participants: Participants, orchestrator: Orchestrator, patience: timedelta
    ) -> None:
        """Begin with nothing said; see `Script`."""
        self._participants = participants
        self._orchestrator = orchestrator
        self._inbox = participants.inbox(orchestrator.saga_id)
        self._came: list[Sent | Closed] = []
        self._held_commands: list[Sent] = []
        self._put_back: Sent | Closed | None = None
        self._ended_commands = 0
        self.saga_id = orchestrator.saga_id
        self.runs: list[WorkflowHistory] = []
        """The histories of its runs, once it has ended: several where one went on in another."""
        self.patience = patience

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        """The running saga, for signals, updates, queries and Temporal's cancel."""
        return self._orchestrator.handle

    async def next(self, expected: str = "anything") -> Sent | Closed:
        """Return whatever happens next: a command's try, which is not held, or the saga's end.

        Args:
            expected: what the error says the test has waited for.

        Raises:
            AssertionError: nothing came, in time.
        """
        if self._put_back is not None:
            came = self._put_back
            self._put_back = None
        else:
            came = await self.within_patience(self._inbox.get(), expected)
        self._came.append(came)
        return came

    async def commands(self, *kinds: type) -> AsyncIterator[Any]:
        """Yield commands of these classes and hold them, until something else happens.

        They may be of any attempt. What else happens is for `expect` or the end. As several
        commands may be held, `answer`, `fail` and `ignore` need to be told which is meant.

        Raises:
            AssertionError: nothing came, in time.
        """
        while True:
            came = await self.next(" or ".join(kind.__name__ for kind in kinds))
            if not is_command(came, *kinds):
                self.put_back(came)
                return
            assert isinstance(came, Sent)
            self._held_commands.append(came)
            yield came.command

    def put_back(self, came: Sent | Closed) -> None:
        """Let what `next` has just returned be the next that comes once more."""
        assert self._put_back is None, "one thing at a time can be put back"
        self._came.remove(came)
        self._put_back = came

    @property
    def has_more(self) -> bool:
        """Whether something has come already that the test has not taken yet."""
        return self._put_back is not None or not self._inbox.empty()

    async def within_patience(self, work: Awaitable[T], expected: str) -> T:
        """Return what `work` comes to.

        Args:
            work: any wait of the test's own.
            expected: what the error says the test has waited for.

        Raises:
            AssertionError: it takes longer than `patience`; the error shows where the saga stands.
        """
        try:
            return await asyncio.wait_for(work, self.patience.total_seconds())
        except TimeoutError:
            last = [event async for event in self.handle.fetch_history_events()][-3:]
            problem = (
                f"waited {self.patience.total_seconds()} s for {expected}"
                f"; the history ends with {last}"
            )
            raise AssertionError(self._explain(problem)) from None

    def answer(self, answer: Any, *, to: Any = None) -> None:
        """Let the participant answer the held command, with an event or with a refusal.

        Args:
            answer: the event, or the refusal.
            to: the command, when several are held.
        """
        self._release(to).set_result(answer)
        self._ended_commands += 1

    def fail(self, error: Exception, *, to: Any = None) -> None:
        """Let the participant fail at the held command: it is retried, if `error` is retryable."""
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
        recording = self._until_answers_are_recorded()
        await self.within_patience(recording, "the server to record the answers")

    def _fail_the_unanswered(self) -> None:
        """Fail the commands that were not answered."""
        for command in self._came:
            if isinstance(command, Sent) and not command.answer.done():
                over = ApplicationError("the script is over", non_retryable=True)
                command.answer.set_exception(over)

    def _go_back_to(self, events: Sequence[HistoryEvent]) -> None:
        """Hold nothing, and count the answers that these events, the saga's first ones, record."""
        self._held_commands.clear()
        self._ended_commands = sum(map(ends_a_command, events))

    @property
    def history(self) -> WorkflowHistory | None:
        """The history of its last run, once it has ended."""
        return self.runs[-1] if self.runs else None

    def _key(self, step: type | str) -> str:
        return step_key(self.saga_id, step if isinstance(step, str) else command_name(step))

    async def _hold(
        self, came: Sent | Closed, kind: type[C], key: str, attempt: int, fields: Mapping[str, Any]
    ) -> C:
        if not is_command(came, kind):
            why = await self._why_it_fails()
            raise AssertionError(self._explain(f"expected {kind.__name__}{why}"))
        assert isinstance(came, Sent)
        command: C = came.command
        self._held_commands.append(came)
        actual = {name: getattr(came.command, name) for name in ("idempotency_key", *fields)}
        actual["attempt"] = came.attempt
        for name, expected in {"idempotency_key": key, **fields, "attempt": attempt}.items():
            assert actual[name] == expected, self._explain(
                f"{name} of {kind.__name__} is {actual[name]!r}, not {expected!r}"
            )
        return command

    async def _why_it_fails(self) -> str:
        """Return why the saga rolls back, as its memo says; nothing where it does not."""
        failure = SagaMemo.of(await (await self.handle.describe()).memo()).failure
        return f"; the saga rolls back: {failure.reason}, {failure.message}" if failure else ""

    def _release(self, command: Any) -> "asyncio.Future[Any]":
        matches = [one for one in self._held_commands if command is None or one.command is command]
        assert matches, self._explain("no command is held: expect one first")
        assert len(matches) == 1, self._explain(
            "several commands are held: name the one that is meant by to="
        )
        self._held_commands.remove(matches[0])
        return matches[0].answer

    async def _until_answers_are_recorded(self) -> None:
        count = 0
        async for event in self.handle.fetch_history_events(wait_new_event=True):
            count += ends_a_command(event)
            if count >= self._ended_commands:
                return

    def _explain(self, problem: str) -> str:
        events = [str(came) for came in self._came] or ["nothing"]
        return "\n  ".join([f"{self.saga_id}: {problem}", "what happened:", *events])
