"""What a reader is shown of a saga of any type."""

from datetime import datetime

from pydantic import Field

from contracts.base import Contract
from contracts.record import Failure
from contracts.step_views import StepProgress
from contracts.views import TimelineEntry


class SagaActView(Contract):
    """What a person may tell a saga now, by a signal, or by an update `request_` and its name."""

    signal: str
    step: str | None = Field(description="the stuck step that it is about; null of the whole saga")
    fields: tuple[str, ...] = Field(description="what is sent with it, as one JSON object")


class SagaView(Contract):
    """A saga of any type as Temporal has it, whether or not any worker runs."""

    workflow_id: str
    workflow_type: str
    state: str = Field(description="as the saga shows it, or else by what its history tells")
    status: str = Field(description="the workflow's, as Temporal names it")
    started_at: datetime
    closed_at: datetime | None
    needs_attention: bool = Field(
        description="something is stuck, its code fails again and again, or its workflow was ended "
        "from outside before it was through"
    )
    failure: Failure | None
    steps: tuple[StepProgress, ...] = Field(
        description="in their order; those that the saga has not come to only while a worker of "
        "its task queue tells which they are"
    )
    acts: tuple[SagaActView, ...]
    timeline: tuple[TimelineEntry, ...]
