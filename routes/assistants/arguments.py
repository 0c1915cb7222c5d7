"""What assistants say when they call a tool; what is wrong in it they are told in words."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from application.event_feed import FeedQuery
from application.order_query import ListQuery
from contracts.acts import OF_A_STEP, Act
from contracts.base import Identifier, StepName
from contracts.overview import Span
from contracts.placing import MAX_REQUEST_KEY, PlaceOrder
from contracts.text import Name, Words
from routes.operations import LogQuery

MOST_ON_A_PAGE = 20
"""Of what an assistant reads at once; programs get 100."""

USUAL_PAGE = 10


class NoArguments(BaseModel):
    """Nothing to say."""

    model_config = ConfigDict(extra="forbid")


class OrderArguments(NoArguments):
    """Which order."""

    order_id: Identifier


class ListArguments(ListQuery):
    """Which orders: the filters of `GET /orders`."""

    limit: int = Field(default=USUAL_PAGE, ge=1, le=MOST_ON_A_PAGE)


class EventArguments(FeedQuery):
    """Which events: the query of `GET /events`."""

    limit: int = Field(default=USUAL_PAGE, ge=1, le=MOST_ON_A_PAGE)


class SpanArguments(NoArguments):
    """Of how long, up to now."""

    span: Span = Span.DAY


class OperationArguments(LogQuery):
    """Which entries of the log: the filters of `GET /operations`."""

    limit: int = Field(default=USUAL_PAGE, ge=1, le=MOST_ON_A_PAGE)


class ProposalArguments(OrderArguments):
    """An act on an order."""

    act: Act
    step: StepName | None = Field(
        default=None, description="the stuck step, for retry and settle; see the order's `acts`"
    )

    @model_validator(mode="after")
    def _step_where_one_is_needed(self) -> Self:
        if (self.step is not None) is not (self.act in OF_A_STEP):
            need = "needs" if self.act in OF_A_STEP else "takes no"
            message = f"{self.act} {need} `step`"
            raise ValueError(message)
        return self

    @property
    def path(self) -> str:
        """Where the act is asked for."""
        of_step = f"/steps/{self.step}" if self.step else ""
        return f"/orders/{self.order_id}{of_step}/{self.act}"


class ActArguments(ProposalArguments):
    """An act on an order, and who decided it, why, and what shows it."""

    reason: Words = Field(description="why, in the words of the person whom you work for")
    by: Name | None = Field(
        default=None,
        description="who decided; leave it out where your token names a person, else it is needed",
    )
    evidence: Words | None = Field(
        default=None, description="for settle: what shows that it was put right by hand"
    )

    @property
    def body(self) -> dict[str, str]:
        """What is posted."""
        return self.model_dump(include={"by", "reason", "evidence"}, exclude_none=True)


class UnnamedActArguments(ActArguments):
    """Likewise, of an assistant whom no token names."""

    by: Name = Field(description="who decided")


class PlaceArguments(PlaceOrder):
    """An order, the key that makes placing it once only, and how long to wait for its end."""

    model_config = ConfigDict(extra="forbid")

    idempotency_key: str = Field(
        min_length=1,
        max_length=MAX_REQUEST_KEY,
        pattern=r"^[\x21-\x7e]+$",
        description="names this order: the same key again is the same order, never another",
    )
    wait_seconds: int = Field(default=10, ge=0, le=30, description="so long for it to close")
