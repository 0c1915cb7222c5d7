"""What others see of any running saga: search attributes, and the Web UI's details.

A saga shows its state in search attributes where it was started with one, as a client does whose
`SagaPlugin` says so: the namespace has them, then, and the first event of the history says it. A
saga whose workflow tells its own story shows that instead.
"""

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from temporal_saga.call_state import CallState
from temporal_saga.failure import Failure
from temporal_saga.retriables import Snapshot
from temporal_saga.state import FAILURE_REASON, NEEDS_ATTENTION, STATE, State


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
        details += [
            f"**{call.step} is stuck**: {call.name} keeps failing. It is still tried; `retry_step` "
            "tries it now, `settle_step` says that it was put right by hand."
            for call in self._stuck_calls
        ]
        workflow.set_current_details("\n\n".join(details))
        if self._has_attributes:
            self._upsert()

    def _upsert(self) -> None:
        """Set the search attributes that differ from what they are."""
        attributes = workflow.info().typed_search_attributes
        updates: list[SearchAttributeUpdate[Any]] = []
        if attributes.get(STATE) != self.state:
            updates.append(STATE.value_set(self.state))
        if attributes.get(NEEDS_ATTENTION, False) != bool(self._stuck_calls):
            updates.append(NEEDS_ATTENTION.value_set(bool(self._stuck_calls)))
        reason = self._failure.reason if self._failure else None
        if reason is not None and attributes.get(FAILURE_REASON) != reason:
            updates.append(FAILURE_REASON.value_set(reason))
        if updates:
            workflow.upsert_search_attributes(updates)
