from collections.abc import Iterator

import pytest

from contracts.steps import ROLES
from tests.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system with one worker process per role, a rich and a poor customer, and two products."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.seed({"rich": 10**9, "poor": 100}, {"plenty": 10**6, "scarce": 1})
        system.start_all(*ROLES)
        yield system
    finally:
        system.stop()
