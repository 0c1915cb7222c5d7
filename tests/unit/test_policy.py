from datetime import timedelta
from typing import Any

import pytest

from contracts.base import MAX_LINES
from contracts.order import DEADLINE_SECONDS, PlaceOrder
from temporal_saga import policy
from temporal_saga.database import LOCK_WAIT_SECONDS


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        (policy.START_TO_CLOSE, timedelta(seconds=10)),
        (policy.FORWARD_STEP, timedelta(seconds=60)),
        (policy.ENDLESS_RETRY.maximum_interval, timedelta(seconds=60)),
        (policy.ENDLESS_PAUSE, timedelta(seconds=60)),
        (DEADLINE_SECONDS, 900),
        (PlaceOrder.model_fields["deadline_seconds"].default, 900),
        (MAX_LINES, 1_000),
    ],
)
def test_a_default_is_that_of_the_design(limit: Any, value: Any) -> None:
    """Every default has the value that was promised."""
    assert limit == value


def test_each_limit_leaves_room_for_the_one_inside_it() -> None:
    """A lock gives up before the try, the try before the step, and the step before the order's deadline."""
    lock_wait, deadline = timedelta(seconds=LOCK_WAIT_SECONDS), timedelta(seconds=DEADLINE_SECONDS)
    assert timedelta() < lock_wait < policy.START_TO_CLOSE < policy.FORWARD_STEP < deadline


def test_a_compensation_is_tried_ever_more_rarely_and_without_end() -> None:
    """No number of attempts and no kind of error ends a compensation; the pauses grow up to a minute."""
    retry = policy.ENDLESS_RETRY
    assert retry.maximum_attempts == 0
    assert not retry.non_retryable_error_types
    assert retry.backoff_coefficient > 1
    assert retry.initial_interval < timedelta(seconds=1)
    assert retry.maximum_interval == timedelta(seconds=60)


def test_a_forward_step_is_bounded_by_time() -> None:
    """A forward step is tried for as long as its limit allows, however often that is; a reused key is an error at once."""
    retry = policy.FORWARD_RETRY
    assert retry.maximum_attempts == 0
    assert retry.maximum_interval is not None
    assert retry.initial_interval < retry.maximum_interval < policy.FORWARD_STEP
    assert retry.non_retryable_error_types == ["KeyReused"]
