"""Front door of the workers: `python worker.py [role …]`; all roles when none is given."""

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from temporalio.client import Client
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker

import logs
from activities.order import OrderActivities
from activities.payment import PaymentActivities
from activities.stock import StockActivities
from batch_worker import batch_worker
from cards import cards, why_no_cards
from config import Settings, read_settings
from contracts import stubs
from contracts.steps import ORCHESTRATOR, PARTICIPANTS, ROLES
from orchestrator import orchestrator, saga_plugin
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from process import ANSWER_LIMIT, Connection, Watch, leave, wait_until_ready
from temporal_saga.access import may_work
from temporal_saga.database import open_database
from temporal_saga.identity import Identity, identify
from temporal_saga.registry import ForeignDatabase, Registration
from temporal_saga.search_attributes import check_search_attributes

LOG = logging.getLogger("worker")
LEAVE_SECONDS = 3
"""After the grace period, work that hangs is waited for this long; then the process ends."""
COLOCATED_SECONDS = 5
"""The orchestrator waits so long for the participants of its own process."""

Activities = Sequence[Callable[..., Any]]
Colocated = Mapping[str, asyncio.Future[Activities]]
"""By participant of this process: its activities, once it can be served."""

ACTIVITIES: dict[str, Callable[[sa.Engine, Settings], Activities]] = {
    stubs.ORDER_QUEUE: lambda engine, settings: (
        OrderActivities(
            OrderService.open(
                engine,
                review_threshold_minor=settings.review_threshold_minor,
                review_seconds=settings.review_seconds,
            )
        ).all
    ),
    stubs.PAYMENT_QUEUE: lambda engine, settings: (
        PaymentActivities(PaymentService.open(engine, cards(engine, settings))).all
    ),
    stubs.STOCK_QUEUE: lambda engine, _settings: StockActivities(StockService.open(engine)).all,
}
"""By participant: its activities, given its database."""


class StillAtWork(Exception):
    """The grace period is over, and some work does not end."""


def participant(client: Client, settings: Settings, queue: str, activities: Activities) -> Worker:
    """Return the worker of the participant whose activities these are."""
    return Worker(
        client,
        task_queue=queue,
        activities=activities,
        activity_executor=ThreadPoolExecutor(settings.worker_threads, thread_name_prefix=queue),
        max_concurrent_activities=settings.worker_threads,
        activity_task_poller_behavior=PollerBehaviorSimpleMaximum(settings.worker_pollers),
        graceful_shutdown_timeout=timedelta(seconds=settings.worker_grace_seconds),
    )


async def run(roles: Sequence[str], settings: Settings, stop: asyncio.Event) -> None:
    """Run each role once its dependencies are ready, until `stop` is set; then finish its tasks.

    Raises:
        StillAtWork: some of them do not end.
        ForeignDatabase: a role's database is not the one that its participant serves from any more.
        Exception: whatever ended a worker that nobody stopped.
    """
    connection = Connection(plugin=saga_plugin(settings))

    async def probe() -> Client:
        client = await connection.open()
        await may_work(client, ANSWER_LIMIT)
        return client

    client = await wait_until_ready("Temporal", probe, stop)
    if client is None:
        return
    check = partial(check_search_attributes, client, stubs.SEARCH_ATTRIBUTES)
    if not await wait_until_ready("search attributes", check, stop):
        return
    watch = Watch(connection, client)
    participants: Colocated = {role: asyncio.Future() for role in roles if role != ORCHESTRATOR}
    tasks = [
        asyncio.create_task(run_role(role, watch, settings, stop, participants)) for role in roles
    ]
    tasks.append(asyncio.create_task(watch.keep(stop)))
    for task in tasks:
        task.add_done_callback(lambda _: stop.set())  # a role that fails stops the others
    await stop.wait()
    _, pending = await asyncio.wait(tasks, timeout=settings.worker_grace_seconds + LEAVE_SECONDS)
    if pending:
        raise StillAtWork
    await asyncio.gather(*tasks)


async def run_role(
    role: str, watch: Watch, settings: Settings, stop: asyncio.Event, participants: Colocated
) -> None:
    """Run one role once its database answers, until `stop` is set."""
    if role == ORCHESTRATOR:
        workers = [orchestrator(watch.client, settings, await colocated_activities(participants))]
    elif service := await serve(role, watch, settings, stop):
        workers, activities = service
        participants[role].set_result(activities)
    else:
        return
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker)
            watch.workers.append(worker)
        LOG.info("ready: %s", role)
        await stop.wait()
        LOG.info("stopping: %s", role)
    LOG.info("stopped: %s", role)


async def colocated_activities(participants: Colocated) -> dict[str, Activities]:
    """Wait for the participants of this process, but not long; return those that can be served."""
    if participants:
        await asyncio.wait(participants.values(), timeout=COLOCATED_SECONDS)
    if missing := [name for name, activities in participants.items() if not activities.done()]:
        LOG.warning(
            "%s cannot be served yet: until the next start the orchestrator sends these steps to "
            "their own task queues",
            ", ".join(missing),
        )
    return {
        name: activities.result() for name, activities in participants.items() if activities.done()
    }


async def serve(
    role: str, watch: Watch, settings: Settings, stop: asyncio.Event
) -> tuple[list[Worker], Activities] | None:
    """Return a participant's workers, with its activities, once its database is ready.

    None when stopped before.
    """
    engine = open_database(
        settings.shared_database_url(role), pool_size=settings.worker_threads, only_writes=True
    )
    database = engine.url.render_as_string(hide_password=True)

    def open_service() -> tuple[Activities, Identity]:
        return ACTIVITIES[role](engine, settings), identify(engine, role, database)

    service = await wait_until_ready(
        f"{role}'s database {database}", partial(asyncio.to_thread, open_service), stop
    )
    if service is None:
        return None
    activities, identity = service
    registration = Registration(watch.client, role, identity)

    async def is_ours() -> bool:
        registration.client = watch.client
        if registration.database.was_replaced():  # put back, it may be: nothing was served yet
            engine.dispose()
            registration.database = (await asyncio.to_thread(open_service))[1]
        return await registration.check()

    if not await wait_until_ready(f"the database of {role}", is_ours, stop):
        return None
    watch.registrations.append(registration)
    LOG.info("%s keeps its data in %s (%s)", role, database, registration.database.id)
    workers = [participant(watch.client, settings, role, activities)]
    if role == stubs.ORDER_QUEUE:
        workers.append(batch_worker(watch.client, settings, engine))
    return workers, activities


async def main(roles: Sequence[str], settings: Settings) -> None:
    """Run the roles until SIGTERM or SIGINT, and end this process."""
    for role in set(PARTICIPANTS) & set(roles):
        settings.shared_database_url(role)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await run(roles, settings, stop)
    except StillAtWork:
        LOG.warning(
            "leaving with exit code %d: work is still in hand %g s after the %g s of "
            "WORKER_GRACE_SECONDS, and may hang; another worker is given it, and whatever became "
            "of it here, it takes effect once",
            *(os.EX_TEMPFAIL, LEAVE_SECONDS, settings.worker_grace_seconds),
        )
        leave(os.EX_TEMPFAIL)
    except ForeignDatabase as reason:
        LOG.error("leaving with exit code 1: %s", reason)  # noqa: TRY400  # the message says it all
        leave(1)
    leave()


def why_not_local(roles: Sequence[str], settings: Settings) -> str | None:
    """Return why these roles cannot run with LOCAL_ACTIVITIES; None when they can, or need not."""
    missing = [participant for participant in PARTICIPANTS if participant not in roles]
    if settings.local_activities == "off" or ORCHESTRATOR not in roles or not missing:
        return None
    return (
        f"LOCAL_ACTIVITIES=on needs every participant in the {ORCHESTRATOR}'s own process, and "
        f"{', '.join(missing)} would be missing: run `python worker.py` with all roles, or set "
        "LOCAL_ACTIVITIES=off"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "roles",
        nargs="*",
        metavar="role",
        help=f"any of {', '.join(ROLES)}; all when none is given",
    )
    roles = parser.parse_args().roles or list(ROLES)
    if unknown_roles := [role for role in roles if role not in ROLES]:
        parser.error(f"unknown role: {', '.join(unknown_roles)}; choose from {', '.join(ROLES)}")
    logs.begin()
    settings = read_settings("worker.py")
    if problem := why_not_local(roles, settings) or why_no_cards(roles, settings):
        parser.error(problem)
    asyncio.run(main(roles, settings))
