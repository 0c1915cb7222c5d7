"""The keys that an issuer of tokens publishes (RFC 7517): kept while they serve, and read again without keeping anybody."""

import asyncio
import json
import logging
import math
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from time import monotonic
from typing import Any
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

import jwt

from config import LOOPBACK
from routes.access import unauthorized
from routes.problems import Problem

FETCH_SECONDS = 3
"""What has not come in full within this is given up."""

FRESH_SECONDS = 300
"""Older keys are asked for again, while they serve on."""

KEPT_SECONDS = 3_600
"""So long keys serve when no newer can be had: a key that was withdrawn meanwhile is believed no longer than this."""

AGAIN_AFTER_SECONDS = 5
"""The issuer is not asked again so soon, whatever it answered, and whatever keys callers name."""

MOST_BYTES = 2 * 1024 * 1024
MOST_KEYS = 1_000

SAID = {"Accept": "application/json", "User-Agent": "order-saga"}

INVALID = 'Bearer error="invalid_token"'

log = logging.getLogger("api")


class Keys:
    """An issuer's keys. Who names one that is known is never kept waiting by who names another, nor by the issuer."""

    def __init__(self, url: str, algorithm: str, clock: Callable[[], float] = monotonic) -> None:
        """Read from `url` the keys that go with one algorithm, once somebody needs one; `clock` counts seconds."""
        self._url = url
        self._clock = clock
        self._algorithm = algorithm
        self._published = Published()
        self._read_at = -math.inf
        self._asked_at = -math.inf
        self._is_away = False
        self._asking: asyncio.Task[bool] | None = None

    async def key_of(self, token: str, instead_of: jwt.PyJWK | None = None) -> jwt.PyJWK:
        """Return the key that must have signed a token.

        Args:
            token: a token, which is not to be believed yet.
            instead_of: the key that was returned for it before, and has not signed it.

        Raises:
            PyJWTError: what is given is no token.
            Problem: 401, there is no such key; 503, nobody knows just now whether there is.
        """
        key_id = jwt.get_unverified_header(token).get("kid")
        key = self._find(key_id)
        is_fresh = self._clock() - self._read_at <= FRESH_SECONDS
        if key is None and is_fresh and (why := self._published.cannot_be(key_id)):
            raise _refused(why)
        is_news = False
        if key is None or key is instead_of:
            is_news = await self._asked()
            key = self._find(key_id)
        elif not is_fresh and self._may_ask():
            self._ask()
        if key is not None and key is not instead_of:
            return key
        if not is_news:
            raise self._unknown()
        raise _refused(
            self._published.cannot_be(key_id)
            or "was signed with a key that its issuer does not publish"
        )

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        is_kept = self._clock() - self._read_at <= KEPT_SECONDS
        return self._published.find(key_id) if is_kept else None

    def _may_ask(self) -> bool:
        return (
            self._asking is None and not 0 <= self._clock() - self._asked_at < AGAIN_AFTER_SECONDS
        )

    def _ask(self) -> asyncio.Task[bool]:
        """Begin to ask the issuer; one at a time."""
        self._asked_at = self._clock()
        self._asking = asyncio.create_task(self._read())
        return self._asking

    async def _asked(self) -> bool:
        """Ask the issuer, if it may be asked, or wait for who does; return whether it has answered us."""
        if self._may_ask():
            asking = self._ask()
            await asyncio.wait([asking])
            return asking.result()
        if self._asking is not None:
            await asyncio.wait([self._asking])
        return False

    async def _read(self) -> bool:
        """Ask the issuer, and return whether it has answered well; if not, that changes nothing."""
        asked_at = self._asked_at
        try:
            self._published = await _published(self._url, self._algorithm)
        except Exception as error:  # noqa: BLE001  # whatever an issuer sends, those who have a key go on
            if (
                not self._is_away
            ):  # it is asked every few seconds, and the log need not know each time
                left = (
                    max(0, math.floor(self._read_at + KEPT_SECONDS - self._clock()))
                    if self._published.keys
                    else 0
                )
                log.warning(
                    "the keys of the tokens' issuer cannot be had (%s); those known serve for %s s more",
                    error,
                    left,
                )
            self._is_away = True
            return False
        else:
            if self._is_away:
                log.warning("the keys of the tokens' issuer are to be had again")
            self._is_away = False
            self._read_at = asked_at
            return True
        finally:
            self._asking = None

    def _unknown(self) -> Problem:
        wait = max(1, math.ceil(self._asked_at + AGAIN_AFTER_SECONDS - self._clock()))
        why = "the issuer of tokens gives no answer about the key of this one; nothing is lost, ask again"
        return Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", why, headers={"Retry-After": str(wait)}
        )


class Published:
    """The keys of one answer that can have signed tokens of ours."""

    def __init__(self, keys: Iterable[jwt.PyJWK] = (), other_ids: Iterable[str] = ()) -> None:
        """Keep them by their ids; `other_ids` are those of keys that are not for tokens of ours."""
        self.keys = list(keys)
        self._other_ids = frozenset(other_ids)
        self._by_id = {key.key_id: key for key in reversed(self.keys) if key.key_id}

    def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return the key of this id; the only one there is, if it or the token has no id."""
        if key_id is not None and key_id in self._by_id:
            return self._by_id[key_id]
        is_only = len(self.keys) == 1 and (key_id is None or not self.keys[0].key_id)
        return self.keys[0] if is_only else None

    def cannot_be(self, key_id: str | None) -> str:
        """Return why a token that names this key cannot be believed, as far as its issuer has said; "" if it can."""
        if key_id is None and len(self.keys) > 1:
            return "names no key (kid), and its issuer publishes several"
        if key_id is not None and key_id in self._other_ids and key_id not in self._by_id:
            return "was signed with a key that its issuer publishes for something else"
        return ""

    @classmethod
    def read(cls, document: Any, algorithm: str) -> "Published":
        """Return what a document publishes; members that are no keys of ours are passed over.

        Raises:
            ValueError: there is no key in it.
        """
        members = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(members, list) or len(members) > MOST_KEYS:
            raise ValueError(f"the answer is no set of at most {MOST_KEYS} keys")
        keys = [key for member in members if (key := _key(member, algorithm)) is not None]
        if not keys:
            raise ValueError(f"the answer has no key for {algorithm}")
        if len(keys) > 1 and (nameless := sum(not key.key_id for key in keys)):
            log.warning(
                "%s of %s keys of the tokens' issuer have no kid, and cannot be used",
                nameless,
                len(keys),
            )
        return cls(keys, {member["kid"] for member in members if _has_id(member)})


def _refused(why: str) -> Problem:
    return unauthorized(f"the token {why}", challenge=INVALID)


def _has_id(member: Any) -> bool:
    return isinstance(member, Mapping) and isinstance(member.get("kid"), str)


def _key(member: Any, algorithm: str) -> jwt.PyJWK | None:
    """Return a member of a set as a key; None when it is none, or is not for signing tokens of ours."""
    if not isinstance(member, Mapping):
        return None
    if member.get("use", "sig") != "sig" or member.get("alg", algorithm) != algorithm:
        return None
    if not isinstance(member.get("kid", ""), str):
        return None
    try:
        return jwt.PyJWK(dict(member), algorithm)
    except Exception:  # noqa: BLE001  # one that cannot be read must not cost the others
        return None


async def _published(url: str, algorithm: str) -> Published:
    """Ask for the keys, in a thread of its own: what hangs in it keeps nobody else.

    Raises:
        Exception: they cannot be had.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Published] = loop.create_future()
    lines: list[socket.socket] = []

    def work() -> None:
        try:
            keys: Any = Published.read(json.loads(_document(url, lines)), algorithm)
        except BaseException as error:  # noqa: BLE001  # it belongs to who waits
            keys = error
        try:
            loop.call_soon_threadsafe(_settle, answer, keys)
        except RuntimeError:  # the API has ended meanwhile
            return

    threading.Thread(target=work, name="keys", daemon=True).start()
    try:
        return await asyncio.wait_for(answer, FETCH_SECONDS)
    except TimeoutError:
        raise TimeoutError(f"no full answer within {FETCH_SECONDS} s") from None
    finally:
        _hang_up(lines)


def _settle(answer: "asyncio.Future[Published]", keys: Published | BaseException) -> None:
    if answer.done():
        return
    if isinstance(keys, BaseException):
        answer.set_exception(keys)
    else:
        answer.set_result(keys)


def _hang_up(lines: list[socket.socket]) -> None:
    """End what is still read, so that its thread ends as well."""
    for line in lines:
        try:
            line.shutdown(socket.SHUT_RDWR)
        except OSError:  # it is at its end
            continue


def _document(url: str, lines: list[socket.socket]) -> bytes:
    """Return what is published at a URL, as it is; `lines` gets what is opened for it.

    Raises:
        Exception: it cannot be had, is elsewhere, or is too large.
    """
    # What is on this machine is not asked for through a proxy, whatever the environment names for the world.
    proxies = ProxyHandler({} if urlsplit(url).hostname in LOOPBACK else None)
    opener = build_opener(proxies, _Http(lines), _Https(lines), _Stay)
    asked = Request(url, headers=SAID)  # noqa: S310  # the settings take http and https alone
    try:
        with opener.open(asked, timeout=FETCH_SECONDS) as response:
            document: bytes = response.read(MOST_BYTES + 1)
    except HTTPError as error:
        error.close()  # it holds what it was told
        raise
    if len(document) > MOST_BYTES:
        raise ValueError(f"the answer has more than {MOST_BYTES} bytes")
    return document


class _Http(HTTPHandler):
    """Keeps hold of what it opens."""

    def __init__(self, lines: list[socket.socket]) -> None:
        super().__init__()
        self._lines = lines

    def http_open(self, request: Request) -> HTTPResponse:
        return self.do_open(partial(_opened, HTTPConnection, self._lines), request)


class _Https(HTTPSHandler):
    """Likewise, encrypted."""

    def __init__(self, lines: list[socket.socket]) -> None:
        super().__init__()
        self._lines = lines

    def https_open(self, request: Request) -> HTTPResponse:
        opened = partial(_opened, HTTPSConnection, self._lines)
        return self.do_open(opened, request, context=ssl.create_default_context())


class _Stay(HTTPRedirectHandler):
    """Goes nowhere else: keys are at the URL that the settings name."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opened(
    kind: type[HTTPConnection], lines: list[socket.socket], *place: Any, **how: Any
) -> HTTPConnection:
    """Return a connection that is entered in `lines` once it is made."""
    connection = kind(*place, **how)
    connect = connection.connect

    def keep() -> None:
        connect()
        lines.append(connection.sock)

    connection.connect = keep  # type: ignore[method-assign]
    return connection
