"""How a saga stands, and the search attributes that show it."""

from enum import StrEnum

from temporalio.common import SearchAttributeKey

STATE = SearchAttributeKey.for_keyword("SagaState")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")
FAILURE_REASON = SearchAttributeKey.for_keyword("FailureReason")


class State(StrEnum):
    """How a saga stands."""

    PENDING = "PENDING"
    """It goes forward, and can be cancelled."""
    COMPLETED = "COMPLETED"
    """It is past its pivot: nothing is taken back any more."""
    ROLLING_BACK = "ROLLING_BACK"
    """What was done is taken back."""
    ROLLBACK_STUCK = "ROLLBACK_STUCK"
    """Likewise, and some of it waits for a person."""
    FAILED = "FAILED"
    """Everything is taken back."""
