"""Front door of HTTP: `python api.py` serves the API; `create_app` builds it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from uuid import uuid4

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from limits import parse
from prometheus_fastapi_instrumentator.middleware import (
    PrometheusInstrumentatorMiddleware as Observed,
)
from starlette.middleware.errors import ServerErrorMiddleware
from temporalio.client import Client
from temporalio.service import RetryConfig

import logs
from application import batch_keeper
from application.attention_calls import AttentionCalls
from application.event_feed import EventFeed
from application.links import OrderLinks
from application.needs import Needs
from application.operations_log import OperationsLog
from application.orders import Orders
from application.prices import PriceRule
from application.runs import Runs
from application.shop import Shop
from application.threads import NoAnswerInTime, Threads
from application.visibility import Visibility
from application.watch import Watch
from application.webhook_post import Receiver
from application.webhook_sender import WebhookSender
from config import Settings, read_settings
from contracts.events import ENDS
from participants.order.calls import Calls
from participants.order.deliveries import Backlog, Deliveries
from participants.order.events import OrderEvents
from participants.order.operations import Operations
from participants.order.service import OrderService
from participants.payment.reads import PaymentReads
from participants.stock.reads import StockReads
from process import Connection, leave
from routes import access, card_events, console, handlers, hosts, limits, order_export
from routes.access import Authentication
from routes.attended import Attended
from routes.connections import raise_descriptors
from routes.door import FIRST_LOOK_SECONDS, Door
from routes.head import Head
from routes.hosts import Cors, Hosts
from routes.limits import Body, InFlight
from routes.metrics import Metrics
from routes.rate import Callers, Rate
from routes.server import Server, configuration
from routes.subjects import ROUTERS
from routes.tokens import Tokens
from routes.wire import Wire
from temporal_saga.database import DATABASE_AWAY, DATABASE_NOT_READY, open_database
from temporal_saga.identity import Identity, find_identity, identify

AWAY = (*DATABASE_AWAY, NoAnswerInTime)
"""The errors of an order database that gives no answer."""

DESCRIPTION = "Starts, shows and cancels orders: durable distributed transactions on Temporal."

DATABASE_SECONDS = 5
"""People wait less long for the order database than workers do."""

RETRIES = RetryConfig(max_elapsed_time_millis=1_500)
"""Shorter than any limit of ours on an answer of Temporal's: so a caller learns why there is none,
and not only that."""


def create_app(settings: Settings) -> FastAPI:
    """Build the API.

    It starts while Temporal or the order database is away, says so on /readyz, and recovers by
    itself.
    """
    app = FastAPIOffline(
        title="Order saga",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=partial(_running, settings=settings),
        redoc_url=None,
        redirect_slashes=False,  # each address that is redirected would be a figure of its own
        dependencies=[Depends(access.gate)],
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.stopping = asyncio.Event()
    app.state.exports = order_export.ExportsUnderWay()
    app.state.metrics = figures = Metrics(AWAY)
    app.state.read_card_event = card_events.event_reader(
        settings.card_webhook_secret.get_secret_value()
    )
    app.state.console = console.console_for(settings)
    for router in ROUTERS:
        app.include_router(router)
    additions = [limits.add_to_openapi]
    if settings.asks_for_tokens:
        additions.append(access.add_to_openapi)
    if settings.checks_hosts:
        additions.append(hosts.add_to_openapi)
    handlers.install(app, AWAY, additions)
    _put_before(app, settings, figures)
    return app


@asynccontextmanager
async def _running(app: FastAPI, settings: Settings) -> AsyncIterator[None]:
    """Open what the app uses while it serves, and close it behind it."""
    asyncio.get_running_loop().set_default_executor(Threads())
    engine = open_database(settings.shared_database_url("order"), answer_seconds=DATABASE_SECONDS)
    stock, payment = (
        open_database(settings.database_url(name), answer_seconds=DATABASE_SECONDS, only_reads=True)
        for name in ("stock", "payment")
    )
    connection = Connection(retries=RETRIES)
    client = await connection.open(lazy=True)
    app.state.operations_log = log = OperationsLog(Operations(engine))
    shop = Shop(client, StockReads(stock), PaymentReads(payment), DATABASE_NOT_READY, log)
    use = partial(_use, app, settings, OrderService(engine), shop)
    where = engine.url.render_as_string(hide_password=True)

    def prepare() -> tuple[Identity, bool]:
        engine.dispose()  # a connection may lead to a file that was replaced
        had_a_name = find_identity(engine, where) is not None
        OrderService.open(engine)
        return identify(engine, "order", where), had_a_name

    door = Door(connection, client, prepare, use, AWAY)
    app.state.shop = shop
    app.state.door = door
    app.state.event_feed = order_events = EventFeed(OrderEvents(engine), app.state.stopping)
    keeping = asyncio.create_task(door.keep())
    with suppress(TimeoutError):
        await asyncio.wait_for(door.first_look.wait(), FIRST_LOOK_SECONDS)
    calls = Calls(engine, settings.attention_pauses)
    keep_calls = partial(AttentionCalls(calls, partial(_needs, door)).keep, AWAY)
    senders = _senders(Deliveries(engine, uuid4().hex), settings)
    app.state.backlogs = partial(_backlogs, senders)
    retention = timedelta(days=settings.event_retention_days)
    keep_events = partial(order_events.keep, retention, AWAY)
    batch_retention = timedelta(days=settings.batch_retention_days)
    keep_batches = partial(batch_keeper.keep, lambda: door.orders().batches, batch_retention, AWAY)
    keep_log = partial(log.keep, timedelta(days=settings.operation_retention_days), AWAY)
    write_notes = partial(log.late_notes.keep_writing, AWAY)
    works: list[Callable[[], Awaitable[None]]] = [sender.run for sender in senders]
    works += [keep_events, keep_log, write_notes, keep_calls, keep_batches]
    telling = [asyncio.create_task(_once_ready(door, work)) for work in works]
    yield
    keeping.cancel()
    for task in telling:
        task.cancel()
    await asyncio.wait(telling, timeout=DATABASE_SECONDS)
    if door.is_ready.is_set():
        await log.late_notes.flush(AWAY)
    shop.close()
    for database in (engine, stock, payment):
        database.dispose()


async def _needs(door: Door) -> Needs:
    return await door.orders().watch.needs()


async def _once_ready(door: Door, work: Callable[[], Awaitable[None]]) -> None:
    """Do work once the door has found the database to be the order service's own."""
    await door.is_ready.wait()
    await work()


def _senders(deliveries: Deliveries, settings: Settings) -> list[WebhookSender]:
    """Return what sends events to the receivers of the settings, to each by itself."""
    receivers = [
        Receiver(receiver.url, receiver.secrets, receiver.types or tuple(ENDS))
        for receiver in settings.webhook_receivers
    ]
    pause_seconds = settings.webhook_pause_seconds
    return [WebhookSender(deliveries, each, pause_seconds, AWAY) for each in receivers]


async def _backlogs(senders: Iterable[WebhookSender]) -> list[Backlog]:
    """Return what waits to be sent to each receiver."""
    return [await sender.backlog() for sender in senders]


def _use(
    app: FastAPI, settings: Settings, order_service: OrderService, shop: Shop, client: Client
) -> Orders:
    """Have the app ask Temporal through a client from now on, and return its orders."""
    shop.client = client
    app.state.visibility = visibility = Visibility(client)
    warning = timedelta(seconds=settings.review_warning_seconds)
    return Orders(
        client,
        order_service,
        Watch(Runs(client), visibility, order_service, warning),
        PriceRule(settings.order_prices, shop),
        OrderLinks(settings.web_ui_url, client.namespace),
        app.state.stopping,
        app.state.operations_log,
    )


def _put_before(app: FastAPI, settings: Settings, figures: Metrics) -> None:
    """Put before the routes what looks at a request first.

    The last one comes first: who is turned away costs nothing behind.
    """
    callers = Callers(parse(settings.api_rate_limit)) if settings.api_rate_limit else None

    app.add_middleware(Head)
    app.add_middleware(Attended)
    app.add_middleware(Body)
    app.add_middleware(Rate, callers)
    read_token = Tokens(settings).caller if settings.asks_for_tokens else None
    app.add_middleware(Authentication, read_token, partial(Rate, callers=callers))
    app.add_middleware(InFlight, settings.api_in_flight_limit, figures.in_flight)
    # Here as well as outermost, where Starlette has one: so a page of another origin can read
    # an error of ours, too.
    app.add_middleware(ServerErrorMiddleware, handler=app.exception_handlers[Exception])
    if settings.api_cors_origins:
        app.add_middleware(Cors, settings.api_cors_origins)
    if settings.checks_hosts:
        app.add_middleware(Hosts, settings.api_host, settings.api_hosts, settings.api_cors_origins)
    app.add_middleware(
        Observed, instrumentations=[figures.observe], should_group_status_codes=False
    )
    app.add_middleware(Wire)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read_settings("api.py")
    settings.shared_database_url("order")
    logs.begin()
    raise_descriptors()
    server = Server(configuration(create_app(settings), settings))
    with suppress(KeyboardInterrupt):  # uvicorn's last word after Ctrl-C
        server.run()
    leave(int(not server.started))


if __name__ == "__main__":
    main()
