"""The one place where a participant's "not yet" becomes the pause before Temporal's next try."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio.exceptions import ApplicationError

LONGEST_PAUSE = timedelta(seconds=30)
"""A participant may know that asking again is in vain for longer; it is asked all the same."""


@contextmanager
def retried_later() -> Iterator[None]:
    """Have Temporal send a command again when the participant says that it is of use.

    Raises:
        ApplicationError: of the name of an error that has `retry_in_seconds`, which says when.
    """
    try:
        yield
    except Exception as error:
        seconds = getattr(error, "retry_in_seconds", None)
        if not seconds:
            raise
        pause = min(timedelta(seconds=seconds), LONGEST_PAUSE)
        name = type(error).__name__
        raise ApplicationError(str(error), type=name, next_retry_delay=pause) from error
