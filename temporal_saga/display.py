"""What others see of any running saga: search attributes, and the Web UI's details.

A saga shows its state in search attributes where it was started with one, as a client does whose
`SagaPlugin` says so: the namespace has them, then, and the first event of the history says it. A
saga whose workflow tells its own story shows that instead.
"""

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from temporal_saga.call_state import CallState
from temporal_saga.failure import Failure
from temporal_saga.retriables import Snapshot
from temporal_saga.state import FAILURE_REASON, NEEDS_ATTENTION, STATE, State

SETTLE = "`settle_step` says that it was put right by hand"


class Display:
    """Shows how one saga stands, as `OnRecord` tells and as its calls come further."""

    def __init__(self) -> None:
        """Begin, or go on where the run before had come."""
        attributes = workflow.info().typed_search_attributes
        self._has_attributes = attributes.get(STATE) is not None
        self._stuck_calls: list[CallState] = []
        self._failure: Failure | None = None
        earlier_state = attributes.get(STATE, State.PENDING)
        self.state = State(earlier_state) if earlier_state in list(State) else State.PENDING

    def rolling_back(self, failure: Failure) -> None:
        """Show that the rollback begins, for this reason."""
        self._failure = failure
        self._move(State.ROLLBACK_STUCK if self._stuck_calls else State.ROLLING_BACK)

    def rolled_back(self) -> None:
        """Show that everything is taken back."""
        self._move(State.FAILED)

    def completed(self) -> None:
        """Show that everything is done but to close the record."""
        self._move(State.COMPLETED)

    def follow(self, snapshot: Snapshot) -> None:
        """Show what the saga's calls have come to; a rollback is stuck as long as any of it is."""
        self._stuck_calls = snapshot.stuck_calls
        if self.state in (State.ROLLING_BACK, State.ROLLBACK_STUCK):
            self.state = State.ROLLBACK_STUCK if self._stuck_calls else State.ROLLING_BACK
        self._show()

    def _move(self, state: State) -> None:
        self.state = state
        self._show()

    def _show(self) -> None:
        details = [f"**{self.state}**"]
        if self._failure is not None:
            where = f" at {self._failure.step}" if self._failure.step else ""
            details.append(f"Failed{where}: {self._failure.reason}")
        workflow.set_current_details("\n\n".join([*details, *map(trouble_of, self._stuck_calls)]))
        if self._has_attributes:
            attributes = workflow.info().typed_search_attributes
            is_unknown = attributes.get(NEEDS_ATTENTION) is None and not self._stuck_calls
            upsert(
                (STATE, self.state),
                (NEEDS_ATTENTION, None if is_unknown else bool(self._stuck_calls)),
                (FAILURE_REASON, self._failure and self._failure.reason),
            )


def upsert(*attributes: tuple[SearchAttributeKey[Any], Any]) -> None:
    """Set the search attributes that differ from what they are; what is None stays as it is."""
    before = workflow.info().typed_search_attributes
    updates = [
        key.value_set(value)
        for key, value in attributes
        if value is not None and before.get(key) != value
    ]
    if updates:
        workflow.upsert_search_attributes(updates)


def trouble_of(call: CallState, error: str = "", way_out: str = SETTLE) -> str:
    """Return as Markdown that a call is stuck, and what can be done."""
    return (
        f"**{call.step} is stuck**: {call.name} keeps failing{error}. "
        f"It is still tried; `retry_step` tries it now, {way_out}."
    )
