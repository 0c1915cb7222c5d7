"""A client of the order saga's HTTP API: places an order once, and follows it to its end.

Copy it together with order_models.py; it needs httpx and pydantic. It keeps the rules of
docs/API.md, "Asking again".
"""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from uuid import uuid4

import httpx
from order_models import NewOrder, NoAnswer, Order, OrderEvent, Problem, Rejected

ASK_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the outcome is in doubt, or nothing happened yet."""

WAIT_SECONDS = 20
QUIET_SECONDS = 40
"""A stream says something every 15 s; one that is quiet for so long is broken."""


@dataclass(frozen=True)
class Limits:
    """How long and how often to ask again.

    Args:
        give_up_seconds: after so long without an answer, pauses included, there is none.
        first_pause_seconds: the most that the first pause takes; each further one up to twice that.
        longest_pause_seconds: the most that any pause takes, beyond what `Retry-After` demands.
    """

    give_up_seconds: float = 60
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 10


def new_key() -> str:
    """Return an idempotency key. Make one for each order, and keep it with the cart."""
    return uuid4().hex


class OrderClient:
    """Asks the API again until it answers, within `limits`.

    Raises, each of its calls: `Rejected` at once, or `NoAnswer` at the limit.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        limits: Limits = Limits(),
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, transport=transport, timeout=10)
        self._limits = limits
        self._sleep = sleep

    def __enter__(self) -> Self:
        """Keep connections open until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close them."""
        self._http.close()

    def place(self, order: NewOrder, key: str, wait_seconds: int = WAIT_SECONDS) -> Order:
        """Place an order once, and wait up to `wait_seconds` (30 at most) for its end.

        An order that comes to wait for its customer, or for the shop, is returned at once.

        Args:
            order: what is ordered.
            key: made once for this order, and kept before the first call, so that whoever asks
                again, even after a crash, gets the same order.
            wait_seconds: 0 to return at once.
        """
        response = self._ask(
            "POST",
            "/orders",
            json=order.model_dump(mode="json", exclude_none=True),
            headers={"Idempotency-Key": key, "Prefer": f"wait={wait_seconds}"},
            timeout=httpx.Timeout(10, read=wait_seconds + 20),
        )
        return Order.model_validate(response.json())

    def read(self, order_id: str) -> Order:
        """Return an order as it stands."""
        return Order.model_validate(self._ask("GET", f"/orders/{order_id}").json())

    def follow(self, order_id: str, last_event_id: str | None = None) -> Iterator[OrderEvent]:
        """Yield what happens to an order, from its beginning or behind an event, until it is over.

        The last event is `closed`. When the stream breaks it goes on where it was. An event may
        come twice: its `at`, `kind` and `name` are then the same.
        """
        tries = self._tries()
        while True:
            headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
            try:
                with self._http.stream(
                    "GET", f"/orders/{order_id}/events", headers=headers, timeout=QUIET_SECONDS
                ) as response:
                    retry_after = _check(response)
                    for event in _events(response.iter_bytes() if response.is_success else ()):
                        yield event
                        last_event_id = event.id
                        tries = self._tries()
                        if event.event == "closed":
                            return
                    if response.status_code == httpx.codes.NO_CONTENT:
                        return
            except httpx.TransportError:
                retry_after = 0
            tries.pause(retry_after)

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        tries = self._tries()
        while True:
            try:
                response = self._http.request(method, path, **request)
            except httpx.TransportError:
                tries.pause(0)
                continue
            retry_after = _check(response)
            if response.is_success:
                return response
            tries.pause(retry_after)

    def _tries(self) -> "_Tries":
        return _Tries(self._limits, self._sleep)


class _Tries:
    """The tries of one call, and the pauses between them."""

    def __init__(self, limits: Limits, sleep: Callable[[float], None]) -> None:
        self._limits = limits
        self._sleep = sleep
        self._end = time.monotonic() + limits.give_up_seconds
        self._most = limits.first_pause_seconds

    def pause(self, retry_after: float) -> None:
        """Wait as long as the API demands, and a random time more, so that callers spread.

        Raises:
            NoAnswer: that would be too long.
        """
        pause = retry_after + random.uniform(0, self._most)  # noqa: S311  # no secret
        if time.monotonic() + pause > self._end:
            raise NoAnswer(f"no answer within {self._limits.give_up_seconds:g} s")
        self._most = min(2 * self._most, self._limits.longest_pause_seconds)
        self._sleep(pause)


def _check(response: httpx.Response) -> float:
    """Return after how many seconds to ask again, if this is no answer.

    Raises:
        Rejected: it is one, and will be the same when it is asked again.
    """
    if response.is_success or response.status_code in ASK_AGAIN:
        return _retry_after(response.headers.get("retry-after", ""))
    response.read()
    try:
        problem = Problem.model_validate_json(response.content)
    except ValueError:  # it is a proxy's
        problem = Problem(status=response.status_code, title=response.reason_phrase)
    raise Rejected(problem)


def _retry_after(header: str) -> float:
    """Read `Retry-After`: seconds, or a date (RFC 9110, 10.2.3); 0 when it says neither."""
    if header.isdecimal():
        return int(header)
    try:
        return max(0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0


def _events(chunks: Iterable[bytes]) -> Iterator[OrderEvent]:
    """Read server-sent events; comments, which keep the connection alive, are left out."""
    fields = dict[str, str]()
    for line in _lines(chunks):
        name, _, value = line.partition(":")
        if line and name:
            fields[name] = value.removeprefix(" ")
        elif not line and "data" in fields:
            yield OrderEvent.model_validate(fields | {"data": json.loads(fields["data"])})
            fields = {}


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Split at line feeds alone: JSON may contain what `str.splitlines` takes for an end."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode().removesuffix("\r") for line in lines)
