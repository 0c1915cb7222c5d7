"""The worker that runs the sagas, and what it runs their code with."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain
from typing import Any

from temporalio.client import Client
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker

from activities.forwarding import forward
from config import Settings
from contracts import stubs
from contracts.steps import REFUSALS, STEPS
from temporal_saga.eager import Eager
from temporal_saga.local_activities import RunLocally
from temporal_saga.plugin import SagaPlugin
from workflows.batch import BatchOperation
from workflows.order import OrderSaga

Activities = Sequence[Callable[..., Any]]

TASKS_AT_ONCE = 100
"""Workflow tasks of one worker, each with one local activity at most.

The SDK times no local activity that waits for a slot of its own, so each has one; it times one
that waits for a thread.
"""


def saga_plugin(settings: Settings) -> SagaPlugin:
    """Return what the client of every worker of ours is given."""
    return SagaPlugin(
        policy=settings.policy,
        refusals=REFUSALS,
        sandbox=settings.workflow_sandbox == "on",
        passthrough=["contracts"],
    )


def local_steps(participants: Collection[str], settings: Settings) -> list[str]:
    """Return the names of the steps of these participants that sagas try in their own process.

    Payments by card are not among them: a card provider takes longer than a local try.
    """
    if settings.local_activities == "off":
        return []
    is_slow = {stubs.PAYMENT_QUEUE} if settings.payment == "cards" else set()
    return [step.name for step in STEPS if step.participant in set(participants) - is_slow]


def orchestrator(
    client: Client, settings: Settings, colocated_activities: Mapping[str, Activities] | None = None
) -> Worker:
    """Return the worker that runs the sagas, on a client that has the `saga_plugin`.

    It takes the steps of the participants in its process, whose activities `colocated_activities`
    has, and is handed each with the answer to the workflow task that scheduled it. With
    LOCAL_ACTIVITIES it tries them itself first.
    """
    colocated_activities = colocated_activities or {}
    threads = settings.worker_threads * max(1, len(colocated_activities))
    steps = [step.name for step in STEPS if step.participant in colocated_activities]
    return Worker(
        client,
        task_queue=stubs.ORCHESTRATOR_QUEUE,
        workflows=[OrderSaga, BatchOperation],
        activities=[*chain(*colocated_activities.values()), forward],
        activity_executor=ThreadPoolExecutor(threads, thread_name_prefix="steps"),
        max_concurrent_activities=threads,
        max_cached_workflows=settings.workflow_cache,
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(settings.worker_pollers),
        activity_task_poller_behavior=PollerBehaviorSimpleMaximum(settings.worker_pollers),
        max_concurrent_workflow_tasks=TASKS_AT_ONCE,
        max_concurrent_local_activities=TASKS_AT_ONCE,
        # No payload of ours is stored elsewhere; with the default of 3 the SDK looks for that in a
        # task of its own for each payload, a twentieth of a workflow task's CPU.
        max_workflow_task_external_storage_concurrency=1,
        interceptors=[
            Eager(steps),
            RunLocally(local_steps(colocated_activities.keys(), settings)),
        ],
        graceful_shutdown_timeout=timedelta(seconds=settings.worker_grace_seconds),
    )
