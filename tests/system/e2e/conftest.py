from collections.abc import Iterator

import pytest

from tests.stack import Stack, workers_of


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A system with one worker process per role, a rich and a poor customer, and two products."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.seed({"rich": 10**9, "poor": 100}, {"plenty": 10**6, "scarce": 1})
        system.start_all(*workers_of(request.module))
        yield system
    finally:
        system.stop()
