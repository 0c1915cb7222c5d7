"""An empty shop."""

from collections.abc import Iterator

import pytest

from contracts.steps import ROLES
from tests.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system in which there is nothing yet to sell, and nobody to sell it to."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.start_all(*ROLES)
        yield system
        assert system.audit()[0] == 0, system.audit()[1]
    finally:
        system.stop()
