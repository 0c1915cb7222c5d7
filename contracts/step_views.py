"""What a reader is shown of the saga's steps, and how far an order has come in them."""

from enum import StrEnum

from pydantic import Field

from contracts.base import Contract
from contracts.record import Settlement


class ActivityView(Contract):
    """A command to a participant, and the event by which it says that the command took effect."""

    name: str = Field(
        description="the activity's name, the command's without `Command`; of a step its own name, "
        "where it has one"
    )
    label: str = Field(description="what people call it")
    command: str
    event: str


class StepView(ActivityView):
    """One step of the saga. Its name is what `/orders/{order_id}/steps/{step}` means."""

    participant: str = Field(description="the service that takes the command and its compensation")
    refusal: str | None = Field(
        description="the event by which the service says no; null when it never does"
    )
    compensation: ActivityView | None = Field(
        description="what takes the step back; null after the pivot"
    )
    after_pivot: bool = Field(description="whether the saga can no longer roll back by then")
    opens_record: bool = Field(
        description="whether it opens the order's record, and tells how an earlier run left it"
    )


class StepList(Contract):
    """The steps of the saga, in order."""

    steps: tuple[StepView, ...]


class StepState(StrEnum):
    """How far a step, or what takes it back, has come."""

    AHEAD = "AHEAD"
    """The saga has not come to this step."""
    WAITING = "WAITING"
    """A compensation that waits for its turn."""
    RUNNING = "RUNNING"
    """Sent, and not answered yet."""
    PAUSED = "PAUSED"
    """Sent, and paused by an operator at Temporal."""
    DONE = "DONE"
    """It took effect."""
    REFUSED = "REFUSED"
    """The participant said no: it did nothing."""
    UNKNOWN = "UNKNOWN"
    """There was no usable answer, so its outcome is not known."""
    STUCK = "STUCK"
    """It keeps failing and waits for a person, though it is still tried."""
    SETTLED = "SETTLED"
    """A person put it right by hand."""
    SKIPPED = "SKIPPED"
    """The saga never comes to this step."""


class CommandProgress(Contract):
    """How far one command has come, which is a step's own or its compensation's."""

    state: StepState
    attempts: int | None = Field(description="how often it was tried; null when that is not known")
    message: str | None = Field(
        description="why it was refused, or what the last try ended with; null when it did not fail"
    )
    paused: str | None = Field(description="who paused it at Temporal, and why; else null")
    settled: Settlement | None


class StepProgress(CommandProgress):
    """How far one step of an order's saga has come, and what takes it back."""

    step: str = Field(description="its name, as `GET /steps` tells")
    compensation: CommandProgress | None = Field(
        description="what takes it back in this order; null when nothing does, so far"
    )


class ReviewProgress(Contract):
    """How far a person's review of an order has come.

    WAITING for somebody to decide, DONE when it was approved, REFUSED when it was rejected, SKIPPED
    when it ended without a verdict.
    """

    state: StepState
    message: str | None = Field(description="who approved or rejected it, or why it ended")
