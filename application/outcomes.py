"""What became of the orders that closed lately, by minutes, hours or days."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import NamedTuple

from application.shared_answers import SharedAnswers
from application.threads import on_thread
from contracts.overview import LatelyClosed, Outcomes, Span, TimeToClose
from contracts.states import STATUS, FailureReason, OrderStatus
from contracts.views import KNOWN_REASONS
from participants.order.outcomes import Counts, OutcomeReads, Unit

FRESH_SECONDS = 5
"""Figures may be as old as this, however many ask for them."""

SETTLED = timedelta(minutes=2)
"""So long after its end a minute, hour or day may still change: clocks of workers differ, and what
is committed now was closed a moment ago."""

RECOUNT_SECONDS = 3_600
"""What is over is counted anew after so long: an order that is reset closes a second time."""

MOST_AT_ONCE = timedelta(days=1)
"""One query reads the orders of so long at most."""


class _Scale(NamedTuple):
    """How a span is divided."""

    unit: Unit
    width: timedelta
    parts: int

    def times(self, now: datetime) -> list[datetime]:
        """Return when each of its parts began; the last one is that of `now`."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        last = midnight + (now - midnight) // self.width * self.width
        return [last - self.width * part for part in reversed(range(self.parts))]


SCALES = {
    Span.HOUR: _Scale(Unit.MINUTE, timedelta(minutes=1), 60),
    Span.DAY: _Scale(Unit.HOUR, timedelta(hours=1), 24),
    Span.MONTH: _Scale(Unit.DAY, timedelta(days=1), 30),
}


class ClosedOrders:
    """Counts the orders that closed lately. Parts of a span that are over are counted once."""

    def __init__(self, reads: OutcomeReads) -> None:
        """Count what `reads` finds on record."""
        self._reads = reads
        self._answers = SharedAnswers()
        self._past: dict[Span, dict[datetime, Counts]] = {span: {} for span in Span}
        self._forget_at = 0.0

    async def read(self, span: Span, owner: str | None = None) -> LatelyClosed:
        """Return what closed within a span up to now, of the customer `owner` alone if one asks.

        Raises:
            Exception: the order service's database does not answer.
        """
        return await self._answers.get(
            (span, owner), lambda: on_thread(self._read, span, owner), FRESH_SECONDS
        )

    def _read(self, span: Span, owner: str | None) -> LatelyClosed:
        now = datetime.now(UTC)
        scale = SCALES[span]
        times = scale.times(now)
        if owner is None:
            by_time = self._count(span, times, now)
        else:
            end = times[-1] + scale.width
            by_time = self._reads.counts(times[0], end, scale.unit, owner)
        times_to_close = self._reads.times(times[0], owner)
        return LatelyClosed(
            span=span,
            unit=scale.unit.name.lower(),
            outcomes=tuple(_outcomes(at, by_time.get(at, {})) for at in times),
            time_to_close={
                state: TimeToClose.model_validate(times_to_close[status], from_attributes=True)
                for state, status in STATUS.items()
                if status in times_to_close
            },
            as_of=now,
        )

    def _count(self, span: Span, times: list[datetime], now: datetime) -> dict[datetime, Counts]:
        """Count all orders. What was counted stays known, though a later query may fail.

        What is before the span by now is forgotten with the rest.
        """
        if monotonic() >= self._forget_at:
            self._forget_at = monotonic() + RECOUNT_SECONDS
            self._past = {each: {} for each in Span}
        scale = SCALES[span]
        past = self._past[span]
        by_time: dict[datetime, Counts] = {}
        at = next((at for at in times if at not in past), times[-1])
        end = times[-1] + scale.width
        while at < end:
            until = min(at + MOST_AT_ONCE, end)
            by_time |= self._reads.counts(at, until, scale.unit)
            for part in times:
                if at <= part < until and part + scale.width + SETTLED <= now:
                    past[part] = by_time.get(part, {})
            at = until
        return past | by_time


def _outcomes(at: datetime, counts: Counts) -> Outcomes:
    failures: Counter[str] = Counter()
    completions = 0
    for (status, reason), count in counts.items():
        if status is OrderStatus.CONFIRMED:
            completions += count
        else:
            failures[reason or FailureReason.OTHER] += count
    return Outcomes(at=at, completions=completions, failures=known_reasons(failures))


def known_reasons(reasons: Mapping[str, int]) -> Mapping[FailureReason, int]:
    """Return the figures with reasons unknown to this release as OTHER, as in orders."""
    counts: Counter[FailureReason] = Counter()
    for reason, count in reasons.items():
        known_reason = FailureReason(reason) if reason in KNOWN_REASONS else FailureReason.OTHER
        counts[known_reason] += count
    return counts
