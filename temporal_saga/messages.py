"""An act as Temporal messages: an update with a validator, for programs, and a signal.

The signal is for Temporal's command line. A handler records a fact, and `run` acts on it; whatever
arrives, none raises. A signal that cannot be read, or comes too late, changes nothing, and the
saga's memo says why.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from temporalio import workflow
from temporalio.common import RawValue

D = TypeVar("D", bound=BaseModel)

MOST_LOGGED = 20
"""So many ignored signals are logged of one run of a saga."""

UPDATE = "update"
SIGNAL = "signal"
"""How an act reached the saga."""


class Already(str):
    """A refusal that is none: what is asked for is so already, and asking changes nothing."""

    __slots__ = ()


class AlreadySo(ValueError):
    """Raised to whoever asks for it by an update, which then leaves no trace in the history."""


class Taker(Protocol):
    """Whom the acts of a saga are done to, and who notes what became of each."""

    def note_signal(self, signal: str, why_ignored: str | None = None) -> int:
        """Note that a signal came, and why it changes nothing if so; return its number."""
        ...

    def ignore(self, number: int, why: str) -> None:
        """Note why a signal changed nothing."""
        ...

    def take(self, number: int) -> None:
        """Note that a signal was taken."""
        ...

    def log_ignored(self, signal: str, why: str) -> None:
        """Log that a signal changed nothing."""
        ...

    def decide(self, message: str, decision: Any, through: str) -> None:
        """Note that a decision was taken."""
        ...

    def status(self) -> Any:
        """Return what an update answers."""
        ...


def explain(error: ValidationError, _whole: str) -> str:
    """Return one line that says what is wrong with what was sent."""
    problems = [
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
    ]
    return "; ".join(problems)


@dataclass(frozen=True)
class Act(Generic[D]):
    """One act that a saga takes.

    Args:
        name: the signal's name; the update's is `request_{name}`.
        purpose: what it is for, as people read it.
        body: what is sent with it.
        refusal: given the taker and the body, why it cannot be done now; None when it can.
        do: given the same, does it and returns None, or returns why it changed nothing. It rests on
            the history alone, which replays. It is also given what to call if the act is taken
            later in the same task, after all.
        explain: given what is wrong with a body and the act's name, says it in one line.
        taken_context: pydantic's context in which is read what a validator let through, perhaps by
            the rule of an earlier release.
    """

    name: str
    purpose: str
    body: type[D]
    refusal: Callable[[Any, D], str | None]
    do: Callable[[Any, D, Callable[[], None]], str | None]
    explain: Callable[[ValidationError, str], str] = explain
    taken_context: str | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of what has to be sent with it."""
        fields = self.body.model_fields
        return tuple(name for name, field in fields.items() if field.is_required())

    def handlers(self) -> tuple[Any, Any]:
        """Return the handlers of the signal and of the update, for a workflow's class."""

        @workflow.signal(name=self.name, description=f"{self.purpose}: {self._form}")
        @takes_one_raw_value("self")
        def signal(saga: Any, *arguments: Any) -> None:
            """Do it; ignore what cannot be read or done."""
            self._on_signal(saga, arguments)

        @workflow.update(
            name=f"request_{self.name}",
            description=f"{self.purpose}, or learn why not: {self._form}",
        )
        def update(saga: Any, *arguments: Any) -> Any:
            """Do it, and answer with the status."""
            return self._on_update(saga, arguments)

        @update.validator
        def validate(saga: Any, *arguments: Any) -> None:
            """Refuse what cannot be read or done; that leaves no trace in the history."""
            self._validate(saga, arguments)

        return signal, update

    def install(self, saga: Taker) -> None:
        """Let the workflow under way take this act where its class has no handler of the name."""

        @takes_one_raw_value()
        def signal(*arguments: Any) -> None:
            self._on_signal(saga, arguments)

        def update(*arguments: Any) -> Any:
            return self._on_update(saga, arguments)

        def validate(*arguments: Any) -> None:
            self._validate(saga, arguments)

        if workflow.get_signal_handler(self.name) is None:
            workflow.set_signal_handler(self.name, signal)
        if workflow.get_update_handler(f"request_{self.name}") is None:
            workflow.set_update_handler(f"request_{self.name}", update, validator=validate)

    @property
    def _form(self) -> str:
        return "{" + ", ".join(f'"{name}": "…"' for name in self.fields) + "}"

    def _on_update(self, saga: Taker, arguments: Sequence[Any]) -> Any:
        # The validator has let it through, whenever that was.
        decision = self._read(arguments, self.taken_context)

        def accept() -> None:
            saga.decide(self.name, decision, UPDATE)

        if self.do(saga, decision, accept) is None:
            accept()
        return saga.status()

    def _validate(self, saga: Taker, arguments: Sequence[Any]) -> None:
        if refusal := self.refusal(saga, self._read(arguments)):
            raise AlreadySo(refusal) if isinstance(refusal, Already) else ValueError(refusal)

    def _on_signal(self, saga: Taker, arguments: Sequence[Any]) -> None:
        try:
            decision = self._read([_decode(argument) for argument in arguments])
        except ValueError as error:
            saga.note_signal(self.name, f"it cannot be read: {error}")
            return
        number = saga.note_signal(self.name)

        def accept() -> None:
            saga.take(number)
            saga.decide(self.name, decision, SIGNAL)

        why = self.do(saga, decision, accept)
        if why is None:
            accept()
        else:
            saga.ignore(number, why)
            if self.refusal(saga, decision):  # else it is only early, and may be taken yet
                saga.log_ignored(self.name, why)

    def _read(self, arguments: Sequence[Any], context: str | None = None) -> D:
        if len(arguments) != 1:
            fields = ", ".join(self.fields)
            raise ValueError(f"send one JSON object with {fields}; {len(arguments)} arguments came")
        try:
            return self.body.model_validate(arguments[0], context=context)
        except ValidationError as error:
            raise ValueError(self.explain(error, self.name)) from error


def takes_one_raw_value(
    *before: str,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a signal's argument come undecoded, so that one which nobody can decode comes, too.

    Temporal's SDK drops what it cannot decode before any handler gets it; then the saga would
    count fewer signals than the history has. It reads the types from the signature.
    """

    def declare(handler: Callable[..., None]) -> Callable[..., None]:
        only = inspect.Parameter.POSITIONAL_ONLY
        argument = inspect.Parameter("argument", only, annotation=RawValue)
        parameters = [*(inspect.Parameter(name, only) for name in before), argument]
        vars(handler)["__signature__"] = inspect.Signature(parameters)
        handler.__annotations__ = {"argument": RawValue}
        return handler

    return declare


def _decode(argument: Any) -> Any:
    if not isinstance(argument, RawValue):
        return argument
    try:
        return workflow.payload_converter().from_payload(argument.payload)
    except Exception as error:  # whatever a converter throws at bytes it cannot read
        raise ValueError(f"the argument cannot be decoded: {error}") from error
