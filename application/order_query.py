"""What a list of orders is asked for: which orders, how they are sorted, and where it begins."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from application.listed_order import Standing
from application.order_cursor import read_cursor, write_cursor
from contracts.base import MAX_TOTAL_MINOR, Currency, Identifier, Sku
from contracts.record import OrderEntry
from contracts.states import STATUS, FailureReason, OrderStatus, SagaState
from contracts.steps import PARTICIPANT_OF_STEP
from contracts.views import AttentionCause
from participants.order.filters import BY_TIME_CLOSED, BY_TOTAL, OrderFilter, Position, Sort

MOST_ON_A_PAGE = 100
MOST_TEXT = 200

MOST_OF_A_STEP = 64

STEP_NAMES = tuple(PARTICIPANT_OF_STEP)

KNOWN_STEP = rf"^({'|'.join(map(re.escape, STEP_NAMES))})([0-9_.:-][A-Za-z0-9_.:-]*)?$"
"""A step's name, or one that begins with it, as names of their own do: `ProcessPayment-2`."""

NO_CURRENCY = "Totals can be compared in one currency alone: say `currency` as well"
NO_ORDER_BETWEEN = "No order is between `{name}` and this"
STILL_OPEN = "Open orders have no time at which they were closed: sort them by another field"


def _check_instant(text: Any) -> Any:
    """Refuse what pydantic would read as seconds since 1970, like a year."""
    if isinstance(text, str) and not re.match(r"\d{4}-\d\d-\d\d[Tt ]", text):
        raise ValueError("Should be a date and a time with its zone, like 2026-11-24T08:00:00Z")
    return text


def _to_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("Should be a time that there is in UTC") from None


def _check_step(step: str) -> str:
    """Return a step's name; one that is misspelt would find nothing, silently."""
    if not re.fullmatch(KNOWN_STEP, step):
        raise PydanticCustomError(
            "step", "Should be a step: {names}", {"names": ", ".join(STEP_NAMES)}
        )
    return step


KnownStep = Annotated[
    str,
    AfterValidator(_check_step),
    Field(max_length=MOST_OF_A_STEP, json_schema_extra={"pattern": KNOWN_STEP}),
]
Instant = Annotated[AwareDatetime, BeforeValidator(_check_instant), AfterValidator(_to_utc)]
Total = Annotated[int, Field(ge=0, le=MAX_TOTAL_MINOR)]


class OrderSelection(BaseModel):
    """Which orders; filters join, and without one these are all orders.

    A parameter that does not exist is an error, as a misspelt filter would show everybody's orders.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: SagaState | None = Field(
        default=None, description="as it is shown: an open order's is its saga's"
    )
    status: OrderStatus | None = Field(
        default=None, description="as the order service has it on record"
    )
    reason: FailureReason | None = Field(default=None, description="why they failed")
    step: KnownStep | None = Field(
        default=None,
        description="the step at which they failed; with an open `state`, or `needs_attention` "
        "true, at which they fail or are stuck",
    )
    text: str | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_TEXT,
        description="a part of why they failed, in its reason or message; A to Z match a to z",
    )
    customer_id: Identifier | None = None
    sku: Sku | None = Field(default=None, description="a product that they have a line of")
    currency: Currency | None = None
    min_total_minor: Total | None = Field(
        default=None, description="the least total, in minor units; needs `currency`"
    )
    max_total_minor: Total | None = Field(
        default=None, description="the greatest total, in minor units; needs `currency`"
    )
    placed_from: Instant | None = Field(default=None, description="placed then or later")
    placed_to: Instant | None = Field(default=None, description="placed earlier than that")
    closed_from: Instant | None = Field(default=None, description="closed then or later")
    closed_to: Instant | None = Field(default=None, description="closed earlier than that")
    placed_again: bool | None = Field(
        default=None, description="whether they failed and were placed again, as other orders"
    )
    needs_attention: bool | None = Field(
        default=None, description="whether somebody has to look after the order"
    )
    cause: AttentionCause | None = Field(
        default=None, description="why somebody has to look after it: only those that need it"
    )

    @field_validator("min_total_minor", "max_total_minor")
    @classmethod
    def _check_currency(cls, total: int | None, info: ValidationInfo) -> int | None:
        if total is not None and not info.data.get("currency", True):
            raise ValueError(NO_CURRENCY)
        return total

    @field_validator("max_total_minor", "placed_to", "closed_to")
    @classmethod
    def _check_range(cls, last: Any, info: ValidationInfo) -> Any:
        name = {
            "max_total_minor": "min_total_minor",
            "placed_to": "placed_from",
            "closed_to": "closed_from",
        }[str(info.field_name)]
        first = info.data.get(name)
        is_total = name == "min_total_minor"
        if None not in (first, last) and (last < first if is_total else last <= first):
            raise ValueError(NO_ORDER_BETWEEN.format(name=name))
        return last

    @property
    def need(self) -> bool | None:
        """Whether they need attention: who asks for a cause asks for those that do."""
        return self.needs_attention if self.cause is None else True

    def accepts(self, entry: OrderEntry, standing: Standing) -> bool:
        """Tell whether an order that is on record so, as it stands now, is still asked for."""
        return (
            self.status in (None, entry.status)
            and self.state in (None, standing.state)
            and self.needs_attention in (None, standing.attention is not None)
            and self.cause in (None, standing.attention and standing.attention.cause)
        )

    def order_filter(self, owner: str | None = None) -> OrderFilter:
        """Return it as the order service takes it, for the customer `owner` or for everybody.

        `state`, `needs_attention` and `cause`, which Temporal alone knows of open orders, are not
        in it.
        """
        fields = set(OrderSelection.model_fields) - {"state", "needs_attention", "cause"}
        return OrderFilter(**{name: getattr(self, name) for name in fields}, owner=owner)


class SortedQuery(OrderSelection):
    """Which orders, how sorted, and where they begin."""

    sort: Sort = Field(
        default=Sort.NEWEST,
        description="by which field; with a minus the greatest first. `total_minor` needs "
        "`currency`; by `closed_at` only closed orders are listed",
    )
    cursor: str | None = Field(
        default=None, description="where the page begins: take it from `next`"
    )

    @field_validator("sort")
    @classmethod
    def _check_sort(cls, sort: Sort, info: ValidationInfo) -> Sort:
        if sort in BY_TOTAL and not info.data.get("currency", True):
            raise ValueError(NO_CURRENCY)
        state = info.data.get("state")
        is_open = (
            info.data.get("needs_attention")
            or info.data.get("cause")
            or info.data.get("status") is OrderStatus.PENDING
            or (state is not None and state not in STATUS)
        )
        if sort in BY_TIME_CLOSED and is_open:
            raise ValueError(STILL_OPEN)
        return sort

    @field_validator("cursor")
    @classmethod
    def _check_cursor(cls, cursor: str | None, info: ValidationInfo) -> str | None:
        if cursor is not None and "sort" in info.data:
            read_cursor(cursor, info.data["sort"])
        return cursor

    @property
    def behind(self) -> Position | None:
        """The position that the page begins behind; None for the first page."""
        return None if self.cursor is None else read_cursor(self.cursor, self.sort)

    def order_filter(self, owner: str | None = None) -> OrderFilter:
        """Return likewise, with how they are sorted and where they begin."""
        return replace(super().order_filter(owner), sort=self.sort, behind=self.behind)

    def following(self, path: str, position: Position) -> str:
        """Return the address at which what is asked for goes on behind a position."""
        parameters = self.model_dump(mode="json", exclude={"cursor"}, exclude_defaults=True)
        words = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in parameters.items()
        }
        cursor = write_cursor(position, self.sort)
        return f"{path}?{urlencode({**words, 'cursor': cursor})}"


class ListQuery(SortedQuery):
    """The query of a list: which orders, how sorted, where a page begins, how many it may have."""

    limit: int = Field(
        default=20,
        ge=1,
        le=MOST_ON_A_PAGE,
        description="the most orders on a page; a page may hold fewer",
    )
