"""Calls that the orchestrator's own worker runs, as local activities, without the server between.

A local activity costs one event and no way to the server and back, where an ordinary one costs six
events and two ways (docs.temporal.io, Local Activities). It is for calls that are quick: the server
knows nothing of it until the workflow task ends, and what is sent to the saga meanwhile waits.
So a call is tried locally once, for a short time; what has no answer then is sent as it always is,
under the same key, so that the fence keeps both to one effect.
"""

from collections.abc import Callable, Collection
from typing import Any

from temporalio import workflow
from temporalio.worker import (
    ActivityInboundInterceptor,
    Interceptor,
    WorkflowInterceptorClassInput,
)

from temporal_saga.call import Call
from temporal_saga.local_answers import BoundedAnswers

_OFFER = "temporal_saga.local_activities"

RUN_IS_LOCAL = "local activities"
"""The patch that a history has whose run tries its calls locally first."""

NOT_HERE = "ordinary activity: "
"""Before a step's name: the patch of a call whose worker did not run it locally."""


class RunLocally(Interceptor):
    """Lets one worker's sagas try these activities locally: `Worker(…, interceptors=[…])`.

    The worker has to be given the activities as well, and an executor for those that block. One
    that offers none may yet be given a saga that began on one that does: the SDK replays a local
    activity only where its name is registered, be it with a stub (and `no_remote_activities`).
    """

    def __init__(self, activities: Collection[str]) -> None:
        """Offer the activities of these names."""
        self._activities = frozenset(activities)

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002  # the SDK's name
    ) -> ActivityInboundInterceptor:
        """Bound what its local activities answer."""
        return BoundedAnswers(next)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002  # the SDK's name
    ) -> None:
        """Hand the names through the sandbox."""
        names = self._activities
        offer: Callable[[], frozenset[str]] = lambda: names  # noqa: E731
        input.unsafe_extern_functions[_OFFER] = offer


class LocalCalls:
    """Which calls of one run are tried locally first: as its history says, or else its worker.

    The choice is the worker's, so it is written into the history where it is first made, and a
    replay follows that, whichever worker it is. A run that began without stays without; a run that
    began with it goes on under a worker that cannot, by ordinary activities.
    """

    def __init__(self) -> None:
        """Begin a run, on a worker that offers some activities, or none."""
        offer = workflow.extern_functions().get(_OFFER)
        self._here: Collection[str] = offer() if offer else ()
        self._choices: dict[str, bool] = {}

    def tries(self, call: Call[Any, Any]) -> bool:
        """Tell whether this call is tried locally first.

        Steps with one activity choose each by itself, as another worker may have taken over between
        them.
        """
        if not self._choice(RUN_IS_LOCAL, here=bool(self._here)):
            return False
        return not self._choice(f"{NOT_HERE}{call.step_name}", here=call.name not in self._here)

    def _choice(self, patch: str, *, here: bool) -> bool:
        """Return what was chosen when the saga first came here; `here` if that is now."""
        if patch not in self._choices:
            asks_history = workflow.unsafe.is_replaying() or here
            self._choices[patch] = asks_history and workflow.patched(patch)
        return self._choices[patch]
