"""Temporal and the API alone: no worker runs, so that every order stays where a test puts it."""

from collections.abc import Iterator

import pytest

from participants.order.service import OrderService
from temporal_saga.database import open_database
from tests.stack import Stack, until

CUSTOMERS = iter(f"customer-{number}" for number in range(1_000))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Temporal and the API, and nobody who works."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.start_temporal()
        system.start("api", "api.py")
        until(lambda: system.status("/readyz") == 200, "the API is ready")
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="module")
def orders(stack: Stack) -> Iterator[OrderService]:
    """The order service's records, to write them as its worker would."""
    engine = open_database(f"sqlite:///{stack.data_dir}/order.db")
    yield OrderService.open(engine)
    engine.dispose()


@pytest.fixture
def customer() -> str:
    """A customer of this test alone, whose list is not disturbed by others."""
    return next(CUSTOMERS)
