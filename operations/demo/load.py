"""Placing a day's orders over HTTP, several at once, and what came of them in figures.

Whoever gets no answer, or one that is not final, asks again with the same `order_id`: that is what placing an order once is for.
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
"""Beyond that, so long for the answer."""

PAUSE_SECONDS = 0.5
"""Before asking again, when the answer names no other time."""

PATIENCE_SECONDS = 120
"""When no order has closed for so long, those in flight are left open, and every further one is asked for once."""


@dataclass(frozen=True)
class Outcome:
    """What came of one order: the last that was seen of it, the API's final no to it, and how long and how often it was asked."""

    order: PlaceOrder
    view: OrderView | None
    refused: str | None
    seconds: float
    requests: int

    @property
    def closed(self) -> OrderView | None:
        """The order, if it is closed."""
        return self.view if self.view and self.view.closed_at else None

    @property
    def open(self) -> bool:
        """Whether it is neither closed nor refused."""
        return not (self.closed or self.refused)


@dataclass(frozen=True)
class Placed:
    """A day's outcomes in the order of the day, when the first was asked for, and how long all of them took."""

    outcomes: tuple[Outcome, ...]
    began: datetime
    seconds: float

    @property
    def known(self) -> tuple[Outcome, ...]:
        """Those that an earlier run had placed already."""
        return tuple(
            outcome
            for outcome in self.outcomes
            if outcome.view and outcome.view.placed_at < self.began
        )

    @property
    def new(self) -> tuple[Outcome, ...]:
        """Those that this run placed and saw closed."""
        return tuple(
            outcome
            for outcome in self.outcomes
            if outcome.closed and outcome.closed.placed_at >= self.began
        )

    @property
    def open(self) -> tuple[Outcome, ...]:
        """Those that did not close in time."""
        return tuple(outcome for outcome in self.outcomes if outcome.open)

    @property
    def refused(self) -> tuple[Outcome, ...]:
        """Those that the API takes in no case."""
        return tuple(outcome for outcome in self.outcomes if outcome.refused)

    @property
    def completed(self) -> int:
        """How many are closed and did not fail."""
        return sum(1 for outcome in self.outcomes if outcome.closed and not outcome.closed.failure)

    @property
    def failed(self) -> Counter[str]:
        """How many failed, by reason."""
        closed = (outcome.closed for outcome in self.outcomes)
        return Counter(view.failure.reason for view in closed if view and view.failure)

    @property
    def asked_again(self) -> int:
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
    """Return the smallest of the values that at least this share of them does not exceed (nearest rank)."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


class Till:
    """Where a day's orders are placed, so many at once."""

    def __init__(self, http: httpx.AsyncClient, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Place orders at the API that `http` reaches."""
        self._http = http
        self._patience_seconds = patience_seconds
        self._free = asyncio.Semaphore(IN_FLIGHT)
        self._patient_until = 0.0

    async def place_all(
        self, orders: Sequence[PlaceOrder], told: Callable[[Outcome], None]
    ) -> Placed:
        """Place the orders in their sequence; `told` hears of each outcome as it is known."""

        async def place(order: PlaceOrder) -> Outcome:
            async with self._free:
                outcome = await self._place(order)
            told(outcome)
            return outcome

        began, start = datetime.now(UTC), time.monotonic()
        self._be_patient()
        async with asyncio.TaskGroup() as group:
            placing = [group.create_task(place(order)) for order in orders]
        return Placed(tuple(task.result() for task in placing), began, time.monotonic() - start)

    async def _place(self, order: PlaceOrder) -> Outcome:
        """Ask for the order until it is closed, refused for good, or patience ends."""
        outcome = Outcome(order, None, None, 0, 0)
        start = time.monotonic()
        while True:
            answer = await self._ask(order)
            view, refused = _read(answer)
            outcome = Outcome(
                order, view or outcome.view, refused, time.monotonic() - start, outcome.requests + 1
            )
            if not outcome.open:
                self._be_patient()
            if not outcome.open or self._patience_left() <= 0:
                return outcome
            await asyncio.sleep(_pause(answer))

    async def _ask(self, order: PlaceOrder) -> httpx.Response | None:
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

    def _be_patient(self) -> None:
        self._patient_until = time.monotonic() + self._patience_seconds

    def _patience_left(self) -> float:
        return self._patient_until - time.monotonic()


def _read(answer: httpx.Response | None) -> tuple[OrderView | None, str | None]:
    """Return the order that an answer shows, and the no that is final."""
    if answer is None or answer.is_server_error or "Retry-After" in answer.headers:
        return None, None
    if answer.is_success:
        return OrderView.model_validate_json(answer.content), None
    return None, f"{answer.status_code}: {answer.json()['detail']}"


def _pause(answer: httpx.Response | None) -> float:
    """Return how long to wait before asking again."""
    return (
        float(answer.headers.get("Retry-After", PAUSE_SECONDS))
        if answer is not None
        else PAUSE_SECONDS
    )
