from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.card_provider.till import Till


@pytest.fixture(scope="session")
def open_till(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Till"]:
    """Give a provider for all tests of this folder: each has orders of its own."""
    from tests.card_provider.till import running  # noqa: PLC0415 # skips where the library is not

    with running(tmp_path_factory.mktemp("card_provider") / "books.db") as till:
        yield till


@pytest.fixture
def till(open_till: "Till") -> "Till":
    """Give a provider without faults, by the machine's clock."""
    from tests.card_provider.till import AT_FIRST  # noqa: PLC0415

    open_till.control.delete("/faults").raise_for_status()
    open_till.settings(**AT_FIRST)
    return open_till
