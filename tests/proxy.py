"""A TCP proxy of a test's own.

Where new connections go can be changed, and those that are there can be cut.
"""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Target = tuple[str, int] | str
"""A host and port, or the path of a socket."""


@dataclass
class Proxy:
    """A port of this machine that leads to `target`.

    `front`, when given, is the TLS that clients must speak to it.
    """

    target: Target
    front: ssl.SSLContext | None = None
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Break every connection there is."""

        async def abort() -> None:
            for writer in self._writers:
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(abort(), self._loop).result(5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            far = await (
                asyncio.open_unix_connection(self.target)
                if isinstance(self.target, str)
                else asyncio.open_connection(*self.target)
            )
            self._writers |= {writer, far[1]}
            await asyncio.gather(_carry(reader, far[1]), _carry(far[0], writer))
            self._writers -= {writer, far[1]}
        writer.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry what is read to where it is to go, until either side is gone; then both are."""
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@contextmanager
def proxy(target: Target, front: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Give a proxy that carries for as long as it is needed, on a thread of its own."""
    leading = Proxy(target, front)
    loop = leading._loop  # this is its maker

    async def begin() -> asyncio.Server:
        server = await asyncio.start_server(leading._serve, "127.0.0.1", 0, ssl=front)
        leading.port = server.sockets[0].getsockname()[1]
        return server

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(5)

    async def end() -> None:
        server.close()
        carrying = asyncio.all_tasks() - {asyncio.current_task()}
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    try:
        yield leading
    finally:
        leading.cut()
        asyncio.run_coroutine_threadsafe(end(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
