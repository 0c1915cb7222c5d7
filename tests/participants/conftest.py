import pytest


@pytest.fixture(autouse=True)
def effects_stay_in_their_database(no_waiting_in_transactions: None) -> None:
    """Catch each effect of our participants that connects or waits in its transaction."""
