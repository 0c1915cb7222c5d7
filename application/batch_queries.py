"""What is asked of batch operations: which page of them, or of one's results."""

from pydantic import BaseModel, ConfigDict, Field

from application.batch_selection import MOST_ORDERS
from contracts.base import Identifier
from contracts.batches import BatchOutcome

MOST_ON_A_PAGE = 100


class BatchesQuery(BaseModel):
    """The query of the batch operations."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(default=50, ge=1, le=MOST_ON_A_PAGE)
    before: Identifier | None = Field(
        default=None,
        description="the batch operation behind which the page begins: take it from `next`",
    )

    def following(self, batch_id: str) -> str:
        """Return the address at which the list goes on behind a batch operation."""
        return f"/batch-operations?limit={self.limit}&before={batch_id}"


class ResultsQuery(BaseModel):
    """The query of a batch operation's results."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outcome: BatchOutcome | None = None
    limit: int = Field(default=MOST_ON_A_PAGE, ge=1, le=MOST_ON_A_PAGE)
    cursor: int = Field(default=-1, ge=-1, le=MOST_ORDERS, description="take it from `next`")

    def following(self, batch_id: str, number: int) -> str:
        """Return the address at which the results of a batch operation go on behind a number."""
        outcome = f"outcome={self.outcome}&" if self.outcome else ""
        results = f"/batch-operations/{batch_id}/results"
        return f"{results}?{outcome}limit={self.limit}&cursor={number}"
