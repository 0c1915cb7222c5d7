"""What Temporal knows of an order's saga."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from contracts.placing import DraftOrder, PlaceOrder, salvage
from contracts.record import Failure
from contracts.states import CLOSED, SagaState
from contracts.steps import command_of
from temporal_saga.memo import SagaMemo
from temporal_saga.moment import Moment


@dataclass(frozen=True)
class Run:
    """The last run of an order's saga, with what the runs before it tell.

    Args:
        closed_at: None while it runs.
        attributes: the search attributes by name.
        moments: the story so far; empty where only visibility or describe was asked.
        input: what it was started with, as JSON.
        memo: what the saga has decided.
        wedged_since: since when it has not got past its task under way, if that fails again and
            again.
    """

    started_at: datetime
    closed_at: datetime | None
    attributes: Mapping[str, Any]
    moments: Sequence[Moment] = ()
    input: Any = None
    memo: SagaMemo = field(default_factory=SagaMemo)
    wedged_since: datetime | None = None

    def moments_of(self, command: str) -> list[Moment]:
        """Return the moments when a command was sent, answered, or given up."""
        return [moment for moment in self.moments if moment.command == command]

    def error_of(self, command: str) -> str | None:
        """Return what the last try of a command ended with that failed; None where none is known.

        Where the story does not tell, the memo does of what is stuck.
        """
        errors = [r.trouble for r in self.memo.retriables if command_of(r.command) == command]
        errors += [m.detail["error"] for m in self.moments_of(command) if "error" in m.detail]
        return errors[-1] if errors else None

    def pause_of(self, command: str) -> str | None:
        """Return who paused a command at Temporal and why; None when it is not paused."""
        detail = next((m.detail for m in reversed(self.moments_of(command))), {})
        return str(detail["message"]) if detail.get("paused") else None

    @property
    def state(self) -> SagaState:
        """The state that the saga shows; before it shows one of its own, PENDING."""
        try:
            return SagaState(self.attributes.get("SagaState", SagaState.PENDING))
        except ValueError:
            return SagaState.PENDING

    @property
    def is_stuck(self) -> bool:
        """The saga says that it needs a person."""
        return bool(self.attributes.get("NeedsAttention", False))

    @property
    def is_paused(self) -> bool:
        """An operator paused a command of it at Temporal; visibility does not tell which."""
        if self.moments:
            return any(moment.detail.get("paused") for moment in self.moments)
        return bool(self.attributes.get("TemporalPauseInfo"))

    @property
    def stuck_since(self) -> datetime | None:
        """Since when the saga needs a person; None when it does not."""
        times = [retriable.stuck_since for retriable in self.memo.retriables]
        return min((at for at in times if at), default=None) if self.is_stuck else None

    @property
    def is_wedged(self) -> bool:
        """The saga's own code fails again and again; visibility hears of that later."""
        return self.wedged_since is not None or bool(
            self.attributes.get("TemporalReportedProblems")
        )

    @property
    def ended_early(self) -> bool:
        """The saga was ended from outside before it was through."""
        return self.closed_at is not None and self.state not in CLOSED

    @property
    def failure(self) -> Failure | None:
        """Why the saga fails, in its own words; None when it does not.

        Details that were too large for the memo stand in the record once the order has closed.
        """
        failure = self.memo.failure
        return None if failure is None else Failure.model_validate(vars(failure))

    @property
    def order(self) -> DraftOrder:
        """The order as far as it can be read."""
        try:
            return PlaceOrder.model_validate(self.input)
        except ValidationError as error:
            return salvage(self.input, error)
