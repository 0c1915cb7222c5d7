"""Which of a saga's runs is the last, for those who find several in a list."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

R = TypeVar("R")

_STILL_OPEN = datetime.max.replace(tzinfo=UTC)


def last_runs(
    runs: Iterable[tuple[str, R]], closed_at: Callable[[R], datetime | None]
) -> dict[str, R]:
    """Return by saga its last run: the one that is open, or else the last to close.

    A saga's runs follow one another: a reset ends the one before, and so does whoever goes on.

    Args:
        runs: each with its saga's name.
        closed_at: tells when a run closed (UTC); None while it is open.
    """
    return dict(sorted(runs, key=lambda run: closed_at(run[1]) or _STILL_OPEN))
