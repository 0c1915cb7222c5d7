"""A saga that went on in several runs of its workflow, read as one story.

A look reads so much of it and no more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionDescription

from application import run_history
from application.payloads import Decode
from application.run import Run
from application.run_history import MOST_BYTES, RunHistory, if_known, read_history
from contracts.carry_over import CarriedParts, CarriedRecord
from temporal_saga.carry_over import Handover
from temporal_saga.history import Reader
from temporal_saga.moment import Moment
from temporal_saga.tries import Try

MOST_EVENTS = 8_000
"""At most so many of a saga's last events are read at once.

A run continues as new after some 4,000.
"""

LEFT_OUT = (
    "a part of the story is left out here: it is longer than one look reads; "
    "the Temporal Web UI has it"
)
FORGOTTEN_WHOLLY = "Temporal has forgotten what happened before"
FORGOTTEN = f"{FORGOTTEN_WHOLLY}, but for the states"


@dataclass(frozen=True)
class Before:
    """What the runs before the last one tell; nothing when there were none.

    Args:
        moments: their story, oldest first.
        started_at: when the first run of all began.
    """

    moments: Sequence[Moment]
    started_at: datetime


class Chain:
    """The runs of one saga, the last one first; their events are counted from run to run."""

    def __init__(self, client: Client, decode: Decode, limit: timedelta, **options: Any) -> None:
        """Ask Temporal through `client`.

        Args:
            client: of the sagas' namespace.
            decode: turns a payload into a JSON value.
            limit: how long to wait for each answer.
            options: how the runs are read, as of `Reader`.
        """
        self._client = client
        self._decode = decode
        self._limit = limit
        self._options = options

    async def read(self, description: WorkflowExecutionDescription) -> tuple[RunHistory, Before]:
        """Return the last run, which was described so, and what was before it.

        Raises:
            RPCError: Temporal did not answer.
        """
        runs = [await read_history(self._client, description, self._limit, MOST_EVENTS)]
        while run_before := runs[0].run_before:
            events = sum(len(run.events) for run in runs)
            if events >= MOST_EVENTS or sum(run.size for run in runs) >= MOST_BYTES:
                break
            earlier = await self._earlier(description.id, run_before, MOST_EVENTS - events)
            if earlier is None:
                break
            runs.insert(0, earlier)
        moments = await self._beginning(description, runs[0]) if run_before else []
        for run in runs[:-1]:
            moments += story_of(run, self.begin(run.start))
        started_at = runs[0].start.event_time.ToDatetime(tzinfo=UTC)
        record = record_of(handover_of(runs[-1].start, self._decode))
        return runs[-1], Before(moments, record.placed_at if record else started_at)

    def tell(self, run: Run, last: RunHistory, before: Before | None = None) -> Run:
        """Return a run with its story, `last`, and that of the runs before it.

        Args:
            run: as it was described; what is under way stands at the story's end.
            last: its history.
            before: what the runs before it tell; None where there were none.
        """
        start = last.start.workflow_execution_started_event_attributes
        handover = handover_of(last.start, self._decode)
        arguments = start.input.payloads[:-1] if handover else start.input.payloads
        reader = self.begin(last.start, run.tries)
        moments = [*(before.moments if before else ()), *story_of(last, reader), *reader.rest()]
        return replace(
            run,
            started_at=before.started_at
            if before
            else last.start.event_time.ToDatetime(tzinfo=UTC),
            moments=moments,
            input=self._decode(arguments[0]) if len(arguments) == 1 else None,
        )

    def begin(self, start: HistoryEvent, tries: Mapping[str, Try] | None = None) -> Reader:
        """Begin to read a run whose first event this is; `tries` are under way, by activity id."""
        handover = handover_of(start, self._decode)
        return Reader(
            self._decode,
            under_way=tries,
            events_before=handover.saga.events if handover else 0,
            **self._options,
        )

    async def _beginning(
        self, description: WorkflowExecutionDescription, follower: RunHistory
    ) -> list[Moment]:
        """Return the first run's beginning.

        When Temporal has forgotten it: the states that were handed over to the run `follower`.
        """
        first_run = description.raw_description.workflow_execution_info.first_run_id
        history = await self._earlier(
            description.id, first_run, run_history.FIRST_EVENTS, gap=False
        )
        moments = history and [*story_of(history, self.begin(history.start))]
        if moments:  # a first run that only heard signals tells nothing
            last = moments[-1]
            return [*moments, Moment(last.at, "note", LEFT_OUT, event=last.event)]
        record = record_of(handover_of(follower.start, self._decode))
        if record is None:
            at = follower.start.event_time.ToDatetime(tzinfo=UTC)
            return [Moment(at, "note", FORGOTTEN_WHOLLY, event=1)]
        states = [Moment(move.at, "state", move.state, event=1) for move in record.moves]
        return [Moment(record.placed_at, "note", FORGOTTEN, event=1), *states]

    async def _earlier(
        self, workflow_id: str, run_id: str, most: int, *, gap: bool = True
    ) -> RunHistory | None:
        """Return an earlier run, or None when Temporal has forgotten it."""
        handle = self._client.get_workflow_handle(workflow_id, run_id=run_id)
        with if_known():
            description = await handle.describe(rpc_timeout=self._limit)
            return await read_history(self._client, description, self._limit, most, gap=gap)
        return None


def story_of(history: RunHistory, reader: Reader) -> Iterator[Moment]:
    """Yield the story of one run, with a note where something of it is left out."""
    for event in history.first:
        yield from reader.read(event)
    if history.last:
        yield from reader.skip()
        at = history.last[0].event_time.ToDatetime(tzinfo=UTC)
        number = reader.events_before + history.last[0].event_id
        yield Moment(at, "note", LEFT_OUT, event=number)
        for event in history.last:
            yield from reader.read(event)


def handover_of(start: HistoryEvent, decode: Decode) -> Handover | None:
    """Return what a run was told that began so; None of a first run, or where it is not ours."""
    attributes = start.workflow_execution_started_event_attributes
    if not attributes.continued_execution_run_id or not attributes.input.payloads:
        return None
    try:
        return Handover.of(decode(attributes.input.payloads[-1]))
    except ValidationError:
        return None


def record_of(handover: Handover | None) -> CarriedRecord | None:
    """Return what an order's run was told of its record; None of any other saga."""
    if handover is None:
        return None
    try:
        return CarriedParts.model_validate(handover.parts).record
    except ValidationError:
        return None
