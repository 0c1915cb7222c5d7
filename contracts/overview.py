"""How all orders stand, in figures."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from contracts.base import Contract
from contracts.states import FailureReason, SagaState
from contracts.views import AttentionCause


class NeedGroup(Contract):
    """Orders that need a person for the same reason, and for how long.

    What is not known of any of them is in neither of the three ages.
    """

    cause: AttentionCause
    step: str | None = Field(
        default=None, description="of STUCK ones, the step that is not taken back or completed"
    )
    command: str | None = Field(default=None, description="and the command that keeps failing")
    message: str | None = Field(
        default=None,
        description="what it keeps failing with; words with digits, which differ by order, are …",
    )
    count: int
    since: datetime | None = Field(description="since when the longest one has needed a person")
    within_hour: int = Field(description="so many have needed one for less than an hour")
    within_day: int = Field(description="so many for longer, and less than 24 hours")
    older: int


class AttentionFigures(Contract):
    """How many orders need a person, and since when; what is not known is null."""

    count: int | None
    by_cause: Mapping[AttentionCause, int | None]
    since: datetime | None = Field(
        description="the longest that one has needed a person, as far as that is known"
    )
    at_stake_minor: Mapping[str, int] = Field(
        description="what they cost, in minor units by currency"
    )
    groups: tuple[NeedGroup, ...] = Field(
        default=(),
        description="by reason, the largest first, at most 20; empty for a customer's token",
    )


class RoleFigures(Contract):
    """Who works in one role, and what is queued for it."""

    role: str
    task_queue: str
    workers: int = Field(
        description="processes that asked Temporal for work in the last 75 s; one that was killed "
        "is among them for so long"
    )
    last_seen: datetime | None = Field(description="when one asked last, as far as that is known")
    waiting: int = Field(
        description="tasks queued, about, those that have expired included: each new attempt of a "
        "step queues another one, so they may be far more than the orders that wait"
    )
    waiting_seconds: float = Field(description="for how long the oldest of them has waited; else 0")


class Overview(Contract):
    """How all orders stand, as the caller may see them.

    What is not known is null, and `warning` says why.
    """

    states: Mapping[SagaState, int | None]
    reasons: Mapping[FailureReason, int] = Field(
        description="of the orders that failed, how many for which reason"
    )
    needs_attention: AttentionFigures
    roles: tuple[RoleFigures, ...] | None = Field(
        default=None,
        description="who works; null where Temporal does not say, and for a customer's token",
    )
    as_of: datetime
    warning: str | None


class Span(StrEnum):
    """How far back orders are counted, and by what.

    `1h`: the last hour, by minutes. `24h`: the last 24 hours, by hours. `30d`: the last 30 days, by
    days in UTC.
    """

    HOUR = "1h"
    DAY = "24h"
    MONTH = "30d"


class Outcomes(Contract):
    """How many orders ended within one minute, hour or day, and how."""

    at: datetime = Field(description="when it began")
    completions: int = Field(description="so many completed")
    failures: Mapping[FailureReason, int] = Field(description="so many failed, by why")


class TimeToClose(Contract):
    """How long orders took from being placed to their end."""

    count: int = Field(description="so many were looked at: of many those that closed last")
    p50_seconds: float = Field(description="half of them took no longer")
    p95_seconds: float = Field(description="95 of a hundred took no longer")


class LatelyClosed(Contract):
    """What became of the orders that closed within a span up to now."""

    span: Span
    unit: Literal["minute", "hour", "day"]
    outcomes: tuple[Outcomes, ...] = Field(
        description="of each minute, hour or day, the oldest first; the last one is not over"
    )
    time_to_close: Mapping[SagaState, TimeToClose] = Field(
        description="of those that are COMPLETED, and of those that FAILED, where there are any; "
        "exact for the last 10,000 that closed, and those before them are left out"
    )
    as_of: datetime
