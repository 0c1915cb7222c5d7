"""A saga that went on in several runs of its workflow, read as one story.

A look reads so much of it and no more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionDescription

from application import run_history
from application.payloads import Decode
from application.run_history import MOST_BYTES, RunHistory, if_known, read_history
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

LEFT_OUT = (
    "a part of the story is left out here: it is longer than one look reads; "
    "the Temporal Web UI has it"
)
FORGOTTEN = "Temporal has forgotten what happened before, but for the states"


@dataclass(frozen=True)
class Before:
    """What the runs before the last one tell, oldest first; nothing when there were none.

    Args:
        moments: their story.
        started_at: when the first of them began.
    """

    moments: Sequence[Moment] = ()
    started_at: datetime | None = None


class Chain:
    """The runs of one saga, the last one first; their events are counted from run to run."""

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
        last = await read_history(self._client, description, self._limit, MOST_EVENTS)
        _, record = _handover(last.start, self._decode)
        if record is None:
            return last, Before()
        runs = [last]
        while run_before := runs[-1].run_before:
            events = sum(len(run.events) for run in runs)
            if events >= MOST_EVENTS or sum(run.size for run in runs) >= MOST_BYTES:
                break
            earlier = await self._earlier(description.id, run_before, MOST_EVENTS - events)
            if earlier is None:
                break
            runs.append(earlier)
        moments = await self._beginning(description, runs[-1]) if run_before else []
        for run in runs[:0:-1]:
            moments += story_of(run, begin(run.start, self._decode))
        return last, Before(moments, record.placed_at)

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
        moments = history and [*story_of(history, begin(history.start, self._decode))]
        if moments:  # a first run that only heard signals tells nothing
            last = moments[-1]
            return [*moments, Moment(last.at, "note", LEFT_OUT, event=last.event)]
        _, record = _handover(follower.start, self._decode)
        if record is None:
            return []
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


def begin(start: HistoryEvent, decode: Decode, tries: Mapping[str, Try] | None = None) -> Reader:
    """Begin to read a run whose first event this is; `tries` are under way, by activity id."""
    events_before, _ = _handover(start, decode)
    return Reader(
        decode,
        is_event=is_event,
        under_way=tries,
        participant_of=PARTICIPANT_OF,
        events_before=events_before,
    )


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


def _handover(start: HistoryEvent, decode: Decode) -> tuple[int, CarriedRecord | None]:
    """Return what a run was told that began so: how many events those before had, and the record.

    Of a saga's first run 0 and None.
    """
    attributes = start.workflow_execution_started_event_attributes
    if not attributes.continued_execution_run_id or not attributes.input.payloads:
        return 0, None
    try:
        handover = Handover.of(decode(attributes.input.payloads[-1]))
        return handover.saga.events, CarriedParts.model_validate(handover.parts).record
    except ValidationError:
        return 0, None
