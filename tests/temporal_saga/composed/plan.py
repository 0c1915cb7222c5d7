"""Composed sagas as data: what they do, what goes wrong at their participants, who cancels when.

Passed through the sandbox, as the words of the other sagas are.
"""

from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, create_model

from temporal_saga.call import Call
from tests.temporal_saga.composed.messages import Command, calls

QUEUE = "ledgers"
MOST_STEPS = 16

Harmless = Literal["done", "done, after an outage", "done, the answer lost once"]
Forward = (
    Harmless
    | Literal[
        "refused",
        "done, never answered",
        "never done",
        "done while compensated",
        "comes after its compensation",
        "comes after the end",
    ]
)
Lasting = Harmless | Literal["stuck, then well again", "stuck, then retried", "stuck, then settled"]

HARMLESS: tuple[Harmless, ...] = ("done", "done, after an outage", "done, the answer lost once")
UNANSWERED: tuple[Forward, ...] = (
    "done, never answered",
    "never done",
    "done while compensated",
    "comes after its compensation",
    "comes after the end",
)
STUCK: tuple[Lasting, ...] = (
    "stuck, then well again",
    "stuck, then retried",
    "stuck, then settled",
)


class Value(BaseModel):
    """Something that prints as it is written."""

    model_config = ConfigDict(frozen=True)


class Step(Value):
    """One step before the pivot, and how its participant fares with it and its compensation.

    `is_twin`: whether its activities are those of all twins, and its name is its own.
    """

    number: int
    is_twin: bool = False
    forward: Forward = "done"
    back: Lasting = "done"


class Finish(Value):
    """One step after the pivot; likewise."""

    number: int
    is_twin: bool = False
    fares: Lasting = "done"


class Cancel(Value):
    """Somebody cancels while a command is under way, or together with its success."""

    at: str
    way: Literal["signal", "temporal"] = "signal"
    times: int = 1
    together: bool = False


class Plan(Value):
    """One saga: groups of steps side by side, the pivot, and groups of steps to finish.

    `closing` is how the participant fares that closes the books, whatever else failed; None when
    nobody does.
    """

    groups: tuple[tuple[Step, ...], ...]
    finish: tuple[tuple[Finish, ...], ...] = ()
    closing: Lasting | None = None
    cancels: tuple[Cancel, ...] = ()

    @property
    def steps(self) -> dict[str, Step]:
        """The steps before the pivot by their names."""
        return {put(step.number): step for group in self.groups for step in group}

    @property
    def lasting(self) -> dict[str, Lasting]:
        """How participants fare with what must happen, by its command's name."""
        fares = {take(step.number): step.back for step in self.steps.values()}
        fares |= {put(step.number): step.fares for group in self.finish for step in group}
        return fares | ({take(CLOSING): self.closing} if self.closing else {})

    @property
    def twins(self) -> list[int]:
        """The numbers of the steps with one activity."""
        steps: list[Step | Finish] = [*self.steps.values()]
        steps += [step for group in self.finish for step in group]
        return [step.number for step in steps if step.is_twin]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all commands that it may send."""
        return (*self.steps, *self.lasting)

    @property
    def leaves_commands_unanswered(self) -> bool:
        """Whether only a limit can end it."""
        return any(step.forward in UNANSWERED for step in self.steps.values())


CLOSING = 0


def put(number: int) -> str:
    """Return the name of a step's command, which is the step's name."""
    return f"Put{number}"


def take(number: int) -> str:
    """Return the name of the command that takes a step back."""
    return f"Take{number}"


def number(of: str) -> int:
    """Return the number of the step that a command belongs to."""
    return int(of.removeprefix("Put").removeprefix("Take"))


def name_in_plan(activity: str, step: str | None) -> str:
    """Return the name of a command, given its activity and its step where that has its own name."""
    return activity if step is None else f"{activity}{number(step)}"


TWINS = ("Put", "Take")
"""The activities that several steps have."""

COMMANDS: dict[str, type[Command]] = {
    name: create_model(f"{name}Command", __base__=Command)
    for names in (*((put(n), take(n)) for n in range(MOST_STEPS + 1)), TWINS)
    for name in names
}
CALLS = {
    kind.__name__.removesuffix("Command"): call
    for kind, call in calls(QUEUE, *COMMANDS.values()).items()
}


def call_of(step: Step | Finish) -> Call[Any, Any]:
    """Return the call of a step."""
    name = put(step.number)
    return replace(CALLS["Put"], step=name) if step.is_twin else CALLS[name]


def compensation_of(step: Step) -> Call[Any, Any]:
    """Return the call that takes a step back."""
    return CALLS["Take" if step.is_twin else take(step.number)]
