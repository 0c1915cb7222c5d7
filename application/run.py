"""What Temporal knows of an order's saga."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from temporalio.api.common.v1 import Memo
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.client import WorkflowExecutionDescription

from application.payloads import Decode
from contracts.placing import DraftOrder, PlaceOrder, salvage
from contracts.record import Failure
from contracts.states import CLOSED, SagaState
from contracts.steps import STEP_OF, belongs, command_of
from contracts.stubs import MEMO_AGAIN_OF, WEDGED_AFTER
from temporal_saga.history import memo_of
from temporal_saga.memo import RetriableState, SagaMemo
from temporal_saga.moment import Moment
from temporal_saga.tries import Try, tries_under_way


@dataclass(frozen=True)
class Run:
    """The last run of an order's saga, with what the runs before it tell.

    Args:
        closed_at: None while it runs.
        attributes: the search attributes by name.
        moments: the story so far; empty where only visibility or describe was asked.
        input: what it was started with, as JSON.
        memo: what the saga has decided.
        wedged_since: since when it has not got past its task under way, if that fails again and
            again; visibility does not tell.
        tries: what is under way, by activity id, where describe was asked.
        again_of: the failed order that it was started again for.
        workflow_type: what Temporal calls its workflow; "" where the history alone was asked.
        status: how the workflow stands, as Temporal numbers it; 0 likewise.
    """

    started_at: datetime
    closed_at: datetime | None
    attributes: Mapping[str, Any]
    moments: Sequence[Moment] = ()
    input: Any = None
    memo: SagaMemo = field(default_factory=SagaMemo)
    wedged_since: datetime | None = None
    tries: Mapping[str, Try] = field(default_factory=dict)
    again_of: str | None = None
    workflow_type: str = ""
    status: int = 0

    @classmethod
    def of(cls, info: WorkflowExecutionInfo, decode: Decode) -> "Run":
        """Return a run without its story, as describe, visibility or its history has it."""
        fields = info.search_attributes.indexed_fields
        is_open = not info.HasField("close_time")
        return cls(
            started_at=info.start_time.ToDatetime(tzinfo=UTC),
            closed_at=None if is_open else info.close_time.ToDatetime(tzinfo=UTC),
            attributes={
                name: json.loads(fields[name].data) for name in fields if fields[name].data
            },
            memo=memo_of(info.memo, decode),
            again_of=_again_of(info.memo, decode),
            workflow_type=info.type.name,
            status=info.status,
        )

    @classmethod
    def of_description(cls, description: WorkflowExecutionDescription, decode: Decode) -> "Run":
        """Return a run without its story, with what is under way."""
        raw = description.raw_description
        task = raw.pending_workflow_task
        is_wedged = task.attempt >= WEDGED_AFTER
        return replace(
            cls.of(raw.workflow_execution_info, decode),
            wedged_since=task.original_scheduled_time.ToDatetime(tzinfo=UTC) if is_wedged else None,
            tries=tries_under_way(raw),
        )

    def tries_at(self, step: str) -> int | None:
        """Return how many tries of what is stuck at a step the server has begun in this round.

        None when it tries nothing of that step.
        """
        commands = {command_of(r.command) for r in self.memo.retriables if r.step == step}
        tries = [trying for command in commands for trying in self._tries_of(step, command)]
        return sum(trying.attempt for trying in tries) or None

    def moments_of(self, step: str, command: str) -> Sequence[Moment]:
        """Return the moments when a step's command was sent, answered, or given up."""
        return self._moments.get((step, command)) or self._moments.get((None, command), ())

    @cached_property
    def _moments(self) -> Mapping[tuple[str | None, str], Sequence[Moment]]:
        """By step and command; by no step where nothing but the command tells which it is."""
        moments: defaultdict[tuple[str | None, str], list[Moment]] = defaultdict(list)
        for moment in self.moments:
            if moment.command is not None:
                step = moment.step or STEP_OF.get(moment.command)
                moments[step, moment.command].append(moment)
        return moments

    def retriables_of(self, step: str, command: str) -> list[RetriableState]:
        """Return what the saga says of a step's command that must eventually succeed."""
        return [
            retriable
            for retriable in self.memo.retriables
            if (retriable.step, command_of(retriable.command)) == (step, command)
        ]

    @property
    def stuck_retriables(self) -> list[RetriableState]:
        """What must eventually succeed and keeps failing, as the saga says."""
        return [each for each in self.memo.retriables if each.stuck_since is not None]

    @property
    def stuck_steps(self) -> list[str]:
        """The steps that these belong to."""
        return [retriable.step for retriable in self.stuck_retriables]

    def error_of(self, step: str, command: str) -> str | None:
        """Return what the last try of a command ended with that failed; None where none is known.

        Where the story does not tell, the memo does of what is stuck.
        """
        errors = [retriable.trouble for retriable in self.retriables_of(step, command)]
        moments = self.moments_of(step, command)
        errors += [moment.detail["error"] for moment in moments if "error" in moment.detail]
        return errors[-1] if errors else None

    def pause_of(self, step: str, command: str) -> str | None:
        """Return who paused a command at Temporal and why; None when it is not paused."""
        return next((trying.paused for trying in self._tries_of(step, command)), None)

    def _tries_of(self, step: str, command: str) -> Iterator[Try]:
        for trying in self.tries.values():
            if command_of(trying.command) == command and belongs(step, command, trying.step):
                yield trying

    @property
    def paused_ids(self) -> list[str]:
        """The activities that an operator paused, where describe was asked."""
        return [id_ for id_, trying in self.tries.items() if trying.paused]

    @property
    def state(self) -> SagaState:
        """The state that the saga shows; before it shows one of its own, PENDING."""
        try:
            return SagaState(self.attributes.get("SagaState", SagaState.PENDING))
        except ValueError:
            return SagaState.PENDING

    @property
    def is_stuck(self) -> bool:
        """The saga says that it needs a person."""
        return bool(self.attributes.get("NeedsAttention", False))

    @property
    def is_paused(self) -> bool:
        """An operator paused a command of it at Temporal; visibility does not tell which."""
        return bool(self.paused_ids or self.attributes.get("TemporalPauseInfo"))

    @property
    def stuck_since(self) -> datetime | None:
        """Since when the saga needs a person; None when it does not."""
        times = [retriable.stuck_since for retriable in self.memo.retriables]
        return min((at for at in times if at), default=None) if self.is_stuck else None

    @property
    def is_wedged(self) -> bool:
        """The saga's own code fails again and again; visibility hears of that later."""
        return self.wedged_since is not None or bool(
            self.attributes.get("TemporalReportedProblems")
        )

    def is_left_open(self, *, is_on_record: bool) -> bool:
        """Tell whether nobody works on its order any more, which is not closed.

        `is_on_record` says that the order's record is open; where it has none, the state tells that
        the saga was ended from outside before it was through.
        """
        return self.closed_at is not None and (is_on_record or self.state not in CLOSED)

    @property
    def failure(self) -> Failure | None:
        """Why the saga fails, in its own words; None when it does not.

        Details that were too large for the memo stand in the record once the order has closed.
        """
        failure = self.memo.failure
        return None if failure is None else Failure.model_validate(vars(failure))

    @cached_property
    def order(self) -> DraftOrder:
        """The order as far as it can be read."""
        try:
            return PlaceOrder.model_validate(self.input)
        except ValidationError as error:
            return salvage(self.input, error)


def _again_of(memo: Memo, decode: Decode) -> str | None:
    order_id = decode(memo.fields[MEMO_AGAIN_OF]) if MEMO_AGAIN_OF in memo.fields else None
    return order_id if isinstance(order_id, str) else None
