"""One step of a saga beside what takes it back."""

from typing import Any, NamedTuple, Self

from temporal_saga.call import Call


class Branch(NamedTuple):
    """A step with the compensation that takes it back.

    Its compensation needs no result of the step, so that it can be sent whatever became of it.

    Units: none.
    Errors: none.
    Source: the compensatable transaction of C. Richardson, *Microservices Patterns* (2018).
    """

    call: Call[Any, Any]
    compensation: Call[Any, Any] | None = None

    @classmethod
    def to(
        cls,
        participant: str,
        command: Any,
        compensation: Any,
        answer: type[Any] | None = None,
        *,
        summary: str = "",
        step: str | None = None,
    ) -> Self:
        """Return the step that sends a command, with the one that takes it back, as `Call.to`."""
        call = Call.to(participant, command, answer or type(None), summary=summary, step=step)
        return cls(call, Call.to(participant, compensation, summary=summary))
