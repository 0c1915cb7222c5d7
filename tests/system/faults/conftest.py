from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Stack

FUNDS = 10**9
PIECES = 10**6


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A shop whose processes the test starts and kills: customers rich and poor, two products."""
    system = Stack(tmp_path)
    try:
        system.seed({"rich": FUNDS, "poor": 100}, {"plenty": PIECES, "scarce": 1})
        yield system
    finally:
        system.stop()
