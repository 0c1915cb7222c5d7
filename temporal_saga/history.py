"""The story of a saga in business words, projected from its workflow's history.

A pure function of what Temporal recorded: it needs no worker, and says the same while the saga runs
as afterwards. Activities are commands, their results events that carry their own name in `event`,
and a search attribute holds the state. What became of a signal the saga itself says in its memo.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from temporalio.api.common.v1 import Memo, SearchAttributes
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

from temporal_saga.command_history import CommandReader, Decode, IsEvent, names_itself
from temporal_saga.memo import MEMO_KEY, SagaMemo
from temporal_saga.moment import Moment
from temporal_saga.signals import Signals
from temporal_saga.state import STATE
from temporal_saga.tries import Try, first_cause

RESET = "reset from outside"
"""The note where an operator reset the workflow."""

RESET_CAUSE = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW


def memo_of(memo: Memo, decode: Decode) -> SagaMemo:
    """Return a saga's memo, from a workflow's as describe, list or history returns it."""
    return SagaMemo.of(
        {name: decode(memo.fields[name]) for name in memo.fields if name == MEMO_KEY}
    )


def project(history: Iterable[HistoryEvent], decode: Decode, **options: Any) -> list[Moment]:
    """Return the story that a history tells, oldest first; at its end signals not received.

    Args:
        history: the workflow's events, from the first one.
        decode: turns a payload into a JSON value; of what it cannot read, into any other.
        options: as of `Reader`.
    """
    reader = Reader(decode, **options)
    moments = [moment for event in history for moment in reader.read(event)]
    return [*moments, *reader.rest()]


class Reader(CommandReader):
    """Reads a run's events in order, as they come.

    It remembers in `signals` those that wait for the memo that says what became of them.
    """

    def __init__(
        self,
        decode: Decode,
        *,
        is_event: IsEvent = names_itself,
        under_way: Mapping[str, Try] | None = None,
        participant_of: Mapping[str, str] | None = None,
        events_before: int = 0,
    ) -> None:
        """Begin at the first event.

        Args:
            decode: turns a payload into a JSON value; of what it cannot read, into any other.
            is_event: tells whether an answer is an event of a command, as the saga reads it; the
                outcome is unknown otherwise.
            under_way: the tries under way by activity id, of a workflow that is open.
            participant_of: by activity, who takes its command; of others it is the task queue's
                name.
            events_before: of a saga's later run, how many events the runs before had at most: its
                own are counted from there, and with what it was told when it began nothing
                happened.
        """
        super().__init__(decode, is_event, under_way or {}, participant_of or {})
        self.signals = Signals()
        self.events_before = events_before
        self._update_requests: dict[str, Any] = {}

    def read(self, event: HistoryEvent) -> Iterator[Moment]:
        """Yield what one event says about the business, and what was kept back for it."""
        name = event.WhichOneof("attributes") or ""
        read = getattr(self, f"_{name.removesuffix('_event_attributes')}", None)
        moments: list[Moment] = []
        if read is not None and self._knows_command(getattr(event, name), name):
            moments = list(read(getattr(event, name), event) or ())
        yield from self._with_numbers(self.signals.arrange(event, moments))

    def skip(self) -> Iterator[Moment]:
        """Go on behind a gap in the history; yield what was kept back."""
        yield from self._with_numbers(self.signals.release())
        self.signals.skip()

    def rest(self) -> Iterator[Moment]:
        """Yield what was kept back, and behind it the signals that the saga has not heard yet."""
        yield from self._with_numbers(self.signals.release())
        yield from self._with_numbers(self.signals.still_pending())

    def _with_numbers(self, moments: Iterable[Moment]) -> Iterator[Moment]:
        before = self.events_before
        for moment in moments:
            if not before:
                yield moment
            elif moment.event > 1:
                sent_at = moment.command_event
                yield replace(
                    moment,
                    event=before + moment.event,
                    command_event=None if sent_at is None else before + sent_at,
                )

    def _workflow_execution_started(self, attributes: Any, event: HistoryEvent) -> Iterator[Moment]:
        yield from self._memo(attributes.memo, event)
        yield from self._state(attributes.search_attributes, event)

    def _upsert_workflow_search_attributes(
        self, upsert: Any, event: HistoryEvent
    ) -> Iterator[Moment]:
        yield from self._state(upsert.search_attributes, event)

    def _state(self, attributes: SearchAttributes, event: HistoryEvent) -> Iterator[Moment]:
        if STATE.name in attributes.indexed_fields:
            state = self._decode(attributes.indexed_fields[STATE.name])
            yield self._moment(event, "state", str(state))

    def _workflow_properties_modified(
        self, attributes: Any, event: HistoryEvent
    ) -> Iterator[Moment]:
        yield from self._memo(attributes.upserted_memo, event)

    def _memo(self, memo: Memo, event: HistoryEvent) -> Iterator[Moment]:
        if MEMO_KEY in memo.fields:
            for signal in self.signals.read_memo(memo_of(memo, self._decode)):
                yield replace(signal, event=event.event_id)

    def _workflow_execution_signaled(self, signal: Any, event: HistoryEvent) -> None:
        arguments = [self._decode(payload) for payload in signal.input.payloads]
        detail = {"arguments": arguments, "by": "signal"}
        self.signals.add(self._moment(event, "decision", signal.signal_name, detail))

    def _workflow_execution_cancel_requested(self, cancel: Any, event: HistoryEvent) -> None:
        detail = {"by": "temporal", "reason": cancel.cause}
        self.signals.add(self._moment(event, "decision", "cancel", detail))

    def _workflow_execution_update_admitted(self, update: Any, _event: HistoryEvent) -> None:
        """Keep a request: after a reset it stands here, and its acceptance repeats it no more."""
        self._update_requests[update.request.meta.update_id] = update.request

    def _workflow_execution_update_accepted(
        self, update: Any, event: HistoryEvent
    ) -> Iterator[Moment]:
        request = self._update_requests.get(
            update.protocol_instance_id, update.accepted_request
        ).input
        arguments = [self._decode(payload) for payload in request.args.payloads]
        yield self._moment(
            event, "decision", request.name, {"arguments": arguments, "by": "update"}
        )

    def _workflow_task_failed(self, attributes: Any, event: HistoryEvent) -> Iterator[Moment]:
        is_reset = attributes.cause == RESET_CAUSE
        name = RESET if is_reset else "the orchestrator failed here, and tries again"
        detail = {"error": first_cause(attributes.failure)} if attributes.failure.message else {}
        yield self._moment(event, "note", name, detail)

    def _workflow_execution_completed(self, _end: Any, event: HistoryEvent) -> Iterator[Moment]:
        for cancel in self.signals.close():
            yield replace(cancel, event=event.event_id)

    _workflow_execution_failed = _workflow_execution_completed
    _workflow_execution_continued_as_new = _workflow_execution_completed

    def _workflow_execution_terminated(
        self, attributes: Any, event: HistoryEvent
    ) -> Iterator[Moment]:
        name = "terminated from outside: nothing more is compensated"
        yield self._moment(event, "note", name, {"reason": attributes.reason})

    def _workflow_execution_timed_out(
        self, _timed_out: Any, event: HistoryEvent
    ) -> Iterator[Moment]:
        yield self._moment(event, "note", "timed out from outside: nothing more is compensated")
