"""Commands that a saga's own worker is given at once, as their participant is in its process."""

from collections.abc import Iterable
from typing import Any

from temporalio import workflow
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)


class Eager(Interceptor):
    """Sends some activities to the sagas' own task queue: `Worker(…, interceptors=[Eager(…)])`.

    The server hands such an activity back with its answer to the workflow task that scheduled it
    (eager activity execution), when the worker that asks has a slot. All workers of that task queue
    must take these activities. Which task queue an activity waits on is no part of what a replay
    compares.
    """

    def __init__(self, activities: Iterable[str]) -> None:
        """Send the activities of these types."""
        self._activities = frozenset(activities)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002  # the SDK's
    ) -> type[WorkflowInboundInterceptor]:
        """Return what stands between a saga and Temporal."""
        activities = self._activities

        class ToOwnQueue(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(_ToOwnQueue(outbound, activities))

        return ToOwnQueue


class _ToOwnQueue(WorkflowOutboundInterceptor):
    def __init__(self, outbound: WorkflowOutboundInterceptor, activities: frozenset[str]) -> None:
        super().__init__(outbound)
        self._activities = activities

    def start_activity(
        self,
        input: StartActivityInput,  # noqa: A002  # the SDK's
    ) -> workflow.ActivityHandle[Any]:
        if input.activity in self._activities:
            input.task_queue = workflow.info().task_queue
        return super().start_activity(input)
