"""How far one retriable call has come, and who resolved it by hand."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any


class Progress(StrEnum):
    """How far a retriable call has come."""

    WAITING = "WAITING"
    """It has not begun."""
    RUNNING = "RUNNING"
    """It is tried, and not stuck."""
    DONE = "DONE"
    """The participant has answered."""
    STUCK = "STUCK"
    """It keeps failing and waits for a person, though it is still tried."""
    SETTLED = "SETTLED"
    """A person put it right by hand."""


@dataclass(frozen=True)
class Settlement:
    """A manual resolution: a person says that a stuck call was put right by hand.

    Args:
        by: who says so.
        reason: why.
        evidence: what shows it.
        at: when (UTC).
        attempts: tries that the server had begun by then, as far as whoever settled it knew: a
            settlement cuts off the round under way, and no history event holds its number.

    Units: `at` is UTC.
    Errors: none.
    Source: the manual intervention of Garcia-Molina and Salem, *Sagas*, "Other Errors".
    """

    by: str
    reason: str
    evidence: str
    at: datetime
    attempts: int | None = None

    def refusal_of_another(self, step: str) -> str:
        """Return why nobody settles `step` once more, though it is stuck again."""
        return f"{self.by} settled {step} already: what keeps failing is to put that on record"


@dataclass(frozen=True)
class CallState:
    """How far a retriable call has come. Another run of its saga goes on from it.

    Args:
        step: the step that it takes back or completes.
        name: the command's name, without `Command`.
        trouble: what the last round ended with; None unless stuck.
        stuck_since: when the first of its rounds failed (UTC); None unless stuck.
        rounds: so many have failed, since it was settled if it was.
        began: when the first of them did (UTC).
        over: whether nothing is left to be done.
        answer: what the participant answered, as JSON; None until then.
        answered_at: when (UTC).
        retry_requested: whether another round is about to begin because a person asked for it, so
            that one more request would change nothing.
    """

    step: str
    name: str
    progress: Progress = Progress.WAITING
    trouble: str | None = None
    stuck_since: datetime | None = None
    settlement: Settlement | None = None
    rounds: int = 0
    began: datetime | None = None
    over: bool = False
    answer: Any = None
    answered_at: datetime | None = None
    retry_requested: bool = False

    @property
    def is_stuck(self) -> bool:
        """Whether it keeps failing, and waits for a person."""
        return self.trouble is not None

    @property
    def shown_progress(self) -> Progress:
        """What is shown: one that was settled and does not get on record is stuck as well."""
        return Progress.STUCK if self.is_stuck else self.progress

    def with_retry(self) -> "CallState":
        """Return it with a round requested: now instead of after the pause."""
        return replace(self, retry_requested=True)

    def with_settlement(self, settlement: Settlement) -> "CallState":
        """Return it as manually resolved; an in-flight attempt may still succeed."""
        return replace(
            self, settlement=settlement, trouble=None, stuck_since=None, rounds=0, began=None
        )
