"""Orders that need a person, by why and for how long. Pure functions."""

import re
from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

from application.needs import Need, Needs
from contracts.overview import NeedGroup
from contracts.steps import command_of
from contracts.views import AttentionCause

MOST_GROUPS = 20
MOST_MESSAGE = 120
"""Characters of what a command keeps failing with."""

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_WITH_DIGITS = re.compile(r"[^\s,;:()'\"]*\d[^\s,;:()'\"]*")


class Reason(NamedTuple):
    """Why an order needs a person, but for what differs from order to order."""

    cause: AttentionCause
    step: str | None = None
    command: str | None = None
    message: str | None = None


def groups_of(needs: Needs) -> tuple[NeedGroup, ...]:
    """Return the needs by reason, the largest group first, at most `MOST_GROUPS`."""
    by_reason: dict[Reason, list[datetime | None]] = defaultdict(list)
    for need in needs.by_order.values():
        by_reason[reason_of(need)].append(need.attention.since)
    groups = [_group(reason, times, needs.at) for reason, times in by_reason.items()]
    groups.sort(key=lambda group: group.count, reverse=True)
    return tuple(groups[:MOST_GROUPS])


def reason_of(need: Need) -> Reason:
    """Return why an order needs a person; of several stuck commands the first counts."""
    retriable = need.stuck_retriable
    if retriable is None:
        return Reason(need.attention.cause)
    trouble = retriable.trouble and kind_of(retriable.trouble)
    return Reason(need.attention.cause, retriable.step, command_of(retriable.command), trouble)


def kind_of(trouble: str) -> str:
    """Return what an error is, without what differs from order to order: it is grouped by that."""
    text = trouble.partition("\n")[0].partition(" (")[0]
    kind = _WITH_DIGITS.sub("…", text).strip()
    return kind if len(kind) <= MOST_MESSAGE else f"{kind[:MOST_MESSAGE]} …"


def _group(reason: Reason, times: list[datetime | None], now: datetime) -> NeedGroup:
    since = [at for at in times if at is not None]
    ages = [now - at for at in since]
    within_hour = sum(age < HOUR for age in ages)
    within_day = sum(age < DAY for age in ages) - within_hour
    return NeedGroup(
        **reason._asdict(),
        count=len(times),
        since=min(since, default=None),
        within_hour=within_hour,
        within_day=within_day,
        older=len(ages) - within_hour - within_day,
    )
