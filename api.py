"""Front door of HTTP: `python api.py` serves the API; `create_app` builds it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from types import FrameType

import uvicorn
from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_fastapi_instrumentator.middleware import PrometheusInstrumentatorMiddleware as Observed

import logs
from config import Settings, connect, leave, read_settings
from participants.order.service import OrderService
from routes import access, acts, console, events, limits, metrics, orders, problems, reads
from routes.access import Authentication
from routes.limits import Body, InFlight, Rate
from routes.metrics import Metrics
from routes.runs import Runs
from routes.sagas import Sagas
from routes.tokens import Tokens
from temporal_saga.database import DATABASE_AWAY, open_database


def create_app(settings: Settings) -> FastAPI:
    """Build the API. It starts while Temporal or the order database is away, says so on /readyz, and recovers by itself."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = open_database(settings.database_url("order"))
        client = await connect(lazy=True)

        app.state.runs = runs = Runs(client, app.state.stopping)

        @cache  # from when it succeeds: until then each request tries, and is answered with why it fails
        def sagas() -> Sagas:
            return Sagas(client, OrderService(engine), settings.web_ui_url, app.state.stopping, runs=runs)

        app.state.sagas = sagas
        yield
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
    app.state.metrics = figures = Metrics(DATABASE_AWAY)
    for room in (orders, events, acts, reads, metrics, console):
        app.include_router(room.router)
    # The last one comes first: who is turned away is turned away before their body is read.
    app.add_middleware(Body)
    app.add_middleware(Rate, settings.api_rate_limit)
    app.add_middleware(Authentication, Tokens(settings).caller if settings.authenticated else None)
    app.add_middleware(InFlight, settings.api_in_flight_limit, figures.in_flight)
    app.add_middleware(Observed, instrumentations=[figures.observe], should_group_status_codes=False)
    problems.install(app, DATABASE_AWAY, [limits.describe, *([access.describe] if settings.authenticated else [])])
    return app


class Server(uvicorn.Server):
    """Tells the app when it is told to stop, so that whoever waits for an order is answered with the order as it stands."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        super().handle_exit(sig, frame)
        self.config.app.state.stopping.set()  # type: ignore[union-attr]  # the app itself, not its name


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = read_settings()
    logs.begin()
    config = uvicorn.Config(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,  # it is in logs.py
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = Server(config)
    with suppress(KeyboardInterrupt):  # uvicorn's last word after Ctrl-C
        server.run()
    leave(not server.started)


if __name__ == "__main__":
    main()
