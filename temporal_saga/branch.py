"""One step of a saga beside what takes it back."""

from typing import Any, NamedTuple

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
