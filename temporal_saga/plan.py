"""A saga as a table: its steps in order, each with what takes it back."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from temporal_saga.branch import Branch
from temporal_saga.call import Call
from temporal_saga.step_names import MisnamedStep


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
        self._steps_on_record: frozenset[str] | None = None
        self.has_record = False
        """Whether the saga has a record, which must know before of all that may be taken back."""

    def add(
        self,
        call: Call[Any, Any],
        compensation: Call[Any, Any] | None = None,
        *,
        after_pivot: bool = False,
    ) -> None:
        """Add a step; one that is known stays."""
        self._rows.setdefault(call.step_name, _row(call, compensation, after_pivot=after_pivot))

    def declare(self, steps: Collection[Branch]) -> None:
        """Add all that the saga's record knows of, as it is opened."""
        for call, compensation in steps:
            self.add(call, compensation)
        self._steps_on_record = frozenset(call.step_name for call, back in steps if back)

    def check(self, *steps: Branch) -> None:
        """See that the saga's record, where it has one, knows of what would be taken back.

        Raises:
            RuntimeError: the record is not open yet.
            MisnamedStep: the first step that it does not know of. A later run, which might not come
                to that step, would leave it as it is.
        """
        for call, compensation in steps:
            if compensation is None or not self.has_record:
                continue
            if self._steps_on_record is None:
                raise RuntimeError(
                    f"{call.step_name} comes before the record is open: first await "
                    "record.begin(…), or record.open(…)"
                )
            if call.step_name not in self._steps_on_record:
                raise MisnamedStep(
                    f"{call.step_name} was not named as the record was opened, so a later run "
                    "might not take it back: name it in begin(…), or in open(then=…), with its "
                    "compensation"
                )

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
