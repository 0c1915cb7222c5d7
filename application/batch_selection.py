"""Which orders a batch operation acts on: those of a filter, and what the act adds to it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from application.order_query import OrderSelection
from contracts.acts import Act
from contracts.base import Identifier
from contracts.batches import BatchAct
from contracts.states import OrderStatus, SagaState

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


class BatchSelection(BaseModel):
    """The orders of a batch operation, by its act and a filter of the list."""

    model_config = ConfigDict(frozen=True)

    act: Act
    filter: OrderSelection = Field(description="as in `GET /orders`, one filter at least")

    @field_validator("filter")
    @classmethod
    def _is_a_filter(cls, query: OrderSelection) -> OrderSelection:
        if not query.model_dump(exclude_none=True):
            raise PydanticCustomError("filter", "Should have one filter at least")
        return query

    @property
    def query(self) -> OrderSelection:
        """The filter as it is applied; to place again means none that was placed again already."""
        says_how = any(getattr(self.filter, name) is not None for name in STANDING)
        update = {} if says_how else dict(MEANT_BY[self.act])
        if self.act is Act.PLACE_AGAIN and self.filter.placed_again is None:
            update["placed_again"] = False
        return self.filter.model_copy(update=update)

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
