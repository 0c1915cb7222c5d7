"""Whoever is told of a saga's end, as it happens."""

from typing import Protocol

from temporal_saga.failure import Failure


class Story(Protocol):
    """What a saga calls at its own moves, as they happen, from the history alone."""

    def rolling_back(self, failure: Failure) -> None:
        """The rollback begins, for this reason."""
        ...

    def rolled_back(self) -> None:
        """Everything is taken back, and the record is closed."""
        ...

    def completed(self) -> None:
        """Everything is done but to close the record, perhaps by an earlier run alone."""
        ...
