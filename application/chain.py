"""A saga that went on in several runs of its workflow, read as one story; a look reads so much of it and no more."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from contracts.steps import is_event
from temporal_saga.history import Moment, Reader, Try

MOST_EVENTS = 8_000
"""So many of a saga's last events are read at one look; a run goes on in another after some 4,000."""

MOST_BYTES = 8 * 2**20
"""And of so many bytes, one page more at most."""

FIRST_EVENTS = 1_000
"""So many are read of its first ones, where it has more than that."""

PAGE_BYTES = 2**20
SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED

LEFT_OUT = "a part of the story is left out here: it is longer than one look reads; the Temporal Web UI has it"
FORGOTTEN = "Temporal has forgotten what happened before, but for the states"

Decode = Callable[[Payload], Any]

Placed = tuple[tuple[int, int], Moment]
"""A moment with its place: the number of the event, and which of that event's moments it is."""


@dataclass(frozen=True)
class Before:
    """What the runs before the last one tell, oldest first; nothing when there were none.

    Args:
        moments: their story.
        started_at: when the first of them began.
        failure: why the saga failed, if it had before the last run began, as JSON.
    """

    moments: Sequence[Placed] = ()
    started_at: datetime | None = None
    failure: Any = None


@dataclass(frozen=True)
class Piece:
    """What was read of one run: its first events and, behind a gap if it has one, its last."""

    first: Sequence[HistoryEvent]
    last: Sequence[HistoryEvent] = ()

    @property
    def events(self) -> list[HistoryEvent]:
        """All that was read."""
        return [*self.first, *self.last]

    @property
    def size(self) -> int:
        """The bytes that were read."""
        return sum(event.ByteSize() for event in self.events)


class Telling:
    """One run while it is told: its moments with places that grow from run to run."""

    def __init__(self, reader: Reader, offset: int) -> None:
        """Tell what `reader` reads, and count its events from `offset`: 0 in a saga's first run."""
        self._reader = reader
        self.offset = offset

    def read(self, event: HistoryEvent) -> Iterator[Placed]:
        """Yield the moments of the next event; with what a run was told when it began nothing happened."""
        for number, moment in enumerate(self._reader.read(event)):
            sent = None if moment.sent is None else moment.sent + self.offset
            if not self.offset or event.event_id > 1:
                yield (self.offset + event.event_id, number), replace(moment, sent=sent)


class Chain:
    """The runs of one saga, the last one first."""

    def __init__(self, client: Client, decode: Decode, limit: timedelta) -> None:
        """Ask Temporal through `client`, each question for so long at most; `decode` turns a payload into a JSON value."""
        self._client = client
        self._decode = decode
        self._limit = limit

    async def read(self, description: WorkflowExecutionDescription) -> tuple[Piece, Before]:
        """Return the last run, which was described so, and what was before it.

        Raises:
            RPCError: Temporal did not answer.
        """
        last = run = await self._piece(description, MOST_EVENTS, MOST_BYTES)
        told = self.carried(last.first[0])
        if told is None:
            return last, Before()
        moments: list[Placed] = []
        events = len(last.events)
        size = last.size
        while (before := _continued(run.first[0])) and events < MOST_EVENTS and size < MOST_BYTES:
            if (piece := await self._earlier(description.id, before, MOST_EVENTS - events)) is None:
                break
            run = piece
            moments = [*self.moments(piece), *moments]
            events += len(piece.events)
            size += piece.size
        if before:
            moments = [*await self._beginning(description, self.carried(run.first[0])), *moments]
        record = told["record"]
        return last, Before(moments, datetime.fromisoformat(record["placed_at"]), record["failure"])

    def carried(self, started: HistoryEvent) -> Any:
        """Return what a run was told by the one before it, as JSON; None when it is a saga's first."""
        payloads = started.workflow_execution_started_event_attributes.input.payloads
        if not _continued(started) or not payloads:
            return None
        told = self._decode(payloads[-1])
        return told if isinstance(told, dict) and "record" in told else None

    def moments(self, piece: Piece, under_way: Mapping[str, Try] | None = None) -> list[Placed]:
        """Return the story of one run, with a note where something of it is left out."""
        begun = self.begin(piece.first[0], under_way)
        told = [placed for event in piece.first for placed in begun.read(event)]
        if piece.last:
            at = piece.last[0].event_time.ToDatetime(tzinfo=UTC)
            told.append(((begun.offset + piece.last[0].event_id, 0), Moment(at, "note", LEFT_OUT)))
            told += [placed for event in _known(piece) for placed in begun.read(event)]
        return told

    def begin(self, started: HistoryEvent, under_way: Mapping[str, Try] | None = None) -> "Telling":
        """Begin to tell a run whose first event this is."""
        told = self.carried(started)
        offset = int(told["saga"]["events"]) if told else 0
        return Telling(Reader(self._decode, is_event=is_event, under_way=under_way), offset)

    async def _beginning(
        self, description: WorkflowExecutionDescription, told: Any
    ) -> list[Placed]:
        """Return the first run's beginning; when Temporal has forgotten it, the states that the first run read was told of."""
        first_run = description.raw_description.workflow_execution_info.first_run_id
        piece = await self._earlier(description.id, first_run, FIRST_EVENTS, gap=False)
        if piece is not None:
            moments = self.moments(piece)
            (place, number), last = moments[-1]
            return [*moments, ((place, number + 1), Moment(last.at, "note", LEFT_OUT))]
        moves = [
            (datetime.fromisoformat(move["at"]), move["state"]) for move in told["record"]["moves"]
        ]
        states = [
            Moment(moves[0][0], "note", FORGOTTEN),
            *(Moment(at, "state", state) for at, state in moves),
        ]
        return [((1, number), moment) for number, moment in enumerate(states)]

    async def _earlier(
        self, workflow_id: str, run_id: str, most: int, *, gap: bool = True
    ) -> Piece | None:
        """Return an earlier run, or None when Temporal has forgotten it."""
        try:
            handle = self._client.get_workflow_handle(workflow_id, run_id=run_id)
            description = await handle.describe(rpc_timeout=self._limit)
            return await self._piece(description, most, MOST_BYTES, gap=gap)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def _piece(
        self,
        description: WorkflowExecutionDescription,
        most: int,
        most_bytes: int,
        *,
        gap: bool = True,
    ) -> Piece:
        """Return one run, all of it if it has at most so many events and bytes; else its beginning, and its end behind a gap."""
        info = description.raw_description.workflow_execution_info
        whole = info.history_length <= most and info.history_size_bytes <= most_bytes
        page = max(
            1, min(1_000, PAGE_BYTES * info.history_length // max(1, info.history_size_bytes))
        )
        handle = self._client.get_workflow_handle(description.id, run_id=description.run_id)
        coming = handle.fetch_history_events(page_size=page, rpc_timeout=self._limit)
        limits = (most, most_bytes) if whole else (min(most, FIRST_EVENTS), most_bytes // 2)
        first = await _up_to(coming, *limits, page=page)
        if whole or not gap:
            return Piece(first)
        last = await self._end(description, max(1, most - len(first)), most_bytes // 2, page)
        return Piece(first, [event for event in last if event.event_id > first[-1].event_id])

    async def _end(
        self, description: WorkflowExecutionDescription, most: int, size: int, page: int
    ) -> list[HistoryEvent]:
        """Return a run's last events, oldest first."""
        last: list[HistoryEvent] = []
        token = b""
        while len(last) < most and sum(event.ByteSize() for event in last) < size:
            request = GetWorkflowExecutionHistoryReverseRequest(
                namespace=self._client.namespace,
                execution=WorkflowExecution(workflow_id=description.id, run_id=description.run_id),
                maximum_page_size=page,
                next_page_token=token,
            )
            ask = self._client.workflow_service.get_workflow_execution_history_reverse
            answer = await ask(request, retry=True, timeout=self._limit)
            last += answer.history.events
            token = answer.next_page_token
            if not token:
                break
        return last[::-1]


def _continued(started: HistoryEvent) -> str:
    return started.workflow_execution_started_event_attributes.continued_execution_run_id


async def _up_to(
    coming: AsyncIterator[HistoryEvent], most: int, most_bytes: int, *, page: int
) -> list[HistoryEvent]:
    """Return the first events that come, up to a number, and up to a size that is looked at page by page."""
    events: list[HistoryEvent] = []
    size = 0
    async for event in coming:
        events.append(event)
        size += event.ByteSize()
        if len(events) >= most or (size >= most_bytes and len(events) % page == 0):
            break
    return events


def _known(piece: Piece) -> Iterable[HistoryEvent]:
    """Yield the events behind the gap, but for what became of commands that were sent in it."""
    sent = {event.event_id for event in piece.events if event.event_type == SCHEDULED}
    for event in piece.last:
        attributes = getattr(event, event.WhichOneof("attributes") or "", None)
        scheduled = getattr(attributes, "scheduled_event_id", 0)
        if not scheduled or scheduled in sent:
            yield event
