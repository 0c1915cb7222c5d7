"""A saga as a table: its steps in order, each with what takes it back."""

from dataclasses import dataclass
from typing import Any

from temporal_saga.call import Call


@dataclass(frozen=True)
class PlannedStep:
    """One row.

    Args:
        step: its name.
        command: the name of the activity that takes it.
        participant: the task queue of whoever takes it.
        compensation: the name of the activity that takes it back; None where nothing does.
        after_pivot: whether it cannot be taken back, and is tried until it is done.
    """

    step: str
    command: str
    participant: str
    compensation: str | None = None
    after_pivot: bool = False


class Plan:
    """The steps that a saga has named so far, those included that it has not come to."""

    def __init__(self) -> None:
        """Begin with none."""
        self._rows: dict[str, PlannedStep] = {}
        self._last: PlannedStep | None = None

    def add(
        self,
        call: Call[Any, Any],
        compensation: Call[Any, Any] | None = None,
        *,
        after_pivot: bool = False,
    ) -> None:
        """Add a step; one that is known stays."""
        self._rows.setdefault(call.step_name, _row(call, compensation, after_pivot=after_pivot))

    def close(self, confirm: Call[Any, Any]) -> None:
        """Say which step is the last of all when the saga completes."""
        self._last = _row(confirm, None, after_pivot=True)

    @property
    def steps(self) -> tuple[PlannedStep, ...]:
        """All, in their order."""
        rows = dict(self._rows)
        if self._last is not None:
            rows.pop(self._last.step, None)
            rows[self._last.step] = self._last
        return tuple(rows.values())


def _row(
    call: Call[Any, Any], compensation: Call[Any, Any] | None, *, after_pivot: bool
) -> PlannedStep:
    back = compensation.name if compensation else None
    return PlannedStep(call.step_name, call.name, call.participant, back, after_pivot)
