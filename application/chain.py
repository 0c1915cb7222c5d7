"""A saga that went on in several runs of its workflow, read as one story.

A look reads so much of it and no more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from pydantic import ValidationError
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from application import run_history
from application.payloads import Decode
from application.run_history import RunHistory, read_history
from contracts.carry_over import CarriedParts, CarriedRecord
from contracts.steps import PARTICIPANT_OF, is_event
from temporal_saga.carry_over import Handover
from temporal_saga.history import Reader
from temporal_saga.moment import Moment
from temporal_saga.tries import Try

MOST_EVENTS = 8_000
"""At most so many of a saga's last events are read at once.

A run continues as new after some 4,000.
"""

MOST_BYTES = 8 * 2**20
"""And of so many bytes, one page more at most."""

LEFT_OUT = (
    "a part of the story is left out here: it is longer than one look reads; "
    "the Temporal Web UI has it"
)
FORGOTTEN = "Temporal has forgotten what happened before, but for the states"

PlacedMoment = tuple[tuple[int, int], Moment]
"""A moment with its place: the number of the event, and which of that event's moments it is."""


@dataclass(frozen=True)
class Before:
    """What the runs before the last one tell, oldest first; nothing when there were none.

    Args:
        moments: their story.
        started_at: when the first of them began.
    """

    moments: Sequence[PlacedMoment] = ()
    started_at: datetime | None = None


class RunStory:
    """One run while it is told: its moments with places that grow from run to run."""

    def __init__(self, reader: Reader, offset: int) -> None:
        """Tell what `reader` reads, and count its events from `offset`: 0 in a saga's first run."""
        self._reader = reader
        self._last = offset
        self.offset = offset

    def read(self, event: HistoryEvent) -> Iterator[PlacedMoment]:
        """Yield the moments of the next event, and those that waited for it.

        With what a run was told when it began nothing happened.
        """
        self._last = self.offset + event.event_id
        yield from self._with_places(self._reader.read(event))

    def skip(self) -> Iterator[PlacedMoment]:
        """Go on behind a gap in the run's history; yield what was kept back."""
        yield from self._with_places(self._reader.signals.release())
        self._reader.signals.skip()

    def rest(self) -> Iterator[PlacedMoment]:
        """Yield what was kept back, and behind it the signals that the saga has not heard yet."""
        yield from self._with_places(self._reader.signals.release())
        for number, moment in enumerate(self._reader.signals.still_pending()):
            yield (self._last + 1, number), moment

    def _with_places(self, moments: Iterable[Moment]) -> Iterator[PlacedMoment]:
        for event, of_event in groupby(moments, key=lambda moment: moment.event):
            for number, moment in enumerate(of_event):
                command_event = (
                    None if moment.command_event is None else moment.command_event + self.offset
                )
                if not self.offset or event > 1:
                    yield (
                        (self.offset + event, number),
                        replace(moment, command_event=command_event),
                    )


class Chain:
    """The runs of one saga, the last one first."""

    def __init__(self, client: Client, decode: Decode, limit: timedelta) -> None:
        """Ask Temporal through `client`.

        Args:
            client: of the sagas' namespace.
            decode: turns a payload into a JSON value.
            limit: how long to wait for each answer.
        """
        self._client = client
        self._decode = decode
        self._limit = limit

    async def read(self, description: WorkflowExecutionDescription) -> tuple[RunHistory, Before]:
        """Return the last run, which was described so, and what was before it.

        Raises:
            RPCError: Temporal did not answer.
        """
        last = run = await self._read_run(description, MOST_EVENTS)
        if (handover := self._handover(last.first[0])) is None:
            return last, Before()
        moments: list[PlacedMoment] = []
        events = len(last.events)
        size = last.size
        while (before := _run_before(run.first[0])) and events < MOST_EVENTS and size < MOST_BYTES:
            if (
                history := await self._earlier(description.id, before, MOST_EVENTS - events)
            ) is None:
                break
            run = history
            moments = [*self.moments(history), *moments]
            events += len(history.events)
            size += history.size
        if before:
            moments = [*await self._beginning(description, run.first[0]), *moments]
        return last, Before(moments, handover.record.placed_at)

    def _handover(self, started: HistoryEvent) -> "_Handover | None":
        """Return what the run before told the one that began so; None for a saga's first run."""
        payloads = started.workflow_execution_started_event_attributes.input.payloads
        if not _run_before(started) or not payloads:
            return None
        try:
            handover = Handover.of(self._decode(payloads[-1]))
            parts = CarriedParts.model_validate(handover.parts)
        except ValidationError:
            return None
        return _Handover(handover.saga.events, parts.record)

    def moments(self, history: RunHistory) -> list[PlacedMoment]:
        """Return the story of a run that another one followed."""
        return list(self._moments(history, self.begin(history.first[0])))

    def last_moments(self, history: RunHistory, under_way: Mapping[str, Try]) -> list[PlacedMoment]:
        """Return the story of the last run, with what is under way."""
        story = self.begin(history.first[0], under_way)
        return [*self._moments(history, story), *story.rest()]

    def _moments(self, history: RunHistory, story: RunStory) -> Iterator[PlacedMoment]:
        """Yield the story of one run, with a note where something of it is left out."""
        for event in history.first:
            yield from story.read(event)
        if history.last:
            at = history.last[0].event_time.ToDatetime(tzinfo=UTC)
            yield (story.offset + history.last[0].event_id, 0), Moment(at, "note", LEFT_OUT)
            yield from story.skip()
            for event in history.behind_gap():
                yield from story.read(event)

    def begin(self, started: HistoryEvent, under_way: Mapping[str, Try] | None = None) -> RunStory:
        """Begin to tell a run whose first event this is."""
        handover = self._handover(started)
        reader = Reader(
            self._decode, is_event=is_event, under_way=under_way, participant_of=PARTICIPANT_OF
        )
        return RunStory(reader, handover.events if handover else 0)

    async def _beginning(
        self, description: WorkflowExecutionDescription, started: HistoryEvent
    ) -> list[PlacedMoment]:
        """Return the first run's beginning.

        When Temporal has forgotten it: the states that were handed over to the run that `started`.
        """
        first_run = description.raw_description.workflow_execution_info.first_run_id
        history = await self._earlier(
            description.id, first_run, run_history.FIRST_EVENTS, gap=False
        )
        moments = [] if history is None else self.moments(history)
        if moments:  # a first run that only heard signals tells nothing
            (place, number), last = moments[-1]
            return [*moments, ((place, number + 1), Moment(last.at, "note", LEFT_OUT))]
        if (handover := self._handover(started)) is None:
            return []
        record = handover.record
        states = [
            Moment(record.placed_at, "note", FORGOTTEN),
            *(Moment(move.at, "state", move.state) for move in record.moves),
        ]
        return [((1, number), moment) for number, moment in enumerate(states)]

    async def _read_run(
        self, description: WorkflowExecutionDescription, most: int, *, gap: bool = True
    ) -> RunHistory:
        return await read_history(
            self._client, description, self._limit, most=most, most_bytes=MOST_BYTES, gap=gap
        )

    async def _earlier(
        self, workflow_id: str, run_id: str, most: int, *, gap: bool = True
    ) -> RunHistory | None:
        """Return an earlier run, or None when Temporal has forgotten it."""
        try:
            handle = self._client.get_workflow_handle(workflow_id, run_id=run_id)
            description = await handle.describe(rpc_timeout=self._limit)
            return await self._read_run(description, most, gap=gap)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return None
            raise


class _Handover(NamedTuple):
    """How many events the runs before had at most, and the order's record so far."""

    events: int
    record: CarriedRecord


def _run_before(started: HistoryEvent) -> str:
    return started.workflow_execution_started_event_attributes.continued_execution_run_id
