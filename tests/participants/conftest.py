from collections.abc import Iterator

import pytest

from temporal_saga.transaction_check import no_waiting_in_transactions


@pytest.fixture(autouse=True)
def effects_stay_in_their_database() -> Iterator[None]:
    """Catch each effect of our participants that connects or waits in its transaction."""
    with no_waiting_in_transactions():
        yield
