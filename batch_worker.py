"""The worker that acts on many orders for batch operations, beside the order service's own."""

from datetime import timedelta

import sqlalchemy as sa
from temporalio.client import Client
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker

from activities.batch import BatchActivities
from application.batch_runner import BatchRunner
from config import Settings
from contracts.batch_stubs import BATCH_QUEUE
from participants.order.batches import MOST_OPEN
from participants.order.service import OrderService


def batch_worker(client: Client, settings: Settings, engine: sa.Engine) -> Worker:
    """Return the worker of a process that serves the order service from `engine`.

    It has a task queue and slots of its own: no step of an order waits behind a batch operation.
    """
    runner = BatchRunner(OrderService(engine), settings.batch_concurrency)
    return Worker(
        client,
        task_queue=BATCH_QUEUE,
        activities=[BatchActivities(runner.run).act],
        max_concurrent_activities=MOST_OPEN,
        activity_task_poller_behavior=PollerBehaviorSimpleMaximum(1),
        # A round that is given up is begun again elsewhere, and acts on nothing twice.
        graceful_shutdown_timeout=timedelta(0),
    )
