"""An act as Temporal messages: an update with a validator, for programs, and a signal, for the command line.

A handler records a fact, and `run` acts on it; whatever arrives, none raises. A signal that cannot be read, or comes too late, is
ignored, and stands in the history for the timeline to tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from temporalio import workflow

from contracts.decisions import Decision
from contracts.text import ON_RECORD
from workflows.start import explain

D = TypeVar("D", bound=Decision)

CHECKS_TEXT = "signals are ignored whose text acts unseen"
"""The patch since which they are; a saga that had taken one before replays as it did."""


MOST_LOGGED = 20
"""So many signals that came to nothing are logged of one run of a saga."""


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
        purpose: what it is for, as people are told.
        body: what is sent with it.
        refusal: given the workflow and the body, why it cannot be done now; None when it can.
        do: given the same, does it, or nothing when it cannot be done: the history alone decides, which replays.
    """

    name: str
    purpose: str
    body: type[D]
    refusal: Callable[[Any, D], str | None]
    do: Callable[[Any, D], None]

    def handlers(self) -> tuple[Any, Any]:
        """Return the handlers of the signal and of the update, for a workflow class that has a `status` to answer with."""
        form = "{" + ", ".join(f'"{name}": "…"' for name in self.body.model_fields) + "}"

        @workflow.signal(name=self.name, description=f"{self.purpose}: {form}")
        def signal(saga: Any, *arguments: Any) -> None:
            """Do it; ignore what cannot be read or done."""
            try:
                decision = self._heard(arguments)
            except ValueError as error:
                _log(saga, self.name, str(error))
                return
            if refusal := self.refusal(saga, decision):
                _log(saga, self.name, refusal)
            self.do(saga, decision)

        @workflow.update(
            name=f"request_{self.name}", description=f"{self.purpose}, or hear why not: {form}"
        )
        def update(saga: Any, *arguments: Any) -> Any:
            """Do it, and answer with the status."""
            self.do(
                saga, self._read(arguments, ON_RECORD)
            )  # the validator has let it through, whenever that was
            return saga.status()

        @update.validator
        def validate(saga: Any, *arguments: Any) -> None:
            """Refuse what cannot be read or done; that leaves no trace in the history."""
            if refusal := self.refusal(saga, self._read(arguments)):
                raise AlreadySo(refusal) if isinstance(refusal, Already) else ValueError(refusal)

        return signal, update

    def _heard(self, arguments: Sequence[Any]) -> D:
        try:
            return self._read(arguments)
        except ValueError:
            taken_before = self._read(arguments, ON_RECORD)
            if workflow.patched(CHECKS_TEXT):
                raise
            return taken_before

    def _read(self, arguments: Sequence[Any], context: str | None = None) -> D:
        if len(arguments) != 1:
            raise ValueError(
                f"send one JSON object with {', '.join(self.body.model_fields)}; {len(arguments)} arguments came"
            )
        try:
            return self.body.model_validate(arguments[0], context=context)
        except ValidationError as error:
            raise ValueError(explain(error, self.name)) from error


def _log(saga: Any, act: str, why: str) -> None:
    """Log that a signal came to nothing, of a flood the first ones: the timeline tells of all, and thousands may come at once."""
    saga.ignored += 1
    if saga.ignored <= MOST_LOGGED:
        more = ", and logs no more of its kind" if saga.ignored == MOST_LOGGED else ""
        workflow.logger.warning("ignored the signal %s: %s%s", act, why, more)
