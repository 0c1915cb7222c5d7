"""What a request may cost: the size and time of its body, and how many are served at once."""

import asyncio
import json
import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from prometheus_client import Gauge
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from routes.attended import note_left, replay
from routes.middleware import Middleware
from routes.problems import RETRY_AFTER_SECONDS, Problem, declare
from routes.rate import HEALTH, too_many

MOST_BYTES = 256 * 1024
BODY_SECONDS = 10
"""A body that has not arrived within this is not waited for."""

REFUSED_BODIES = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)

UNENCODABLE = re.compile("[\0\ud800-\udfff]")
"""Code points that cannot be stored: NUL in no database, half a surrogate pair in no encoding."""

WITH_A_BODY = ("POST", "PUT")
UTF_8 = ("utf-8", "utf8", "us-ascii")
BYTE_ORDER_MARK = "\ufeff"

MOST_DIGITS = 4_300
"""Of a number that is read at all; Python by itself reads no longer one."""

LAST = {"Connection": "close"}
"""What is left of a body that is refused is not read; the connection ends."""


class InFlight(Middleware):
    """Serves so many requests at one time; one more is asked to come again."""

    exempt_paths = HEALTH

    def __init__(self, app: ASGIApp, most: int | None, gauge: Gauge) -> None:
        """Stand before `app`; `most` is None for no limit; `gauge` shows how many there are."""
        super().__init__(app)
        self._most = math.inf if most is None else most
        self._in_flight = 0
        gauge.set_function(lambda: self._in_flight)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if self._in_flight >= self._most:
            busy = "as many requests as the API serves at one time are under way; ask again"
            raise too_many(busy, RETRY_AFTER_SECONDS)
        self._in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight -= 1


class Body(Middleware):
    """Reads a body within its limits, and lets only what is plainly JSON through to the routes."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body read, or answer 400, 408, 413 or 415."""
        headers = Headers(scope=scope)
        body = await _read(headers, receive)
        if body is None:
            await note_left(send)
            return
        if body and scope["method"] in WITH_A_BODY:
            _check_type(headers)
            _check(body)
        message = {"type": "http.request", "body": body, "more_body": False}
        await self._app(scope, replay(message, receive), send)


def add_to_openapi(document: dict[str, Any]) -> None:
    """Tell in an OpenAPI document how requests are turned away that cost too much."""
    for path, calls in document["paths"].items():
        for call in calls.values():
            crowd = () if path in HEALTH else (HTTPStatus.TOO_MANY_REQUESTS,)
            declare(call, *crowd, *(REFUSED_BODIES if "requestBody" in call else ()))


async def _read(headers: Headers, receive: Receive) -> bytes | None:
    """Return the body, counted as it comes in; None when the caller went away before its end.

    Raises:
        Problem: 413 or 408, it is too large or too slow.
    """
    too_large = f"a body has at most {MOST_BYTES} bytes"
    if (content_length := headers.get("content-length", "")).isdigit() and int(
        content_length
    ) > MOST_BYTES:
        raise _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", too_large)
    body = bytearray()
    more = True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > MOST_BYTES:
                    raise _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", too_large)
    except TimeoutError as error:
        raise _refusal(
            HTTPStatus.REQUEST_TIMEOUT,
            "too-slow",
            f"the body did not arrive within {BODY_SECONDS} s",
        ) from error
    return bytes(body)


def _check_type(headers: Headers) -> None:
    """Find a body to be called JSON.

    Raises:
        Problem: 415, it says that it is something else.
    """
    media_type, *parameters = headers.get("content-type", "").lower().split(";")
    is_json = media_type.strip() == "application/json"
    charsets = [one.partition("=")[2] for one in parameters if one.strip().startswith("charset")]
    if not is_json or any(charset.strip(' "') not in UTF_8 for charset in charsets):
        raise _unsupported_type("send JSON in UTF-8, with Content-Type: application/json")
    if headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        why = "send the body as it is, without a Content-Encoding"
        raise _unsupported_type(why, {"Accept-Encoding": "identity"})


def _unsupported_type(why: str, headers: Mapping[str, str] | None = None) -> Problem:
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", why, headers=headers)


def _check(body: bytes) -> None:
    """Find a body to be JSON that every reader understands alike (RFC 7493).

    Raises:
        Problem: 400, it is not.
    """
    pending = [_read_json(body)]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, str) and UNENCODABLE.search(value):
            raise _no_plain_json("a text in it has a NUL or half a surrogate pair")


def _read_json(body: bytes) -> Any:
    """Return what a body says.

    Raises:
        Problem: 400, it is no JSON, or such as not every reader reads alike.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _no_plain_json(f"it is not UTF-8 from byte {error.start + 1} on") from error
    if text.startswith(BYTE_ORDER_MARK):
        raise _no_plain_json("it begins with a byte order mark")
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_int=_whole, parse_constant=_no_number
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _no_plain_json(f"something else than JSON stands at {place}") from error
    except RecursionError as error:
        raise _no_plain_json("it is nested too deeply") from error


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise _no_plain_json(f"a number in it has more than {MOST_DIGITS:,} digits")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of two values under one key nobody knows which is meant."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _no_plain_json("a key stands twice in an object")
    return members


def _no_number(name: str) -> Any:
    raise _no_plain_json(f"{name} is no number")


def _no_plain_json(why: str) -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST, "not-json", f"the body is no JSON that can be read: {why}"
    )


def _refusal(status: HTTPStatus, slug: str, why: str) -> Problem:
    return Problem(status, slug, why, headers=LAST)
