"""An empty shop."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack, workers_of


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A system in which there is nothing yet to sell, and nobody to sell it to."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.start_all(*workers_of(request.module))
        yield system
        assert system.audit()[0] == 0, system.audit()[1]
    finally:
        system.stop()
