"""Front door of HTTP: `python api.py` serves the API; `create_app` builds it."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic
from types import FrameType
from typing import cast

import uvicorn
from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from limits import parse
from prometheus_fastapi_instrumentator.middleware import (
    PrometheusInstrumentatorMiddleware as Observed,
)
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp
from temporalio.client import Client
from temporalio.service import RetryConfig

import logs
from application.orders import Known, Sagas
from application.runs import Runs
from application.shop import Shop
from application.threads import NoAnswerInTime, Threads
from application.visibility import Visibility
from config import Settings, read_settings
from participants.order.service import OrderService
from participants.payment.reads import PaymentReads
from participants.stock.reads import StockReads
from process import Connection, leave
from routes import (
    access,
    acts,
    console,
    events,
    handlers,
    health,
    hosts,
    limits,
    lookups,
    manage,
    orders,
    overview,
)
from routes.access import Authentication
from routes.attended import Attended
from routes.connections import BACKLOG, MOST_HEAD_BYTES, Trouble, is_ours, raise_descriptors
from routes.connections import Connection as Peer
from routes.door import FIRST_LOOK_SECONDS, Door
from routes.head import Head
from routes.hosts import Cors, Hosts
from routes.limits import Body, InFlight
from routes.metrics import Metrics
from routes.rate import Callers, Rate
from routes.tokens import Tokens
from routes.wire import Wire
from temporal_saga.database import DATABASE_AWAY, LOOK_FAILED, open_database
from temporal_saga.identity import Identity, find_identity, identify

DATABASE_SECONDS = 5
"""People wait less long for the order database than workers do."""

RETRIES = RetryConfig(max_elapsed_time_millis=1_500)
"""Shorter than any limit of ours on an answer of Temporal's: so a caller hears why there is none, and not only that."""


def create_app(settings: Settings) -> FastAPI:
    """Build the API. It starts while Temporal or the order database is away, says so on /readyz, and recovers by itself."""
    away = (*DATABASE_AWAY, NoAnswerInTime)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(Threads())
        engine = open_database(
            settings.shared_database_url("order"), answer_seconds=DATABASE_SECONDS
        )
        where = engine.url.render_as_string(hide_password=True)
        connection = Connection(retries=RETRIES)
        client = await connection.open(lazy=True)
        stock, payment = (
            open_database(
                settings.database_url(name), answer_seconds=DATABASE_SECONDS, only_reads=True
            )
            for name in ("stock", "payment")
        )
        app.state.shop = shop = Shop(client, StockReads(stock), PaymentReads(payment), LOOK_FAILED)
        app.state.visibility = Visibility(client)

        def begin() -> tuple[OrderService, Identity]:
            return OrderService(engine), identify(engine, "order", where)

        def build(client: Client, orders: OrderService) -> Sagas:
            shop.client = client
            app.state.visibility = visibility = Visibility(client)
            known = Known.of(Runs(client, app.state.stopping), visibility, orders)
            return Sagas(client, orders, settings.web_ui_url, app.state.stopping, known=known)

        door = Door(connection, client, partial(find_identity, engine, where), begin, build, away)
        app.state.sagas = door.sagas
        keeping = asyncio.create_task(door.keep())
        with suppress(TimeoutError):
            await asyncio.wait_for(door.looked.wait(), FIRST_LOOK_SECONDS)
        yield
        keeping.cancel()
        shop.close()
        for opened in (engine, stock, payment):
            opened.dispose()

    app = FastAPIOffline(
        title="Order saga",
        version="0.1.0",
        description="Starts, shows and cancels orders: durable distributed transactions on Temporal.",
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,  # an address is what it is; and each that is redirected would be a figure of its own
        dependencies=[Depends(access.gate)],
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.order_prices = settings.order_prices
    app.state.stopping = asyncio.Event()
    app.state.metrics = figures = Metrics(away)
    for room in (orders, overview, events, acts, lookups, health, manage, console):
        app.include_router(room.router)
    described = [limits.describe]
    if settings.authenticated:
        described.append(access.describe)
    if settings.checks_hosts:
        described.append(hosts.describe)
    handlers.install(app, away, described)
    _put_before(app, settings, figures)
    return app


def _put_before(app: FastAPI, settings: Settings, figures: Metrics) -> None:
    """Put before the routes what looks at a request first. The last one comes first: who is turned away costs nothing behind."""
    callers = Callers(parse(settings.api_rate_limit)) if settings.api_rate_limit else None

    def counted(answer: ASGIApp) -> ASGIApp:
        return Rate(answer, callers)

    app.add_middleware(Head)
    app.add_middleware(Attended)
    app.add_middleware(Body)
    app.add_middleware(Rate, callers)
    app.add_middleware(
        Authentication, Tokens(settings).caller if settings.authenticated else None, counted
    )
    app.add_middleware(InFlight, settings.api_in_flight_limit, figures.in_flight)
    # Here as well as outermost, where Starlette has one: a page of another origin can read an error of ours, too.
    app.add_middleware(ServerErrorMiddleware, handler=app.exception_handlers[Exception])
    if settings.api_cors_origins:
        app.add_middleware(Cors, settings.api_cors_origins)
    if settings.checks_hosts:
        app.add_middleware(Hosts, settings.api_host, settings.api_hosts, settings.api_cors_origins)
    app.add_middleware(
        Observed, instrumentations=[figures.observe], should_group_status_codes=False
    )
    app.add_middleware(Wire)


class Server(uvicorn.Server):
    """Looks after its connections, and tells the app when it is told to stop, so that whoever waits for an order is answered."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        super().handle_exit(sig, frame)
        self.config.app.state.stopping.set()  # type: ignore[union-attr]  # the app itself, not its name

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        asyncio.get_running_loop().set_exception_handler(Trouble())
        logging.getLogger("uvicorn.error").addFilter(is_ours)
        await super().startup(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Do what is to be done ten times a second; every second, let no peer leave things undone for ever."""
        if counter % 10 == 0:
            now = monotonic()
            for connection in tuple(self.server_state.connections):
                cast("Peer", connection).look(now)
        return await super().on_tick(counter)


def configuration(settings: Settings) -> uvicorn.Config:
    """Return how the API is served; what uvicorn would choose by itself, and decides how we behave, is chosen here."""
    return uvicorn.Config(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        loop="asyncio",
        http=Peer,
        ws="none",
        lifespan="on",
        interface="asgi3",
        workers=1,
        backlog=BACKLOG,
        limit_concurrency=None,  # Connection knows better whom to turn away, and InFlight how
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        timeout_keep_alive=settings.api_keep_alive_seconds,
        timeout_graceful_shutdown=5,
        proxy_headers=bool(settings.api_trusted_proxies),
        forwarded_allow_ips=list(settings.api_trusted_proxies),
        server_header=False,
        date_header=True,
        log_config=None,  # it is in logs.py
        access_log=False,
    )


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read_settings("api.py")
    settings.shared_database_url("order")
    logs.begin()
    raise_descriptors()
    server = Server(configuration(settings))
    with suppress(KeyboardInterrupt):  # uvicorn's last word after Ctrl-C
        server.run()
    leave(int(not server.started))


if __name__ == "__main__":
    main()
