"""The story of a saga in business words, projected from its workflow's history.

A pure function of what Temporal recorded: it needs no worker, and tells the same while the saga runs as afterwards.
Activities are commands, their results events that carry their own name in `event`, and a search attribute holds the state.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse

from temporal_saga.trouble import in_words

RESET = "reset from outside"
"""What is told where an operator reset the workflow."""

RESET_CAUSE = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW

Kind = Literal["state", "command", "event", "decision", "note"]
Decode = Callable[[Payload], Any]
IsEvent = Callable[[str, Any], bool]
Told = Iterator[tuple[Kind, str, dict[str, Any]]]


@dataclass(frozen=True)
class Moment:
    """One entry of the story, `at` in UTC.

    An answer names its `command`, and `attempt` is how many tries that took; of a command, it is the number of the try under way.
    `sent` is the number of the event by which the command was sent: it tells one that was sent again from the one before.
    """

    at: datetime
    kind: Kind
    name: str
    participant: str | None = None
    command: str | None = None
    attempt: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    sent: int | None = None


@dataclass(frozen=True)
class Try:
    """A try under way, as describe knows it: its number, what the one before ended with, and who paused it and why, if so."""

    attempt: int
    error: str | None = None
    paused: str | None = None


def tries(description: DescribeWorkflowExecutionResponse) -> dict[str, Try]:
    """Return the tries under way by activity id: the history tells of a try only once its activity has ended."""
    return {
        pending.activity_id: Try(
            pending.attempt,
            _error(pending.last_failure) if pending.HasField("last_failure") else None,
            _paused(pending) if pending.paused else None,
        )
        for pending in description.pending_activities
    }


def _paused(pending: PendingActivityInfo) -> str:
    """Return that an operator paused a command, and why, and under which id it goes on when unpaused."""
    manual = pending.pause_info.manual
    why = f": {manual.reason}" if manual.reason else ""
    return f"paused by {manual.identity or 'an operator'}{why} (activity {pending.activity_id})"


def names_itself(_command: str, answer: Any) -> bool:
    """Tell whether an answer, to whatever command, looks like an event."""
    return isinstance(answer, dict) and "event" in answer


def project(
    history: Iterable[HistoryEvent],
    decode: Decode,
    *,
    is_event: IsEvent = names_itself,
    under_way: Mapping[str, Try] | None = None,
    state_attribute: str = "SagaState",
) -> list[Moment]:
    """Return the story that a history tells, oldest first.

    Args:
        history: the workflow's events, from the first one.
        decode: turns a payload into a JSON value; what it cannot read it may answer with any JSON value of its own.
        is_event: tells whether an answer is an event of a command, as the saga reads it; the outcome is unknown otherwise.
        under_way: the `tries` of a workflow that is open.
        state_attribute: the search attribute whose values are the saga's states.
    """
    reader = Reader(decode, is_event=is_event, under_way=under_way, state_attribute=state_attribute)
    return [moment for event in history for moment in reader.read(event)]


class Reader:
    """Reads events in order, as they come, and remembers which command each answer belongs to."""

    def __init__(
        self,
        decode: Decode,
        *,
        is_event: IsEvent = names_itself,
        under_way: Mapping[str, Try] | None = None,
        state_attribute: str = "SagaState",
    ) -> None:
        """Begin at the first event; for the arguments see `project`."""
        self._decode = decode
        self._is_event = is_event
        self._under_way = under_way or {}
        self._state_attribute = state_attribute
        self._participant: dict[int, str] = {}
        self._command: dict[int, str] = {}
        self._attempt: dict[int, int] = {}
        self._admitted: dict[str, Any] = {}

    def read(self, event: HistoryEvent) -> Iterator[Moment]:
        """Yield what one event says about the business; most say nothing."""
        name = event.WhichOneof("attributes")
        tell = getattr(self, f"_{(name or '').removesuffix('_event_attributes')}", None)
        if name is None or tell is None:
            return
        attributes = getattr(event, name)
        scheduled = getattr(attributes, "scheduled_event_id", event.event_id)
        for kind, what, detail in tell(attributes, event):
            at = event.event_time.ToDatetime(tzinfo=UTC)
            who, command, attempt = (
                self._participant.get(scheduled),
                self._command.get(scheduled),
                self._attempt.get(scheduled),
            )
            yield Moment(
                at, kind, what, who, command, attempt, detail, scheduled if command else None
            )

    def _workflow_execution_started(self, started: Any, _event: HistoryEvent) -> Told:
        yield from self._state(started.search_attributes)

    def _upsert_workflow_search_attributes(self, upsert: Any, _event: HistoryEvent) -> Told:
        yield from self._state(upsert.search_attributes)

    def _state(self, attributes: SearchAttributes) -> Told:
        if self._state_attribute in attributes.indexed_fields:
            yield "state", str(self._decode(attributes.indexed_fields[self._state_attribute])), {}

    def _activity_task_scheduled(self, scheduled: Any, event: HistoryEvent) -> Told:
        self._participant[event.event_id] = scheduled.task_queue.name
        self._command[event.event_id] = f"{scheduled.activity_type.name}Command"
        summary = event.user_metadata.summary
        detail = {"summary": self._decode(summary)} if summary.data else {}
        if trying := self._under_way.get(scheduled.activity_id):
            self._attempt[event.event_id] = trying.attempt
            detail |= {"error": trying.error} if trying.error else {}
            detail |= {"message": trying.paused, "paused": True} if trying.paused else {}
        yield "command", self._command[event.event_id], detail

    def _activity_task_started(self, started: Any, _event: HistoryEvent) -> Told:
        self._attempt[started.scheduled_event_id] = started.attempt
        yield from ()

    def _activity_task_completed(self, completed: Any, _event: HistoryEvent) -> Told:
        answer: Any = (
            self._decode(completed.result.payloads[0]) if completed.result.payloads else None
        )
        command = self._command[completed.scheduled_event_id]
        if self._is_event(command, answer):
            yield _answer(answer)
        else:
            yield (
                "note",
                f"{command} got an answer that is no event of its own: its outcome is unknown",
                {},
            )

    def _activity_task_failed(self, failed: Any, _event: HistoryEvent) -> Told:
        refusal = failed.failure.application_failure_info
        told = self._decode(refusal.details.payloads[0]) if refusal.details.payloads else None
        if isinstance(told, dict) and told.get("event") == refusal.type:
            yield _answer(told)
        else:
            yield (
                "note",
                f"{self._command[failed.scheduled_event_id]} failed",
                {"error": _error(failed.failure)},
            )

    def _activity_task_timed_out(self, timed_out: Any, _event: HistoryEvent) -> Told:
        name = f"{self._command[timed_out.scheduled_event_id]} unanswered: its outcome is unknown"
        yield "note", name, {"error": _error(timed_out.failure)}

    def _workflow_execution_signaled(self, signal: Any, _event: HistoryEvent) -> Told:
        yield (
            "decision",
            signal.signal_name,
            {"arguments": [self._decode(p) for p in signal.input.payloads], "by": "signal"},
        )

    def _workflow_execution_update_admitted(self, update: Any, _event: HistoryEvent) -> Told:
        """After a reset the server tells an update's request here, and its acceptance no longer repeats it."""
        self._admitted[update.request.meta.update_id] = update.request
        yield from ()

    def _workflow_execution_update_accepted(self, update: Any, _event: HistoryEvent) -> Told:
        given = self._admitted.get(update.protocol_instance_id, update.accepted_request).input
        yield (
            "decision",
            given.name,
            {"arguments": [self._decode(p) for p in given.args.payloads], "by": "update"},
        )

    def _workflow_execution_cancel_requested(self, cancel: Any, _event: HistoryEvent) -> Told:
        yield "decision", "cancel", {"by": "temporal", "reason": cancel.cause}

    def _workflow_task_failed(self, failed: Any, _event: HistoryEvent) -> Told:
        what = (
            RESET
            if failed.cause == RESET_CAUSE
            else "the orchestrator failed here, and tries again"
        )
        yield "note", what, {"error": _last(failed.failure)} if failed.failure.message else {}

    def _workflow_execution_terminated(self, terminated: Any, _event: HistoryEvent) -> Told:
        yield (
            "note",
            "terminated from outside: nothing more is compensated",
            {"reason": terminated.reason},
        )

    def _workflow_execution_timed_out(self, _timed_out: Any, _event: HistoryEvent) -> Told:
        yield "note", "timed out from outside: nothing more is compensated", {}


def _answer(answer: Mapping[str, Any]) -> tuple[Kind, str, dict[str, Any]]:
    return (
        "event",
        str(answer["event"]),
        {key: value for key, value in answer.items() if key not in ("event", "order_id")},
    )


def _error(failure: Failure) -> str:
    """Return what a try ended with, in plain words."""
    return in_words(_last(failure))


def _last(failure: Failure) -> str:
    """Return the message of the first cause of a failure; where the server has cut it off, of the one after it."""
    told = failure.message
    while failure.HasField("cause"):
        failure = failure.cause
        told = failure.message or told
    return told
