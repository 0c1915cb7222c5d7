"""Workflows that make one call or two, as a saga does, and nothing else."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError  # noqa: A004  # the SDK's name

from temporal_saga.call import Call, shielded
from temporal_saga.forward import Forward
from temporal_saga.local_activities import LocalCalls
from temporal_saga.policy import Policy
from temporal_saga.retriable import RetriableCall

QUEUE = "lone-calls"
NOBODY = "nobody-serves-this"


@activity.defn(name="Note")
def note_stub(_command: str) -> None:
    """Answer with nothing."""
    raise NotImplementedError


NOTE: Call[str, None] = Call(
    NOBODY, note_stub, lambda *, idempotency_key: idempotency_key, summary="note it"
)


@workflow.defn
class LocalTry:
    """Lets its worker try a call."""

    @workflow.run
    async def run(self, key: str, limit_seconds: float) -> str:
        """Return how the try ended."""
        try:
            await NOTE.try_locally(key, limit=timedelta(seconds=limit_seconds))
        except ActivityError as error:
            is_late = isinstance(error.cause, TimeoutError) and error.cause.type
            return is_late.name if is_late else "failed"
        except ApplicationError as error:
            return str(error.type)
        return "answered"


@workflow.defn
class ContinuedStep:
    """Sends a forward step that a run before this one had begun."""

    @workflow.run
    async def run(self, ago_seconds: float, deadline_seconds: float | None) -> None:
        """Send it, and wait for an answer."""
        now = workflow.now()
        deadline = None if deadline_seconds is None else now + timedelta(seconds=deadline_seconds)
        forward = Forward("saga", Policy(), (), deadline, lambda: False, LocalCalls())
        await forward.take(NOTE, now - timedelta(seconds=ago_seconds))


@workflow.defn
class SilentStep:
    """Takes a forward step whose answer is nothing."""

    @workflow.run
    async def run(self) -> None:
        """Return the answer."""
        forward = Forward("saga", Policy(), (), None, lambda: False, LocalCalls())
        await forward.take(NOTE, workflow.now())


@workflow.defn
class SilentRetriable:
    """Makes a retriable call whose answer is nothing."""

    @workflow.run
    async def run(self) -> None:
        """Return the answer."""
        call = RetriableCall("Note", NOTE, "saga/Note")
        await shielded(call.complete(Policy(), _ignore, locally_first=True))


def _ignore(_call: RetriableCall) -> None:
    """Do nothing."""
