"""The provider as a process: its two doors, and what runs behind them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from card_provider.books import Books
from card_provider.calls import Calls
from card_provider.control import control_app
from card_provider.deliveries import Deliveries
from card_provider.endpoints import ENDPOINTS, Endpoint
from card_provider.errors import ApiError, NoAnswer
from card_provider.faults import Faults
from card_provider.page import BankPage

HOST = "127.0.0.1"
GRACE_SECONDS = 1
BACKLOG = 512


class Server(uvicorn.Server):
    """Ends when its provider says so: signals are heard once, by the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class ApiDoor:
    """Where callers come in; it can be closed and opened again, at the same port."""

    def __init__(self, app: Starlette, port: int) -> None:
        """Take the port, 0 for a free one."""
        self.listener = _listener(port)
        self.port = int(self.listener.getsockname()[1])
        self.server = Server(_configuration(app))
        self._opening: asyncio.Task[None] | None = None
        self._is_open = True

    def close(self, for_seconds: float | None) -> None:
        """Refuse connections, and cut those that there are; for a time, or until it is opened."""
        self._stop_waiting()
        if self._is_open:
            self._is_open = False
            for server in self.server.servers:
                server.close()
            for connection in list(self.server.server_state.connections):
                connection.transport.abort()
            # It has the port but does not listen: connections are refused, and nobody else gets it.
            self.listener = _listener(self.port)
        if for_seconds is not None:
            self._opening = asyncio.create_task(self._open_after(for_seconds))

    async def open(self) -> None:
        """Take connections again."""
        self._stop_waiting()
        if not self._is_open:
            self._is_open = True
            await self.server.startup(sockets=[self.listener])

    def hang_up(self, request: Request) -> None:
        """Close a call's connection without an answer."""
        for connection in list(self.server.server_state.connections):
            if cast("H11Protocol", connection).client == request.client:
                connection.transport.abort()

    async def _open_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._opening = None
        await self.open()

    def _stop_waiting(self) -> None:
        if self._opening:
            self._opening.cancel()
            self._opening = None


class Provider:
    """A provider with its books open and its ports taken."""

    def __init__(self, path: Path, port: int = 0, control_port: int = 0) -> None:
        """Open the books at `path`; a port that is 0 is a free one.

        Raises:
            OSError: a port is in use.
        """
        self._books = Books(path)
        faults = Faults()
        calls = Calls(self._books, faults)
        page = BankPage(self._books)
        bank = "/authenticate/{client_secret}"
        routes = [
            *(
                Route(point.path, self._serving(calls, point), methods=[point.method])
                for point in ENDPOINTS
            ),
            Route(bank, page.show, methods=["GET"]),
            Route(bank, page.answer, methods=["POST"]),
        ]
        self._door = ApiDoor(
            Starlette(routes=routes, exception_handlers={404: _no_such_path, 405: _no_such_path}),
            port,
        )
        self._deliveries = Deliveries(self._books)
        control = control_app(self._books, faults, self._deliveries, self._door)
        self._control_listener = _listener(control_port)
        self._control = Server(_configuration(control))
        self.url = f"http://{HOST}:{self._door.port}"
        self.control_url = f"http://{HOST}:{self._control_listener.getsockname()[1]}"
        self._books.public_url = self.url
        for listener in (self._door.listener, self._control_listener):
            listener.listen(BACKLOG)  # who comes before `run` waits for it

    async def run(self) -> None:
        """Serve until `stop`."""
        try:
            await asyncio.gather(
                self._deliveries.run(),
                self._door.server.serve(sockets=[self._door.listener]),
                self._control.serve(sockets=[self._control_listener]),
            )
        finally:
            self._door.listener.close()
            self._control_listener.close()
            self._books.close()

    def stop(self) -> None:
        """End `run`."""
        self._deliveries.stop()
        self._door.server.should_exit = True
        self._control.should_exit = True

    def _serving(
        self, calls: Calls, endpoint: Endpoint
    ) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            try:
                return await calls.serve(endpoint, request)
            except NoAnswer:
                self._door.hang_up(request)
                await asyncio.sleep(0)  # until the server knows that nobody listens any more
                return Response()

        return serve


async def _no_such_path(request: Request, _: Exception) -> Response:
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    error = ApiError(404, "invalid_request_error", message)
    return JSONResponse(error.body, error.status)


def _listener(port: int) -> socket.socket:
    # The event loop sends at once only on sockets that say their protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


_configuration = partial(
    uvicorn.Config,
    loop="asyncio",
    http="h11",
    ws="none",
    lifespan="off",
    interface="asgi3",
    backlog=BACKLOG,
    timeout_graceful_shutdown=GRACE_SECONDS,
    log_config=None,
    access_log=False,
)
"""How both doors are served."""
