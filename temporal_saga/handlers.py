"""A participant's handlers: what each command does to the rows, with the fence put around it.

A handler knows nothing of Temporal, nor of keys. What is made of it is a plain function of the
command, whose name and annotations tell `activity.defn` all that it must know.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import iscoroutinefunction, signature
from typing import Any, Protocol, Self, TypeAlias, get_type_hints

import sqlalchemy as sa

from temporal_saga.command_names import command_name
from temporal_saga.fence_table import APPLIED

Handler: TypeAlias = Callable[[sa.Connection, Any], Any]
Activity: TypeAlias = Callable[[Any], Any]


class TakesOnce(Protocol):
    """A fence."""

    @property
    def forward(self) -> Callable[..., Any]:
        """Takes what can be taken back."""
        ...

    @property
    def compensate(self) -> Callable[..., Any]:
        """Takes back."""
        ...

    @property
    def once(self) -> Callable[..., Any]:
        """Takes what is never taken back."""
        ...


@dataclass(frozen=True)
class Recorded:
    """An answer as it is stored."""

    text: str = "null"

    @classmethod
    def model_validate_json(cls, json_data: str, /) -> Self:
        """Read a stored answer."""
        return cls(json_data)

    def model_dump_json(self) -> str:
        """Write an answer to be stored."""
        return self.text


class RecordedRefusal(Recorded):
    """A refusal as it is stored: the name of its class, its arguments and its attributes."""

    @classmethod
    def of(cls, error: Exception, kinds: Iterable[type[Exception]]) -> Self:
        """Return what is stored of an error that is of one of these kinds, as JSON or as text."""
        name = next(kind.__name__ for kind in kinds if isinstance(error, kind))
        fields = [name, error.args, vars(error)]
        return cls(json.dumps(fields, default=_plain, skipkeys=True))

    def error(self, kinds: Iterable[type[Exception]]) -> Exception:
        """Return the error again; its class's `__init__`, which may take anything, is not called.

        Raises:
            LookupError: none of these kinds has its name.
        """
        name, arguments, *attributes = json.loads(self.text)  # an older release stored no third
        kind = {kind.__name__: kind for kind in kinds}[name]
        error = kind.__new__(kind, *arguments)
        vars(error).update(*attributes)
        return error


@dataclass(frozen=True)
class Serving:
    """Puts a fence around handlers.

    Args:
        fence: takes each command once.
        record: writes another answer into a command's row.
        refusals: what handlers raise to say no.
    """

    fence: TakesOnce
    record: Callable[[sa.Connection, str, str, Any], None]
    refusals: tuple[type[Exception], ...]

    def activities(self, step: Handler | tuple[Handler, Handler]) -> list[Activity]:
        """Return what takes the commands of a step, and those that take it back.

        Raises:
            TypeError: a handler is async, or its annotations do not say what it takes and returns.
        """
        if not isinstance(step, tuple):
            return [_with_name_of(step, self._once(step))]
        forward, compensation = step
        return [
            _with_name_of(forward, self._forward(forward)),
            _with_name_of(compensation, self._compensate(compensation)),
        ]

    def _forward(self, handler: Handler) -> Activity:
        def take(command: Any) -> Any:
            entry = Recorded()
            refusal: Exception | None = None

            def effect(connection: sa.Connection) -> RecordedRefusal | None:
                nonlocal entry, refusal
                try:
                    entry = _entry_of(handler(connection, command))
                except self.refusals as error:
                    refusal = error
                    return RecordedRefusal.of(error, self.refusals)
                if entry != Recorded():
                    self.record(connection, command.idempotency_key, APPLIED, entry)
                return None

            answer = self.fence.forward(command, Recorded(), effect, RecordedRefusal)
            if isinstance(answer, RecordedRefusal):
                raise refusal or answer.error(self.refusals)
            # What was recorded before, or else what the effect has just recorded.
            return answer if answer != Recorded() else entry

        return take

    def _compensate(self, handler: Handler) -> Activity:
        def take(command: Any) -> Any:
            def effect(connection: sa.Connection, has_happened: bool) -> Recorded:
                return _entry_of(handler(connection, command) if has_happened else None)

            return self.fence.compensate(command, Recorded(), effect)

        return take

    def _once(self, handler: Handler) -> Activity:
        def take(command: Any) -> Any:
            def effect(connection: sa.Connection) -> Recorded:
                return _entry_of(handler(connection, command))

            return self.fence.once(command, Recorded(), effect)

        return take


def _with_name_of(handler: Handler, take: Activity) -> Activity:
    """Return the function that takes the handler's commands, named and typed as it says."""
    what = getattr(handler, "__qualname__", repr(handler))
    if iscoroutinefunction(handler):
        raise TypeError(f"{what} is async, and a handler is not: make it a plain `def`")
    hints = get_type_hints(handler)
    match list(signature(handler).parameters):
        case [_, name] if {name, "return"} <= hints.keys():
            kind = hints[name]
        case _:
            raise TypeError(f"{what} is no handler: (connection, command: Command) -> Event | None")
    event = hints["return"]
    if event is not type(None) and not hasattr(event, "model_validate_json"):
        raise TypeError(f"{what} answers {event}, which is neither a pydantic model nor None")

    def serve(command: Any) -> Any:
        entry = take(command)
        if event is type(None) or entry == Recorded():  # a compensation of what never happened
            return None
        return event.model_validate_json(entry.text)

    serve.__name__ = serve.__qualname__ = command_name(kind)
    serve.__doc__ = handler.__doc__
    serve.__annotations__ = {"command": kind, "return": event}
    return serve


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else str(value)


def _entry_of(answer: Any) -> Recorded:
    return Recorded() if answer is None else Recorded(answer.model_dump_json())
