"""Front door of the workers: `python worker.py [role …]` runs the roles it is given, all of them when none is given."""

import argparse
import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.stock import StockActivities
from config import Settings, connect, leave, read_settings
from contracts import stubs
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database
from temporal_saga.policy import Apply
from workflows.order import OrderSaga

PASSED_THROUGH = SandboxRestrictions.default.with_passthrough_modules("contracts")


def orchestrator(client: Client, settings: Settings) -> Worker:
    """Return the worker that conducts the sagas."""
    return Worker(
        client,
        task_queue=stubs.ORCHESTRATOR_QUEUE,
        workflows=[OrderSaga],
        workflow_runner=SandboxedWorkflowRunner(restrictions=PASSED_THROUGH),
        interceptors=[Apply(settings.policy)],
        graceful_shutdown_timeout=timedelta(seconds=settings.worker_grace_seconds),
    )


def order(client: Client, settings: Settings) -> Worker:
    """Return the order service's worker."""
    service = OrderService(
        _engine("order", settings),
        review_threshold_minor=settings.review_threshold_minor,
        review_seconds=settings.review_seconds,
    )
    activities = OrderActivities(service)
    return _participant(client, settings, stubs.ORDER_QUEUE, activities.all)


def payment(client: Client, settings: Settings) -> Worker:
    """Return the payment service's worker."""
    activities = PaymentActivities(PaymentService(_engine("payment", settings)))
    return _participant(client, settings, stubs.PAYMENT_QUEUE, activities.all)


def stock(client: Client, settings: Settings) -> Worker:
    """Return the stock service's worker."""
    activities = StockActivities(StockService(_engine("stock", settings)))
    return _participant(client, settings, stubs.STOCK_QUEUE, activities.all)


ROLES: dict[str, Callable[[Client, Settings], Worker]] = {role.__name__: role for role in (orchestrator, order, payment, stock)}


def _engine(participant: str, settings: Settings) -> Any:
    engine = open_database(settings.database_url(participant), pool_size=settings.worker_threads)
    database = engine.url.render_as_string(hide_password=True)
    logging.getLogger("worker").info("%s keeps its data in %s", participant, database)
    return engine


def _participant(client: Client, settings: Settings, queue: str, activities: Sequence[Callable[..., Any]]) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        activities=activities,
        activity_executor=ThreadPoolExecutor(settings.worker_threads, thread_name_prefix=queue),
        max_concurrent_activities=settings.worker_threads,
        graceful_shutdown_timeout=timedelta(seconds=settings.worker_grace_seconds),
    )


async def run(roles: Sequence[str], settings: Settings, stop: asyncio.Event) -> None:
    """Run the roles until `stop` is set, then let the work in hand finish.

    Raises:
        Exception: whatever ended a worker that nobody stopped.
    """
    log = logging.getLogger("worker")
    client = await _until_temporal_is_ready(stop, log)
    if client is None:
        return
    workers = [ROLES[role](client, settings) for role in roles]
    running = [asyncio.create_task(worker.run()) for worker in workers]
    stopping = asyncio.create_task(stop.wait())
    log.info("ready: %s", ", ".join(roles))
    await asyncio.wait([stopping, *running], return_when=asyncio.FIRST_COMPLETED)
    log.info("stopping: %s", ", ".join(roles))
    stopping.cancel()
    await asyncio.gather(*(worker.shutdown() for worker in workers))
    await asyncio.gather(*running)
    log.info("stopped: %s", ", ".join(roles))


async def _until_temporal_is_ready(stop: asyncio.Event, log: logging.Logger) -> Client | None:
    """Return a client once Temporal answers and knows our search attributes, or None when told to stop before."""
    while not stop.is_set():
        try:
            client = await connect()
            missing = await _missing_search_attributes(client)
            if not missing:
                return client
            create = " ".join(f"--name {key.name} --type {key.indexed_value_type.name.title()}" for key in missing)
            log.warning("waiting for search attributes; create them: temporal operator search-attribute create %s", create)
        except (RuntimeError, RPCError) as error:
            log.warning("waiting for Temporal: %s", error)
        await _pause(stop, seconds=1)
    return None


async def _missing_search_attributes(client: Client) -> list[Any]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = (await client.operator_service.list_search_attributes(request)).custom_attributes
    return [key for key in stubs.SEARCH_ATTRIBUTES if key.name not in known]


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def main(roles: Sequence[str], settings: Settings) -> None:
    """Run the roles until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(roles, settings, stop)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roles", nargs="*", metavar="role", help=f"any of {', '.join(ROLES)}; all when none is given")
    chosen = parser.parse_args().roles or list(ROLES)
    if unknown := [role for role in chosen if role not in ROLES]:
        parser.error(f"unknown role: {', '.join(unknown)}; choose from {', '.join(ROLES)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(main(chosen, read_settings()))
    leave()
