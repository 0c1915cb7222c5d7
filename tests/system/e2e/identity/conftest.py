"""A system with one worker process per role, and its order service's own records."""

from collections.abc import Iterator

import pytest

from participants.order.service import OrderService
from temporal_saga.database import open_database
from tests.stack import Stack, workers_of


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A system with one worker process per role."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_all(*workers_of(request.module))
        yield system
    finally:
        system.stop()


@pytest.fixture
def orders(stack: Stack) -> Iterator[OrderService]:
    """The order service's own records."""
    engine = open_database(f"sqlite:///{stack.data_dir}/order.db")
    yield OrderService.open(engine)
    engine.dispose()
