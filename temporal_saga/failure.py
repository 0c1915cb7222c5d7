"""Why a saga goes no further, within the limits of what Temporal can carry."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, FailureError

from temporal_saga import policy
from temporal_saga.call import Call
from temporal_saga.step_names import MisnamedStep
from temporal_saga.trouble import cut, in_words, meaning


@dataclass(frozen=True)
class Failure:
    """Why a saga went no further.

    Args:
        reason: for programs.
        message: a sentence for people.
        step: at which step; None between steps.
        event: by which refusal; None if it was none.
        details: for programs.

    Units: text is cut at `MOST_REASON`, `MOST_MESSAGE` and `MOST_DETAILS` characters where others
        wrote it; what you write yourself should be shorter.
    Errors: none.
    Source: the reasons of backward recovery in Garcia-Molina and Salem, *Sagas* (1987).
    """

    reason: str
    message: str
    step: str | None = None
    event: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


class SagaStopped(Exception):
    """Raised by a step, or between steps, when the saga goes no further and must roll back."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def refused_step(step: str, refusal: ApplicationError) -> Failure:
    """Read a refusal, within limits: what is too large for Temporal would end or wedge the saga."""
    event = refusal.details[0] if refusal.details and isinstance(refusal.details[0], dict) else {}
    reason = event.get("reason")
    details = event.get("details")
    if not isinstance(details, dict) or len(json.dumps(details)) > policy.MOST_DETAILS:
        details = {}
    if not isinstance(reason, str) or len(reason) > policy.MOST_REASON:
        reason = str(refusal.type)
    return Failure(
        reason=reason,
        message=cut(str(event.get("message", refusal.message))),
        step=step,
        event=refusal.type,
        details=details,
    )


def unavailable(call: Call[Any, Any], last: BaseException) -> Failure:
    """Tell that a step had no usable answer in time."""
    error = str(root(last))
    return Failure(
        reason="STEP_UNAVAILABLE",
        message=f"the {call.participant} service gave no usable answer{_why_none(last, error)}",
        step=call.step_name,
        details={"participant": call.participant, "error": cut(in_words(error))},
    )


def _why_none(last: BaseException, error: str) -> str:
    """Return why there is no usable answer; by its type, where a service has said so."""
    cause = last.__cause__
    while cause is not None and not isinstance(cause, ApplicationError):  # a timeout, of its tries
        cause = cause.__cause__
    kind = cut(cause.type or "", policy.MOST_REASON) if cause else ""
    if cause and kind and cause.non_retryable:
        return f": {kind}, which is not among the saga's refusals"
    why = meaning(error) or kind
    return f" in time: {why}" if why else " in time"


def overdue(deadline: datetime, step: str) -> Failure:
    """Tell that the saga's deadline (UTC) passed while a step was under way."""
    message = (
        f"it was not completed by its deadline, {deadline:%Y-%m-%d %H:%M:%S} UTC: "
        f"{step} had no answer by then"
    )
    return Failure(
        "DEADLINE_EXCEEDED", message, step=step, details={"deadline": deadline.isoformat()}
    )


def misnamed_step(error: MisnamedStep) -> Failure:
    """Tell that the saga's own code gave a step a name that it cannot have.

    Nothing of that step was sent, so all that was done before can be taken back.
    """
    return Failure("MISNAMED_STEP", cut(str(error)))


def by_hand(who: str, step: str, why: str) -> str:
    """Return that a person had taken back a step, so that the saga must not complete."""
    return cut(f"{who} had taken back {step} by hand: {why}")


def cancelled_by_temporal(reason: str) -> Failure:
    """Tell that the saga was cancelled by Temporal's own cancel; who did that is not known."""
    message = f"cancelled by an operator{': ' if reason else ''}{reason}"
    return Failure("CANCELLED", cut(message), details={"by": "temporal", "reason": cut(reason)})


def uncaught_error(error: BaseException) -> Failure:
    """Tell which error was raised outside of a step, so that it would have ended the workflow."""
    cause = error
    while isinstance(cause, ActivityError | ChildWorkflowError) and cause.cause is not None:
        cause = cause.cause
    kind = (isinstance(cause, ApplicationError) and cause.type) or type(cause).__name__
    message = cause.message if isinstance(cause, FailureError) else str(cause)
    return Failure(
        reason="UNCAUGHT_ERROR",
        message=cut(f"{kind}: {message}" if message else kind),
        details={"error": cut(kind)},
    )


def root(error: BaseException) -> BaseException:
    """Return the first cause of an error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
