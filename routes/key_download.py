"""Downloading the keys that an issuer of tokens publishes, within a time, whatever hangs."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    ProxyHandler,
    Request,
    build_opener,
)

from config import LOOPBACK

DOWNLOAD_SECONDS = 3
"""What has not come in full within this is given up."""

MOST_BYTES = 2 * 1024 * 1024

T = TypeVar("T")

HEADERS = {"Accept": "application/json", "User-Agent": "order-saga"}


async def download(url: str, parse: Callable[[bytes], T]) -> T:
    """Return what `parse` makes of a document, in a thread of its own, which may hang.

    Raises:
        Exception: it cannot be had or parsed.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()
    sockets: list[socket.socket] = []

    def work() -> None:
        try:
            result: T | BaseException = parse(_read(url, sockets))
        except BaseException as error:  # noqa: BLE001  # it belongs to who waits
            result = error
        try:
            loop.call_soon_threadsafe(_settle, answer, result)
        except RuntimeError:  # the API has ended meanwhile
            return

    threading.Thread(target=work, name="keys", daemon=True).start()
    try:
        return await asyncio.wait_for(answer, DOWNLOAD_SECONDS)
    except TimeoutError:
        raise TimeoutError(f"no full answer within {DOWNLOAD_SECONDS} s") from None
    finally:
        _shut_down(sockets)


def _settle(answer: "asyncio.Future[T]", result: T | BaseException) -> None:
    if answer.done():
        return
    if isinstance(result, BaseException):
        answer.set_exception(result)
    else:
        answer.set_result(result)


def _shut_down(sockets: list[socket.socket]) -> None:
    """End what is still read, so that its thread ends as well."""
    for open_socket in sockets:
        try:
            open_socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # it is at its end
            continue


def _read(url: str, sockets: list[socket.socket]) -> bytes:
    """Return what is published at a URL, as it is; `sockets` gets what is opened for it.

    Raises:
        Exception: it cannot be had, is elsewhere, or is too large.
    """
    # What is on this machine is not asked for through a proxy, whatever the environment names.
    proxies = ProxyHandler({} if urlsplit(url).hostname in LOOPBACK else None)
    opener = build_opener(proxies, _Http(sockets), _Https(sockets), _NoRedirect)
    request = Request(url, headers=HEADERS)  # noqa: S310  # the settings take http and https alone
    try:
        with opener.open(request, timeout=DOWNLOAD_SECONDS) as response:
            document: bytes = response.read(MOST_BYTES + 1)
    except HTTPError as error:
        error.close()  # it holds what it was sent
        raise
    if len(document) > MOST_BYTES:
        raise ValueError(f"the answer has more than {MOST_BYTES} bytes")
    return document


class _Http(HTTPHandler):
    """Keeps hold of what it opens."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()
        self._sockets = sockets

    def http_open(self, request: Request) -> HTTPResponse:
        return self.do_open(partial(_open, HTTPConnection, self._sockets), request)


class _Https(HTTPSHandler):
    """Likewise, encrypted."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()
        self._sockets = sockets

    def https_open(self, request: Request) -> HTTPResponse:
        connect = partial(_open, HTTPSConnection, self._sockets)
        return self.do_open(connect, request, context=ssl.create_default_context())


class _NoRedirect(HTTPRedirectHandler):
    """Goes nowhere else: keys are at the URL that the settings name."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _open(
    kind: type[HTTPConnection], sockets: list[socket.socket], *place: Any, **how: Any
) -> HTTPConnection:
    """Return a connection whose socket is added to `sockets` once it is made."""
    connection = kind(*place, **how)
    connect = connection.connect

    def keep() -> None:
        connect()
        sockets.append(connection.sock)

    connection.connect = keep  # type: ignore[method-assign]
    return connection
