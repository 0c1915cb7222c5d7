"""How many requests one caller may make in a time."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem
from starlette.types import ASGIApp, Receive, Scope, Send

from application.caller import Caller
from routes.middleware import Middleware
from routes.problems import Problem

HEALTH = frozenset({"/livez", "/readyz", "/metrics"})
"""Probes and metrics are exempt from limits: a 429 would fail liveness, and hide the load."""

MOST_CALLERS = 10_000
"""So many are remembered; one more, and the one is forgotten who has been quiet for longest."""

MOST_MARKS = 32
"""So many requests of each are kept one by one. Where a rate allows more, those that come within
1/32 of its time are one mark, which counts until the last of them has left the window: so a caller
at no more than 32/33 of the rate is never turned away, and at the rate itself a few are."""

IPV6_SITE = 64
"""The bits of an IPv6 address that one subscriber cannot choose."""


@dataclass(slots=True)
class Mark:
    """Requests that came close to each other: when the first and the last did, and how many."""

    first: float
    last: float
    count: int = 1


class Callers:
    """Counts each caller's requests in a window that moves with the clock that nobody sets."""

    def __init__(self, rate: RateLimitItem, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow each caller so many requests in any such time."""
        self.rate = rate
        self._window = rate.get_expiry()
        self._apart = 0 if rate.amount <= MOST_MARKS else self._window / MOST_MARKS
        self._clock = clock
        self._marks: OrderedDict[bytes, deque[Mark]] = OrderedDict()
        """By caller, the longest quiet first."""

    def seconds_to_wait(self, kind: str, name: str) -> float:
        """Count a request of a caller and return 0, if there is room for it.

        If not, count nothing, and return the seconds until there is.
        """
        now = self._clock()
        self._forget(now)
        key = blake2b(f"{kind} {name}".encode(errors="surrogatepass"), digest_size=16).digest()
        marks = self._marks.setdefault(key, deque())
        while (
            marks and not 0 <= now - marks[0].last < self._window
        ):  # nothing is counted that is still to come
            marks.popleft()
        if sum(mark.count for mark in marks) >= self.rate.amount:
            return self._window - (now - marks[0].last)
        if marks and now - marks[-1].first < self._apart:
            marks[-1].last = now
            marks[-1].count += 1
        else:
            marks.append(Mark(now, now))
        self._marks.move_to_end(key)
        return 0

    def _forget(self, now: float) -> None:
        """Drop whose requests have all left the window, and who is one too many."""
        while self._marks:
            quiet = next(iter(self._marks.values()))
            if len(self._marks) < MOST_CALLERS and quiet and now - quiet[-1].last < self._window:
                return
            self._marks.popitem(last=False)


class Rate(Middleware):
    """Takes so many requests in a time from each caller: each token's subject, or address."""

    exempt_paths = HEALTH

    def __init__(self, app: ASGIApp, callers: Callers | None) -> None:
        """Stand before `app`; `callers` is None for no limit."""
        super().__init__(app)
        self._callers = callers

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if self._callers is not None:
            caller: Caller = scope["state"]["caller"]
            who = ("token", caller.subject) if caller.subject else ("address", site(scope))
            if seconds := self._callers.seconds_to_wait(*who):
                raise too_many(f"more than {self._callers.rate} from you; ask again later", seconds)
        await self._app(scope, receive, send)


def site(scope: Scope) -> str:
    """Return the address that a request comes from; of IPv6 the network of one subscriber."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, IPV6_SITE), strict=False))


def too_many(why: str, seconds: float, others: Mapping[str, str] | None = None) -> Problem:
    """Return the problem of who asks too often, and shall wait so long.

    `others` are further headers.
    """
    headers = {"Retry-After": str(max(1, math.ceil(seconds))), **(others or {})}
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", why, headers=headers)
