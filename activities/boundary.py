"""The one place where a refusal becomes an ApplicationError."""

from typing import TypeVar

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from contracts.base import Event, Refusal

E = TypeVar("E", bound=Event)


def event_of(answer: E | Refusal) -> E:
    """Return a participant's event.

    Raises:
        ApplicationError: the answer is a refusal. Its type is the refusal's name and its detail the
            refusal itself. It is not retried, and being a business failure it counts as benign.
    """
    if isinstance(answer, Refusal):
        raise ApplicationError(
            answer.message,
            answer.model_dump(mode="json"),
            type=answer.event,
            non_retryable=True,
            category=ApplicationErrorCategory.BENIGN,
        )
    return answer
