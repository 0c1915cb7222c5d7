"""The points between which a participant's process does one thing at a provider or a database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import sqlalchemy as sa

from tests.temporal_saga.bank import Bank


def with_boundaries(
    engine: sa.Engine, before: Callable[[], None], after: Callable[[], None] = lambda: None
) -> sa.Engine:
    """Return the engine, with a boundary before and after each transaction that writes."""
    return cast(sa.Engine, _Engine(engine, before, after))


class _Engine:
    """An engine with a boundary before and after each transaction."""

    def __init__(
        self, engine: sa.Engine, before: Callable[[], None], after: Callable[[], None]
    ) -> None:
        self.engine = engine
        self._before = before
        self._after = after

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Begin and commit."""
        self._before()
        with self.engine.begin() as connection:
            yield connection
        self._after()

    def __getattr__(self, name: str) -> Any:
        """Be the engine otherwise."""
        return getattr(self.engine, name)


class BoundedBank(Bank):
    """A bank with a boundary before and after each request."""

    boundary: Callable[[], None]

    def _serve(self, name: str, request: Callable[[], Any]) -> Any:
        self.boundary()
        answer = super()._serve(name, request)
        self.boundary()
        return answer
