"""The order saga as a table: one row declares a step, and everything else derives from it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter

from contracts import stubs
from contracts.base import Command, Event, PendingEvent, Refusal
from contracts.order import OrderRejectedEvent
from contracts.payment import PaymentFailedEvent
from contracts.stock import StockDecreaseFailedEvent


def name_of(stub: Callable[[Any], Any]) -> str:
    """Return the name of an activity, given its stub."""
    return str(_definition(stub).name)


def _definition(stub: Callable[[Any], Any]) -> Any:
    """Return what Temporal knows of an activity stub."""
    return vars(stub)["__temporal_activity_definition"]


@dataclass(frozen=True)
class Activity:
    """One command to a participant.

    Args:
        stub: the typed stub of the activity that takes it.
        label: what people call it, in few words.
    """

    stub: Callable[[Any], Any]
    label: str

    @property
    def name(self) -> str:
        """The activity's name: the command's without `Command`."""
        return name_of(self.stub)

    @property
    def command(self) -> str:
        """The command's name."""
        return self.command_type.__name__

    @property
    def command_type(self) -> type[Command]:
        """What the participant is sent."""
        [argument] = _definition(self.stub).arg_types
        command_type: type[Command] = argument
        return command_type

    @property
    def event(self) -> str:
        """The name of the event that says that the command took effect."""
        return self.event_type.__name__

    @property
    def event_type(self) -> type[Event]:
        """What the participant answers when the command took effect."""
        [event_type] = [
            kind for kind in self._events if not issubclass(kind, Refusal | PendingEvent)
        ]
        return event_type

    @property
    def pending_event(self) -> str | None:
        """The name of the event that says "not yet"; None where the participant has none."""
        names = [kind.__name__ for kind in self._events if issubclass(kind, PendingEvent)]
        return next(iter(names), None)

    @property
    def _events(self) -> tuple[type[Event], ...]:
        answer = self.answer
        return get_args(answer) or (answer,)

    @property
    def answer(self) -> Any:
        """Everything that the activity may return: a type, or a union of types."""
        return _definition(self.stub).ret_type


@dataclass(frozen=True)
class Step:
    """One row: a command, the participant that takes it, and what takes its effect back.

    Args:
        forward: the command.
        participant: who takes it and its compensation: the name of a task queue, of a role of
            `worker.py`, and of the rooms `participants/*` and `activities/*`.
        compensation: what takes the command's effect back; None after the pivot.
        refusal: the event by which the participant says no; None when it never does.
        after_pivot: whether the saga can no longer roll back when it comes to this step.
        is_optional: whether only some orders come to it: of others it is not shown.
        own_name: its name, where that is not its activity's; the call of the command is given the
            same. Of rows with one activity, forward or back, each but one has a name of its own.
    """

    forward: Activity
    participant: str
    compensation: Activity | None = None
    refusal: type[Refusal] | None = None
    after_pivot: bool = False
    is_optional: bool = False
    own_name: str | None = None

    @property
    def name(self) -> str:
        """The step's name: its own, or else its activity's."""
        return self.own_name or self.forward.name

    @property
    def command(self) -> str:
        """The name of the step's command."""
        return self.forward.command

    @property
    def event(self) -> str:
        """The name of the event that says that the step is done."""
        return self.forward.event

    @property
    def activities(self) -> tuple[Activity, ...]:
        """The command, and its compensation if there is one."""
        return (self.forward, self.compensation) if self.compensation else (self.forward,)


STEPS = (
    Step(
        Activity(stubs.register_order, "Register"),
        participant=stubs.ORDER_QUEUE,
        compensation=Activity(stubs.cancel_order, "Cancel the order"),
        refusal=OrderRejectedEvent,
    ),
    Step(
        Activity(stubs.process_payment, "Pay"),
        participant=stubs.PAYMENT_QUEUE,
        compensation=Activity(stubs.refund_payment, "Refund"),
        refusal=PaymentFailedEvent,
    ),
    Step(
        Activity(stubs.decrease_stock, "Take from stock"),
        participant=stubs.STOCK_QUEUE,
        compensation=Activity(stubs.restore_stock, "Restore stock"),
        refusal=StockDecreaseFailedEvent,
    ),
    Step(
        Activity(stubs.capture_payment, "Capture"),
        participant=stubs.PAYMENT_QUEUE,
        after_pivot=True,
        is_optional=True,
    ),
    Step(
        Activity(stubs.confirm_order, "Confirm"),
        participant=stubs.ORDER_QUEUE,
        after_pivot=True,
    ),
)
"""In the order in which the saga takes them."""


def _step_of(stub: Callable[[Any], Any]) -> Step:
    """Return the row that a forward command has."""
    return next(step for step in STEPS if step.forward.stub is stub)


OPENING = _step_of(stubs.register_order)
"""Opens the order's record, and tells how an earlier run left it; its compensation closes it."""

PAYMENT = _step_of(stubs.process_payment)
STOCK = _step_of(stubs.decrease_stock)

PARTICIPANTS = tuple(dict.fromkeys(step.participant for step in STEPS))
"""Who takes part, in the order of their first steps."""

ORCHESTRATOR = "orchestrator"
ROLES = (ORCHESTRATOR, *PARTICIPANTS)
"""What a worker can be."""

REFUSALS = tuple(step.refusal for step in STEPS if step.refusal is not None)
"""The events by which a participant says no."""

PARTICIPANT_OF = {activity.name: step.participant for step in STEPS for activity in step.activities}
"""By an activity's name."""

PARTICIPANT_OF_STEP = {step.name: step.participant for step in STEPS}
"""By a step's name."""

STEP_OF = {
    activity.command: step.name
    for step in sorted(STEPS, key=lambda step: step.own_name is None)
    for activity in step.activities
}
"""By a command's name, the step that it belongs to where its activity's id names none."""

_ANSWERS = {activity.command: activity.answer for step in STEPS for activity in step.activities}


def belongs(step: str, command: str, named_step: str | None) -> bool:
    """Tell whether a command belongs to a step.

    Args:
        step: the step's name.
        command: the command's name.
        named_step: the step that the id of the command's activity names; None where it names none.
    """
    return step == (named_step or STEP_OF.get(command, step))


def command_of(activity: str) -> str:
    """Return the name of the command that an activity of this name takes."""
    return f"{activity}Command"


def is_event(command: str, answer: Any) -> bool:
    """Tell whether an answer is an event of this command, as the saga reads it.

    Args:
        command: the name of a step's or a compensation's command; any other has no events.
        answer: JSON.
    """
    if command not in _ANSWERS:
        return False
    try:
        _reader(command).validate_json(json.dumps(answer))
    except ValueError:
        return False
    return True


@cache
def _reader(command: str) -> TypeAdapter[Any]:
    return TypeAdapter(_ANSWERS[command])
