"""What the sagas of this room say to their participants.

Passed through the sandbox, as production's contracts are.
"""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict
from temporalio import activity
from temporalio.exceptions import ApplicationError

from temporal_saga.call import Call


class Command(BaseModel):
    """What is asked of a participant; nothing but its name and its key tell one from another."""

    model_config = ConfigDict(frozen=True)

    idempotency_key: str

    def fingerprint(self) -> str:
        """Differ when something else is asked."""
        return type(self).__name__


class Done(BaseModel):
    """A participant's yes."""

    what: str


class No(BaseModel):
    """A participant's business "no"."""

    reason: str


def done_or_raise(answer: Done | No) -> Done:
    """Return a yes, and raise a no as the door into a participant does."""
    if isinstance(answer, No):
        raise ApplicationError(answer.reason, answer.model_dump(), type="No", non_retryable=True)
    return answer


def yes(command: Command) -> Done:
    """Return what a participant answers when all is well."""
    return Done(what=name_of(type(command)))


def name_of(command: type[Command]) -> str:
    """Return the name of a command's step."""
    return command.__name__.removesuffix("Command")


def calls(participant: str, *commands: type[Command]) -> dict[type[Command], Call[Any, Any]]:
    """Return how each of these commands is sent to its participant."""
    return {kind: Call(participant, _stub(name_of(kind)), kind, name_of(kind)) for kind in commands}


def _stub(name: str) -> Callable[[Command], Done]:
    @activity.defn(name=name)
    def stub(_command: Command) -> Done:
        raise NotImplementedError

    return stub
