"""Commands as plain values: the activity that takes one, and the key that is filled in."""

from dataclasses import dataclass, is_dataclass, replace
from typing import Any, Generic, TypeVar

C = TypeVar("C")


def command_name(command: type) -> str:
    """Return the name of the activity that takes commands of this class."""
    return command.__name__.removesuffix("Command")


@dataclass(frozen=True)
class Unsent(Generic[C]):
    """A command without its key, which is filled in at the moment when it is sent.

    Args:
        command: a pydantic model or a dataclass with a field `idempotency_key`.
    """

    command: C

    def __call__(self, *, idempotency_key: str) -> C:
        """Return the command under this key."""
        change: Any = _replace if is_dataclass(self.command) else _copy
        command: C = change(self.command, idempotency_key)
        return command


def _replace(command: Any, key: str) -> Any:
    return replace(command, idempotency_key=key)


def _copy(command: Any, key: str) -> Any:
    return command.model_copy(update={"idempotency_key": key})
