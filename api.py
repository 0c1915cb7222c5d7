"""Front door of HTTP: `python api.py` serves the API; `create_app` builds it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from types import FrameType

import uvicorn
from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_fastapi_instrumentator.middleware import PrometheusInstrumentatorMiddleware as Observed
from temporalio.client import Client
from temporalio.service import RetryConfig

from config import Connection, Settings, leave, read_settings
from participants.order.service import OrderService
from routes import access, acts, console, events, limits, metrics, orders, problems, reads
from routes.access import Authentication
from routes.door import FIRST_LOOK_SECONDS, Door
from routes.limits import Body, InFlight, Rate
from routes.metrics import Metrics
from routes.runs import Runs
from routes.sagas import Sagas
from routes.threads import NoAnswerInTime, Threads
from routes.tokens import Tokens
from temporal_saga.database import DATABASE_AWAY, open_database
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
        engine = open_database(settings.shared_database_url("order"), answer_seconds=DATABASE_SECONDS)
        where = engine.url.render_as_string(hide_password=True)
        connection = Connection(retries=RETRIES)
        client = await connection.open(lazy=True)

        def begin() -> tuple[OrderService, Identity]:
            return OrderService(engine), identify(engine, "order", where)

        def build(client: Client, orders: OrderService) -> Sagas:
            app.state.runs = Runs(client, app.state.stopping)
            return Sagas(client, orders, settings.web_ui_url, app.state.stopping, runs=app.state.runs)

        app.state.runs = Runs(client, app.state.stopping)
        door = Door(connection, client, partial(find_identity, engine, where), begin, build, away)
        app.state.sagas = door.sagas
        keeping = asyncio.create_task(door.keep())
        with suppress(TimeoutError):
            await asyncio.wait_for(door.looked.wait(), FIRST_LOOK_SECONDS)
        yield
        keeping.cancel()
        engine.dispose()

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
    app.state.stopping = asyncio.Event()
    app.state.metrics = figures = Metrics(away)
    for room in (orders, events, acts, reads, metrics, console):
        app.include_router(room.router)
    # The last one comes first: who is turned away is turned away before their body is read.
    app.add_middleware(Body)
    app.add_middleware(Rate, settings.api_rate_limit)
    app.add_middleware(Authentication, Tokens(settings).caller if settings.authenticated else None)
    app.add_middleware(InFlight, settings.api_in_flight_limit, figures.in_flight)
    app.add_middleware(Observed, instrumentations=[figures.observe], should_group_status_codes=False)
    problems.install(app, away, [limits.describe, *([access.describe] if settings.authenticated else [])])
    return app


class Server(uvicorn.Server):
    """Tells the app when it is told to stop, so that whoever waits for an order is answered with the order as it stands."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        super().handle_exit(sig, frame)
        self.config.app.state.stopping.set()  # type: ignore[union-attr]  # the app itself, not its name


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read_settings("api.py")
    settings.shared_database_url("order")
    config = uvicorn.Config(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_level="info",
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = Server(config)
    with suppress(KeyboardInterrupt):  # uvicorn's last word after Ctrl-C
        server.run()
    leave(int(not server.started))


if __name__ == "__main__":
    main()
