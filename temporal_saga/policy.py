"""Every limit of a saga, by name."""

from datetime import timedelta

from temporalio.common import RetryPolicy

START_TO_CLOSE = timedelta(seconds=10)
"""One try of one command. A participant that is still at work after this is tried again; the fence keeps it to one effect."""

FORWARD_STEP = timedelta(seconds=60)
"""A forward step with all its tries. Past it the outcome is unknown, and unknown is compensated."""

FORWARD_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=5),
    non_retryable_error_types=["KeyReused"],
)
"""Tries of a forward step: soon at first, bounded by `FORWARD_STEP` and not by their number."""

ENDLESS_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=60)
)
"""Tries of what must happen, a compensation or a step after the pivot: ever rarer, never given up."""

MOST_REASON = 100
MOST_MESSAGE = 2_000
MOST_DETAILS = 200_000
"""Characters of a failure's reason, message and details (as JSON); it stands in a search attribute and the closing command."""

ENDLESS_PAUSE = timedelta(seconds=60)
"""Between two rounds of such tries, when the server itself gave up a round."""
