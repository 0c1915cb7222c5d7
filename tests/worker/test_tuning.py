"""What is set for workers reaches them."""

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import PollerBehaviorSimpleMaximum

from config import Settings
from contracts import stubs
from orchestrator import orchestrator
from worker import participant

TUNED = Settings.model_validate({"worker_threads": 3, "worker_pollers": 4, "workflow_cache": 7})
FOUR = PollerBehaviorSimpleMaximum(4)


async def test_the_orchestrator_is_as_set(temporal: Client) -> None:
    """Polls and cache, and threads for each participant of its process."""
    async with orchestrator(temporal, TUNED, {stubs.ORDER_QUEUE: (), stubs.STOCK_QUEUE: ()}) as run:
        worker = run.config()
    assert worker["max_concurrent_activities"] == 2 * 3
    assert worker["max_cached_workflows"] == 7
    tasks = worker["max_concurrent_workflow_tasks"]
    assert worker["max_concurrent_local_activities"] == tasks  # nothing times the wait for a slot
    assert worker["workflow_task_poller_behavior"] == FOUR
    assert worker["activity_task_poller_behavior"] == FOUR


async def test_a_participants_worker_is_as_set(temporal: Client) -> None:
    """Threads and polls."""
    async with participant(temporal, TUNED, stubs.ORDER_QUEUE, [_nothing]) as run:
        worker = run.config()
    assert worker["max_concurrent_activities"] == 3
    assert worker["activity_task_poller_behavior"] == FOUR


@activity.defn
def _nothing() -> None:
    """Do nothing: a worker needs an activity."""
