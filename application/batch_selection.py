"""Which orders a batch operation acts on: those of a filter, and what the act adds to it."""

from collections.abc import Mapping
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from application.listed_order import Standing
from application.order_query import KnownStep, OrderSelection
from contracts.acts import OF_A_STEP, Act
from contracts.base import Identifier
from contracts.batches import BatchAct
from contracts.record import OrderEntry
from contracts.states import FailureReason, OrderStatus, SagaState
from participants.order.filters import reason_of

MOST_ORDERS = 10_000
"""So many orders one batch operation may have."""

MORE_THAN_SEEN = 10
"""An act may begin on one more than was seen of so many, as orders come and go meanwhile."""

MEANT_BY: Mapping[Act, Mapping[str, Any]] = {
    Act.CANCEL: {"status": OrderStatus.PENDING},
    Act.APPROVE: {"state": SagaState.AWAITING_REVIEW},
    Act.REJECT: {"state": SagaState.AWAITING_REVIEW},
    Act.RETRY: {"needs_attention": True},
    Act.SETTLE: {"needs_attention": True},
    Act.PLACE_AGAIN: {"status": OrderStatus.CANCELLED},
}
"""By act: which orders are meant where the filter says nothing of how they stand."""

STANDING = ("state", "status", "needs_attention", "cause")
"""The filters by how an order stands."""


WITHDRAWN = (FailureReason.CANCELLED, FailureReason.REJECTED)
"""Why orders failed that somebody wanted to fail: they are placed again where that is said."""


class BatchFilter(OrderSelection):
    """Which orders an act on many is done to."""

    without_reasons: tuple[FailureReason, ...] | None = Field(
        default=None,
        max_length=len(FailureReason),
        description="none that failed for one of these; `place-again` fills in CANCELLED and "
        "REJECTED where neither this nor `reason` is given",
    )

    def accepts(self, entry: OrderEntry, standing: Standing) -> bool:
        """Tell likewise, and leave out what failed for a reason that is not meant."""
        reasons = self.without_reasons or ()
        is_left_out = entry.failure is not None and reason_of(entry.failure) in reasons
        return super().accepts(entry, standing) and not is_left_out


class BatchSelection(BaseModel):
    """The orders of a batch operation, by its act and a filter of the list."""

    model_config = ConfigDict(frozen=True)

    act: Act
    step: KnownStep | None = Field(
        default=None, description="the stuck step, for retry and settle: orders stuck there alone"
    )
    filter: BatchFilter = Field(description="as in `GET /orders`, one filter at least")

    @field_validator("step")
    @classmethod
    def _is_of_the_act(cls, step: str | None, info: ValidationInfo) -> str | None:
        act = info.data.get("act")
        if step is not None and act is not None and act not in OF_A_STEP:
            raise PydanticCustomError("act", "{act} has no step", {"act": act})
        return step

    @field_validator("filter")
    @classmethod
    def _is_a_filter(cls, query: BatchFilter) -> BatchFilter:
        if not query.model_dump(exclude_none=True, exclude={"without_reasons"}):
            raise PydanticCustomError("filter", "Should have one filter at least")
        return query

    @property
    def query(self) -> BatchFilter:
        """The filter as it is applied.

        To place again means none that was placed again already, or that somebody wanted to fail.
        """
        addition: dict[str, Any] = {}
        if all(getattr(self.filter, name) is None for name in STANDING):
            addition |= MEANT_BY[self.act]
        if self.act is Act.PLACE_AGAIN:
            if self.filter.placed_again is None:
                addition["placed_again"] = False
            if self.filter.reason is None and self.filter.without_reasons is None:
                addition["without_reasons"] = WITHDRAWN
        return self.filter.model_copy(update=addition)

    @property
    def applied_filter(self) -> dict[str, Any]:
        """The filter as it is applied, as JSON."""
        return self.query.model_dump(mode="json", exclude_none=True)


class BatchRequest(BatchSelection, BatchAct):
    """A batch operation as it is asked for."""

    count: int = Field(ge=1, le=MOST_ORDERS, description="as the preview showed it")
    batch_id: Identifier | None = Field(default=None, description="any but `preview`")

    @field_validator("batch_id")
    @classmethod
    def _is_no_other_address(cls, batch_id: str | None) -> str | None:
        if batch_id == "preview":
            raise PydanticCustomError("batch_id", "Should not be preview: that has another meaning")
        return batch_id


def has_grown(seen_count: int, count: int) -> bool:
    """Tell whether a filter finds many more orders than a person has seen."""
    return count > seen_count + max(1, seen_count // MORE_THAN_SEEN)
