"""The one place where a refusal, or a participant's "not yet", becomes an ApplicationError."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from contracts.base import Event, Refusal

LONGEST_WAIT = timedelta(seconds=30)
"""A participant may know that asking again is in vain for longer; the saga still looks."""

E = TypeVar("E", bound=Event)


@contextmanager
def retried_later() -> Iterator[None]:
    """Have Temporal send the command again when the participant says that it is of use.

    Raises:
        ApplicationError: of the name of an error that has `retry_in_seconds`, which says when.
    """
    try:
        yield
    except Exception as error:
        seconds = getattr(error, "retry_in_seconds", None)
        if not seconds:
            raise
        pause = min(timedelta(seconds=seconds), LONGEST_WAIT)
        name = type(error).__name__
        raise ApplicationError(str(error), type=name, next_retry_delay=pause) from error


def event_of(answer: E | Refusal) -> E:
    """Return a participant's event.

    Raises:
        ApplicationError: the answer is a refusal. Its type is the refusal's name and its detail the
            refusal itself. It is not retried, and being a business failure it counts as benign.
    """
    if isinstance(answer, Refusal):
        raise refusal_error(answer)
    return answer


def refusal_error(refusal: Refusal) -> ApplicationError:
    """Return what is raised for a refusal."""
    return ApplicationError(
        refusal.message,
        refusal.model_dump(mode="json"),
        type=refusal.event,
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )
