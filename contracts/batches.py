"""Batch operations: one act of a person on many orders, and what came of it at each order."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from contracts.acts import FIELDS, MESSAGES, OF_A_STEP, Act
from contracts.base import Contract, Identifier, digest
from contracts.decisions import ACTS, Decision
from contracts.text import Name, Words
from contracts.views import ActOffer, ListedOrder


class BatchState(StrEnum):
    """How a batch operation stands."""

    RUNNING = "RUNNING"
    """Orders wait for the act, or for its answer."""
    STOPPING = "STOPPING"
    """A person stopped it; the acts under way end first."""
    STOPPED = "STOPPED"
    """A person stopped it; each order has its result, those not come to as well."""
    COMPLETED = "COMPLETED"
    """Every order of it has its result."""


OPEN = frozenset({BatchState.RUNNING, BatchState.STOPPING})


class BatchOutcome(StrEnum):
    """What came of a batch operation at one order."""

    WAITING = "WAITING"
    """It is not its turn yet, or nobody answered and it is tried again."""
    DONE = "DONE"
    """The order's saga took the act, or what is asked for was so already."""
    REFUSED = "REFUSED"
    """The saga, or the closed order, takes no such act; the message is its own."""
    NOT_REACHED = "NOT_REACHED"
    """Nobody answered in any of its tries, or before it was stopped; it may have been taken."""
    SKIPPED = "SKIPPED"
    """The batch operation was stopped before its turn."""


class BatchAct(Contract):
    """The act of a batch operation, by whom, and why: the same at each order."""

    act: Act
    step: Name | None = Field(default=None, description="the stuck step, for retry and settle")
    by: Name
    reason: Words
    evidence: Words | None = Field(default=None, description="for settle: what shows it")

    @model_validator(mode="after")
    def _fields_are_those_of_the_act(self) -> "BatchAct":
        for field in ("step", "evidence"):
            is_needed = self.act in OF_A_STEP if field == "step" else field in FIELDS[self.act]
            if is_needed != (getattr(self, field) is not None):
                what = f"{self.act} {'needs' if is_needed else 'has no'} {field}"
                raise PydanticCustomError("act", "{what}", {"what": what})
        return self

    @property
    def decision(self) -> Decision:
        """What each order's saga is sent."""
        body = ACTS[MESSAGES[self.act]] if self.act in MESSAGES else Decision
        return body.model_validate(self.model_dump(include={"step", "by", "reason", "evidence"}))


class Batch(BatchAct):
    """What a batch operation does: an act on every order that a filter found at its start."""

    batch_id: Identifier
    filter: Mapping[str, JsonValue] = Field(description="the filter of the list, as it was applied")

    def fingerprint(self) -> str:
        """Return a digest that two batch operations share exactly when they do the same."""
        return digest(self.model_dump(mode="json", exclude={"batch_id"}, exclude_defaults=True))


class BatchStop(Contract):
    """Who stopped a batch operation, why and when (UTC)."""

    by: str
    reason: str
    at: datetime


class BatchRecord(Batch):
    """A batch operation, and how far it has come. Times are UTC."""

    state: BatchState
    total: int = Field(description="the orders that were found at the start; it acts on no other")
    counts: Mapping[BatchOutcome, int] = Field(description="its orders by what came of it")
    started_at: datetime
    ended_at: datetime | None
    stop: BatchStop | None


class BatchLinks(Contract):
    """Where to go from a batch operation."""

    self: str
    results: str
    temporal: str = Field(description="its workflow in Temporal's Web UI")


class BatchView(BatchRecord):
    """A batch operation as people see it."""

    links: BatchLinks


class BatchList(Contract):
    """One page of the batch operations, newest first."""

    batches: tuple[BatchView, ...]
    most_open: int = Field(description="so many may be open at one time")
    acts: tuple[ActOffer, ...] = Field(
        description="what the caller may do to many orders; `effect` says it of each order"
    )
    next: str | None = Field(description="where they go on; null when this is their end")


class BatchPreview(Contract):
    """The orders that a batch operation would act on now."""

    act: Act
    step: str | None = Field(
        description="the stuck step, where one is given: orders stuck there alone"
    )
    filter: Mapping[str, JsonValue] = Field(
        description="as it is applied: what it leaves open, the act fills in"
    )
    count: int = Field(description="how many orders are meant now, up to `most` and one more")
    again_count: int = Field(
        description="how many more there are that were placed again already, where those are left "
        "out, as `place-again` does"
    )
    most: int = Field(description="the most orders of one batch operation")
    sample: tuple[ListedOrder, ...] = Field(description="the newest of them")


class BatchResult(Contract):
    """What came of a batch operation at one order: the message says why, and `at` when (UTC).

    Of an order that was placed again it names the new one.
    """

    order_id: str
    outcome: BatchOutcome
    message: str | None
    tries: int
    at: datetime | None


class BatchResults(Contract):
    """One page of a batch operation's results, in the order in which it takes its orders."""

    results: tuple[BatchResult, ...]
    next: str | None = Field(description="where they go on; null when this is their end")


class ActOnBatchCommand(Contract):
    """Act on the next orders of a batch operation, for a while."""

    batch_id: Identifier


class BatchRound(Contract):
    """What came of that: whether the batch operation is over, and how many orders have a result."""

    is_over: bool
    results: int
