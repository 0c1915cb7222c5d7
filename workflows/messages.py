"""An act as Temporal messages: an update with a validator, for programs, and a signal.

The signal is for Temporal's command line. A handler records a fact, and `run` acts on it; whatever
arrives, none raises. A signal that cannot be read, or comes too late, changes nothing, and the
saga's memo says why.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RawValue

from contracts.acts import Through
from contracts.decisions import Decision
from contracts.text import ON_RECORD
from workflows.start import explain

D = TypeVar("D", bound=Decision)

MOST_LOGGED = 20
"""So many ignored signals are logged of one run of a saga."""


class Already(str):
    """A refusal that is none: what is asked for is so already, and asking changes nothing."""

    __slots__ = ()


class AlreadySo(ValueError):
    """Raised to whoever asks for it by an update, which then leaves no trace in the history."""


@dataclass(frozen=True)
class Act(Generic[D]):
    """One act that a saga takes.

    Args:
        name: the signal's name; the update's is `request_{name}`.
        purpose: what it is for, as people read it.
        body: what is sent with it.
        refusal: given the workflow and the body, why it cannot be done now; None when it can.
        do: given the same, does it and returns None, or returns why it changed nothing. It rests on
            the history alone, which replays. It is also given what to call if the act is taken
            later in the same task, after all.
    """

    name: str
    purpose: str
    body: type[D]
    refusal: Callable[[Any, D], str | None]
    do: Callable[[Any, D, Callable[[], None]], str | None]

    def handlers(self) -> tuple[Any, Any]:
        """Return the handlers of the signal and of the update, for a class of `Acts`."""
        form = "{" + ", ".join(f'"{name}": "…"' for name in self._required_fields()) + "}"

        @workflow.signal(name=self.name, description=f"{self.purpose}: {form}")
        @takes_one_raw_value
        def signal(saga: Any, *arguments: Any) -> None:
            """Do it; ignore what cannot be read or done."""
            self._on_signal(saga, arguments)

        @workflow.update(
            name=f"request_{self.name}", description=f"{self.purpose}, or learn why not: {form}"
        )
        def update(saga: Any, *arguments: Any) -> Any:
            """Do it, and answer with the status."""
            # The validator has let it through, whenever that was.
            decision = self._read(arguments, ON_RECORD)

            def accept() -> None:
                saga.decide(self.name, decision, Through.UPDATE)

            if self.do(saga, decision, accept) is None:
                accept()
            return saga.status()

        @update.validator
        def validate(saga: Any, *arguments: Any) -> None:
            """Refuse what cannot be read or done; that leaves no trace in the history."""
            if refusal := self.refusal(saga, self._read(arguments)):
                raise AlreadySo(refusal) if isinstance(refusal, Already) else ValueError(refusal)

        return signal, update

    def _required_fields(self) -> list[str]:
        return [name for name, field in self.body.model_fields.items() if field.is_required()]

    def _on_signal(self, saga: Any, arguments: Sequence[Any]) -> None:
        try:
            decision = self._read([_decode(argument) for argument in arguments])
        except ValueError as error:
            saga.note_signal(self.name, f"it cannot be read: {error}")
            return
        number = saga.note_signal(self.name)

        def accept() -> None:
            saga.take(number)
            saga.decide(self.name, decision, Through.SIGNAL)

        why = self.do(saga, decision, accept)
        if why is None:
            accept()
        else:
            saga.ignore(number, why)
            if self.refusal(saga, decision):  # else it is only early, and may be taken yet
                saga.log_ignored(self.name, why)

    def _read(self, arguments: Sequence[Any], context: str | None = None) -> D:
        if len(arguments) != 1:
            fields = ", ".join(self._required_fields())
            raise ValueError(f"send one JSON object with {fields}; {len(arguments)} arguments came")
        try:
            return self.body.model_validate(arguments[0], context=context)
        except ValidationError as error:
            raise ValueError(explain(error, self.name)) from error


def takes_one_raw_value(handler: Callable[..., None]) -> Callable[..., None]:
    """Let a signal's argument come undecoded, so that one which nobody can decode comes, too.

    Temporal's SDK drops what it cannot decode before any handler gets it; then the saga would
    count fewer signals than the history has. It reads the types from the signature.
    """
    argument = inspect.Parameter("argument", inspect.Parameter.POSITIONAL_ONLY, annotation=RawValue)
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    vars(handler)["__signature__"] = inspect.Signature([itself, argument])
    handler.__annotations__ = {"argument": RawValue}
    return handler


def _decode(argument: Any) -> Any:
    if not isinstance(argument, RawValue):
        return argument
    try:
        return workflow.payload_converter().from_payload(argument.payload)
    except Exception as error:  # whatever a converter throws at bytes it cannot read
        raise ValueError(f"the argument cannot be decoded: {error}") from error
