"""The commands of a saga and their answers, as its workflow's history has them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from temporal_saga.local_marker import local_activity
from temporal_saga.moment import Kind, Moment
from temporal_saga.step_names import step_of
from temporal_saga.tries import Try, error_of

Decode = Callable[[Payload], Any]
IsEvent = Callable[[str, Any], bool]


def names_itself(_command: str, answer: Any) -> bool:
    """Tell whether an answer, to whatever command, looks like an event."""
    return isinstance(answer, dict) and "event" in answer


def anything(_command: str, _answer: Any) -> bool:
    """Take every answer for an event, of a saga whose events nobody here knows."""
    return True


class CommandReader:
    """Reads what became of each command, and remembers which command an answer belongs to."""

    def __init__(
        self,
        decode: Decode,
        is_event: IsEvent,
        under_way: Mapping[str, Try],
        participant_of: Mapping[str, str],
    ) -> None:
        """Begin at the first event; for the arguments see `history.Reader`."""
        self._decode = decode
        self._is_event = is_event
        self._under_way = under_way
        self._participant_of = participant_of
        self._participant: dict[int, str] = {}
        self._command: dict[int, str] = {}
        self._step: dict[int, str | None] = {}
        self._attempt: dict[int, int] = {}

    def _knows_command(self, attributes: Any, name: str) -> bool:
        """Tell whether the command that an answer belongs to was read: it may stand in a gap."""
        is_answer = name.startswith("activity_task_") and hasattr(attributes, "scheduled_event_id")
        return not is_answer or attributes.scheduled_event_id in self._command

    def _moment(
        self, event: HistoryEvent, kind: Kind, name: str, detail: dict[str, Any] | None = None
    ) -> Moment:
        """Return a moment of an event, with the command that the event is about, if it is."""
        attributes = getattr(event, event.WhichOneof("attributes") or "")
        command_event = getattr(attributes, "scheduled_event_id", event.event_id)
        command = self._command.get(command_event)
        return Moment(
            event.event_time.ToDatetime(tzinfo=UTC),
            kind,
            name,
            self._participant.get(command_event),
            command,
            self._attempt.get(command_event),
            detail or {},
            command_event if command else None,
            event.event_id,
            step=self._step.get(command_event),
        )

    def _activity_task_scheduled(self, attributes: Any, event: HistoryEvent) -> Iterator[Moment]:
        task_queue = attributes.task_queue.name
        participant = self._participant_of.get(attributes.activity_type.name, task_queue)
        self._participant[event.event_id] = participant
        detail: dict[str, Any] = {}
        if trying := self._under_way.get(attributes.activity_id):
            self._attempt[event.event_id] = trying.attempt
            detail |= {"error": trying.error} if trying.error else {}
            if trying.paused:
                detail |= {"message": trying.paused, "paused": True}
        self._step[event.event_id] = step_of(attributes.activity_id)
        yield self._command_sent(event, attributes.activity_type.name, detail)

    def _command_sent(self, event: HistoryEvent, activity: str, detail: dict[str, Any]) -> Moment:
        command = self._command[event.event_id] = f"{activity}Command"
        summary = event.user_metadata.summary
        summed_up = {"summary": self._decode(summary)} if summary.data else {}
        return self._moment(event, "command", command, summed_up | detail)

    def _activity_task_started(self, attributes: Any, _event: HistoryEvent) -> None:
        self._attempt[attributes.scheduled_event_id] = attributes.attempt

    def _activity_task_completed(self, attributes: Any, event: HistoryEvent) -> Iterator[Moment]:
        yield self._result_moment(event, attributes.scheduled_event_id, attributes.result)

    def _activity_task_failed(self, attributes: Any, event: HistoryEvent) -> Iterator[Moment]:
        yield self._failure_moment(event, attributes.scheduled_event_id, attributes.failure)

    def _marker_recorded(self, marker: Any, event: HistoryEvent) -> Iterator[Moment]:
        """Read a local activity: its command and its answer stand in one event."""
        local = local_activity(marker, self._decode)
        if local is None:
            return
        if participant := self._participant_of.get(local.name):
            self._participant[event.event_id] = participant
        self._step[event.event_id] = step_of(local.id)
        yield self._command_sent(event, local.name, {})
        self._attempt[event.event_id] = 1
        if local.failure is None:
            yield self._result_moment(event, event.event_id, local.result)
        else:
            yield self._failure_moment(event, event.event_id, local.failure)

    def _result_moment(self, event: HistoryEvent, command_event: int, result: Payloads) -> Moment:
        answer: Any = self._decode(result.payloads[0]) if result.payloads else None
        command = self._command[command_event]
        if self._is_event(command, answer):
            return self._answer(answer, event)
        name = f"{command} got an answer that is no event of its own: its outcome is unknown"
        return self._moment(event, "note", name)

    def _failure_moment(self, event: HistoryEvent, command_event: int, failure: Failure) -> Moment:
        refusal = failure.application_failure_info
        answer = self._decode(refusal.details.payloads[0]) if refusal.details.payloads else None
        if isinstance(answer, dict) and answer.get("event") == refusal.type:
            return replace(self._answer(answer, event), refuses=True)
        name = f"{self._command[command_event]} failed"
        return self._moment(event, "note", name, {"error": error_of(failure)})

    def _activity_task_timed_out(self, attributes: Any, event: HistoryEvent) -> Iterator[Moment]:
        name = f"{self._command[attributes.scheduled_event_id]} unanswered: its outcome is unknown"
        yield self._moment(event, "note", name, {"error": error_of(attributes.failure)})

    def _answer(self, answer: Any, event: HistoryEvent) -> Moment:
        """Return a participant's answer; one that does not name itself, by its command."""
        fields = answer if isinstance(answer, Mapping) else {"answer": answer}
        detail = {
            name: value for name, value in fields.items() if name not in ("event", "order_id")
        }
        moment = self._moment(event, "event", "", detail)
        command = (moment.command or "").removesuffix("Command")
        return replace(moment, name=str(fields.get("event", f"{command} answered")))
