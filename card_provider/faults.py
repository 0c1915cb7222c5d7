"""What goes wrong on demand: the next calls of a kind, or some of them by chance."""

import asyncio
import random
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatch
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from card_provider.errors import NoAnswer, rate_limit, unavailable


class FaultKind(StrEnum):
    """What can go wrong with a call."""

    REQUEST_HELD = "request_held"
    REQUEST_LATE = "request_late"
    REQUEST_LOST = "request_lost"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    ERROR_AFTER_BOOKING = "error_after_booking"
    ANSWER_HELD = "answer_held"
    ANSWER_LATE = "answer_late"
    ANSWER_LOST = "answer_lost"


BEFORE_BOOKING = (
    FaultKind.REQUEST_HELD,
    FaultKind.REQUEST_LATE,
    FaultKind.REQUEST_LOST,
    FaultKind.RATE_LIMITED,
    FaultKind.UNAVAILABLE,
)
AFTER_BOOKING = (FaultKind.ANSWER_HELD, FaultKind.ANSWER_LATE, FaultKind.ANSWER_LOST)


class NewFault(BaseModel):
    """A fault that is asked for.

    `call` is a kind of call or a pattern of kinds (`payment_intents.*`), `times` how many of them
    it meets (null: each, until it is cleared), `probability` by which chance, drawn from `seed`,
    `seconds` how late, `for_seconds` how long it lasts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    call: str = "*"
    times: int | None = Field(default=1, ge=1)
    probability: float = Field(default=1, ge=0, le=1)
    seed: int = 0
    seconds: float = Field(default=1, ge=0)
    for_seconds: float | None = Field(default=None, gt=0)


class Fault:
    """A fault that waits for its calls."""

    def __init__(self, order: NewFault) -> None:
        """Begin now."""
        self.order = order
        self.times_left = order.times
        self._chance = random.Random(order.seed)  # noqa: S311 # chance that can be repeated
        self._end = time.monotonic() + (order.for_seconds or float("inf"))

    @property
    def is_over(self) -> bool:
        """Whether it meets no call any more."""
        return self.times_left == 0 or time.monotonic() > self._end

    def meets(self, call: str) -> bool:
        """Tell whether it meets a call, which then counts."""
        if not fnmatch(call, self.order.call) or self._chance.random() >= self.order.probability:
            return False
        if self.times_left is not None:
            self.times_left -= 1
        return True


@dataclass
class Pause:
    """A call that waits at a point until it is released."""

    id: str
    call: str
    point: FaultKind
    release: asyncio.Future[bool] = field(default_factory=asyncio.Future[bool])


class Faults:
    """The faults that wait, and the calls that they hold."""

    def __init__(self) -> None:
        """Have none."""
        self._faults: list[Fault] = []
        self.pauses: dict[str, Pause] = {}
        self._change = asyncio.Condition()

    def add(self, order: NewFault) -> None:
        """Let it meet calls from now on."""
        self._faults.append(Fault(order))

    def clear(self) -> None:
        """Have none any more; calls that are held stay so."""
        self._faults.clear()

    def all(self) -> list[dict[str, Any]]:
        """Return those that still wait for calls."""
        self._faults = [fault for fault in self._faults if not fault.is_over]
        return [fault.order.model_dump() | {"times": fault.times_left} for fault in self._faults]

    def take(self, kinds: Collection[FaultKind], call: str) -> NewFault | None:
        """Return the first fault of these kinds that meets a call, and count it."""
        for fault in self._faults:
            if fault.order.kind in kinds and not fault.is_over and fault.meets(call):
                return fault.order
        return None

    async def pass_by(self, kinds: Collection[FaultKind], call_id: str, call: str) -> None:
        """Let a call go on after one fault of these kinds, if there is one.

        Raises:
            NoAnswer: its connection is to be closed.
            ApiError: it is not served.
        """
        fault = self.take(kinds, call)
        match fault.kind if fault else None:
            case FaultKind.REQUEST_HELD | FaultKind.ANSWER_HELD as point:
                await self._hold(Pause(call_id, call, point))
            case FaultKind.REQUEST_LATE | FaultKind.ANSWER_LATE:
                assert fault
                await asyncio.sleep(fault.seconds)
            case FaultKind.REQUEST_LOST | FaultKind.ANSWER_LOST:
                raise NoAnswer
            case FaultKind.RATE_LIMITED:
                raise rate_limit()
            case FaultKind.UNAVAILABLE:
                raise unavailable()

    async def wait_for_pause(self, seconds: float) -> list[Pause]:
        """Return the calls that are held, as soon as there is one, or none in time."""
        async with self._change:
            try:
                async with asyncio.timeout(seconds):
                    await self._change.wait_for(lambda: bool(self.pauses))
            except TimeoutError:
                pass
        return list(self.pauses.values())

    def release(self, call_id: str | None, *, drop: bool) -> list[str]:
        """Let a call that is held go on, or all; `drop` closes their connections instead."""
        ids = [name for name in self.pauses if call_id in (None, name)]
        for name in ids:
            self.pauses.pop(name).release.set_result(drop)
        return ids

    async def _hold(self, pause: Pause) -> None:
        async with self._change:
            self.pauses[pause.id] = pause
            self._change.notify_all()
        if await pause.release:
            raise NoAnswer
