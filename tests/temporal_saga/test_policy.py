from datetime import timedelta
from typing import Any

import pytest

from contracts.base import MAX_LINES
from contracts.placing import DEADLINE_SECONDS, PlaceOrder
from temporal_saga.database import LOCK_WAIT_SECONDS
from temporal_saga.policy import Policy

POLICY = Policy()


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        (POLICY.start_to_close, timedelta(seconds=10)),
        (POLICY.forward_step, timedelta(seconds=60)),
        (POLICY.longest_pause, timedelta(seconds=60)),
        (POLICY.stuck_attempts, 10),
        (POLICY.stuck_after, timedelta(minutes=10)),
        (DEADLINE_SECONDS, 900),
        (PlaceOrder.model_fields["deadline_seconds"].default, 900),
        (MAX_LINES, 1_000),
    ],
)
def test_a_default_is_that_of_the_design(limit: Any, value: Any) -> None:
    """Every default has the value that was promised."""
    assert limit == value


def test_each_limit_leaves_room_for_the_one_inside_it() -> None:
    """A lock gives up before the try, the try before the step, the step before the deadline."""
    lock_wait = timedelta(seconds=LOCK_WAIT_SECONDS)
    deadline = timedelta(seconds=DEADLINE_SECONDS)
    assert timedelta() < lock_wait < POLICY.start_to_close < POLICY.forward_step < deadline


def test_what_must_happen_is_tried_ever_more_rarely_until_it_is_stuck() -> None:
    """The first round's pauses grow up to a minute, and no kind of error ends it early.

    Its tries are counted.
    """
    retry = POLICY.first_round
    assert retry.maximum_attempts == 10
    assert not retry.non_retryable_error_types
    assert retry.backoff_coefficient > 1
    assert retry.initial_interval < timedelta(seconds=1)
    assert retry.maximum_interval == timedelta(seconds=60)


def test_what_is_stuck_is_tried_every_minute_without_end() -> None:
    """Neither a number of tries nor a kind of error ends the rounds that follow."""
    retry = POLICY.endless_round
    assert (retry.maximum_attempts, retry.non_retryable_error_types) == (0, None)
    assert retry.initial_interval == retry.maximum_interval == timedelta(seconds=60)


def test_the_pauses_between_rounds_grow_up_to_an_hour() -> None:
    """What the server gives up round after round must not fill the history within days."""
    pauses = [POLICY.pause(rounds) for rounds in (1, 2, 3, 7, 1_000_000)]
    assert pauses == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 60, 60)]
    assert Policy(longest_pause=timedelta(hours=2)).pause(5) == timedelta(hours=2)


def test_a_forward_step_is_bounded_by_time() -> None:
    """A forward step is tried for as long as its limit allows, however often that is.

    A reused key, and a command after its compensation, are errors at once.
    """
    retry = POLICY.forward_retry
    assert retry.maximum_attempts == 0
    assert retry.maximum_interval is not None
    assert retry.initial_interval < retry.maximum_interval < POLICY.forward_step
    assert retry.non_retryable_error_types == ["KeyReused", "AlreadyCompensated"]
