"""The server that the API runs in."""

import asyncio
import logging
import socket
from time import monotonic
from types import FrameType
from typing import cast

import uvicorn
from fastapi import FastAPI

from config import Settings
from routes.connections import BACKLOG, MOST_HEAD_BYTES, Trouble, is_ours
from routes.connections import Connection as Peer


class Server(uvicorn.Server):
    """Looks after its connections, and tells the app when to stop.

    So whoever waits for an order is answered.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        super().handle_exit(sig, frame)
        app = cast("FastAPI", self.config.app)
        app.state.stopping.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        asyncio.get_running_loop().set_exception_handler(Trouble())
        logging.getLogger("uvicorn.error").addFilter(is_ours)
        await super().startup(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Do what is to be done ten times a second.

        Every second, let no peer leave things undone for ever.
        """
        if counter % 10 == 0:
            now = monotonic()
            for connection in tuple(self.server_state.connections):
                cast("Peer", connection).look(now)
        return await super().on_tick(counter)


def configuration(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return how the API is served.

    What uvicorn would choose by itself, and decides how we behave, is chosen here.
    """
    return uvicorn.Config(
        app,
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
