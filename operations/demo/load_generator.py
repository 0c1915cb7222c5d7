"""The load generator: places a day's orders over HTTP, several at once, and measures the outcomes.

A request without an answer, or with one that is not final, is repeated with the same `order_id`:
placing an order is idempotent.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from contracts.placing import PlaceOrder
from contracts.views import OrderView

IN_FLIGHT = 10
WAIT_SECONDS = 30
"""One request waits so long for its order to close, which is the most that the API grants."""

ANSWER_SECONDS = 10
"""The time limit of an answer, beyond the wait."""

PAUSE_SECONDS = 0.5
"""Before a request is repeated, when the answer names no other time."""

PATIENCE_SECONDS = 120
"""When no order has ended for so long, those in flight are left open, and every further one gets
one request."""


@dataclass(frozen=True)
class Outcome:
    """What became of one order.

    Args:
        order: what was placed.
        view: the order as the API last showed it.
        refusal: the API's final no.
        seconds: from the first request to the last answer.
        requests: how many were made.
    """

    order: PlaceOrder
    view: OrderView | None
    refusal: str | None
    seconds: float
    requests: int

    @property
    def closed_view(self) -> OrderView | None:
        """The order, if it is closed."""
        return self.view if self.view and self.view.closed_at else None

    @property
    def is_open(self) -> bool:
        """Whether it is neither closed nor refused."""
        return not (self.closed_view or self.refusal)


@dataclass(frozen=True)
class LoadResult:
    """A day's outcomes in its sequence, the time of the first request, and the duration."""

    outcomes: tuple[Outcome, ...]
    start: datetime
    seconds: float

    @property
    def earlier(self) -> tuple[Outcome, ...]:
        """Those that an earlier run had placed already."""
        return tuple(o for o in self.outcomes if o.view and o.view.placed_at < self.start)

    @property
    def new(self) -> tuple[Outcome, ...]:
        """Those that this run placed, and that closed."""
        return tuple(
            o for o in self.outcomes if o.closed_view and o.closed_view.placed_at >= self.start
        )

    @property
    def open(self) -> tuple[Outcome, ...]:
        """Those that did not close in time."""
        return tuple(outcome for outcome in self.outcomes if outcome.is_open)

    @property
    def refusals(self) -> tuple[Outcome, ...]:
        """Those with the API's final no."""
        return tuple(outcome for outcome in self.outcomes if outcome.refusal)

    @property
    def completed_count(self) -> int:
        """How many are closed and did not fail."""
        return sum(1 for o in self.outcomes if o.closed_view and not o.closed_view.failure)

    @property
    def failures(self) -> Counter[str]:
        """How many failed, by reason."""
        views = (outcome.closed_view for outcome in self.outcomes)
        return Counter(view.failure.reason for view in views if view and view.failure)

    @property
    def retries(self) -> int:
        """How many requests were made beyond one per order."""
        return sum(outcome.requests - 1 for outcome in self.outcomes)

    @property
    def per_second(self) -> float:
        """How many of the new ones closed per second."""
        return len(self.new) / self.seconds

    def milliseconds(self, share: float) -> int:
        """Return the time from POST to closed that this share of the new orders kept within."""
        return round(1000 * percentile([outcome.seconds for outcome in self.new], share))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of them does not exceed (nearest rank)."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


class LoadGenerator:
    """Places orders at an API, `IN_FLIGHT` at once."""

    def __init__(self, http: httpx.AsyncClient, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Place orders at the API that `http` reaches."""
        self._http = http
        self._patience_seconds = patience_seconds
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._patient_until = 0.0

    async def place_all(
        self, orders: Sequence[PlaceOrder], on_outcome: Callable[[Outcome], None]
    ) -> LoadResult:
        """Place the orders in their sequence; call `on_outcome` with each outcome once known."""

        async def place(order: PlaceOrder) -> Outcome:
            async with self._slots:
                outcome = await self._place(order)
            on_outcome(outcome)
            return outcome

        began_at = datetime.now(UTC)
        start = time.monotonic()
        self._renew_patience()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(place(order)) for order in orders]
        seconds = time.monotonic() - start
        return LoadResult(tuple(task.result() for task in tasks), began_at, seconds)

    async def _place(self, order: PlaceOrder) -> Outcome:
        """Repeat the request until the order is closed or refused for good, or patience ends."""
        outcome = Outcome(order, None, None, 0, 0)
        start = time.monotonic()
        while True:
            answer = await self._post(order)
            outcome = Outcome(
                order,
                view=_view_in(answer) or outcome.view,
                refusal=_refusal_in(answer),
                seconds=time.monotonic() - start,
                requests=outcome.requests + 1,
            )
            if not outcome.is_open:
                self._renew_patience()
            if not outcome.is_open or self._patience_left() <= 0:
                return outcome
            await asyncio.sleep(_pause(answer))

    async def _post(self, order: PlaceOrder) -> httpx.Response | None:
        """Post the order and wait a while for its end; None when the connection broke."""
        wait = max(0, min(WAIT_SECONDS, int(self._patience_left())))
        body = order.model_dump(mode="json", exclude_none=True)
        timeout = httpx.Timeout(ANSWER_SECONDS, read=wait + ANSWER_SECONDS)
        try:
            return await self._http.post(
                "/orders", json=body, headers={"Prefer": f"wait={wait}"}, timeout=timeout
            )
        except httpx.TransportError:
            return None

    def _renew_patience(self) -> None:
        self._patient_until = time.monotonic() + self._patience_seconds

    def _patience_left(self) -> float:
        return self._patient_until - time.monotonic()


def _view_in(answer: httpx.Response | None) -> OrderView | None:
    """Return the order that an answer shows."""
    if answer is None or not answer.is_success or "Retry-After" in answer.headers:
        return None
    return OrderView.model_validate_json(answer.content)


def _refusal_in(answer: httpx.Response | None) -> str | None:
    """Return the no that is final."""
    if answer is None or not answer.is_client_error or "Retry-After" in answer.headers:
        return None
    return f"{answer.status_code}: {answer.json()['detail']}"


def _pause(answer: httpx.Response | None) -> float:
    """Return how many seconds to wait before the request is repeated."""
    if answer is None:
        return PAUSE_SECONDS
    return float(answer.headers.get("Retry-After", PAUSE_SECONDS))
