"""What the client sends and gets, by the names of docs/openapi.json, and how a call can fail.

Of an order it has what a storefront shows; a test compares each field with the document.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """What goes over the wire; fields that a newer API adds are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Line(Model):
    """So many of one product at one price, in minor units."""

    sku: str
    quantity: int
    unit_price_minor: int


class NewOrder(Model):
    """An order to be placed."""

    customer_id: str
    currency: str
    lines: tuple[Line, ...]
    order_id: str | None = None
    deadline_seconds: int = 900


class Failure(Model):
    """Why an order failed: `reason` for programs, `customer_message` for the customer."""

    reason: str
    message: str
    customer_message: str
    details: dict[str, Any] = Field(default_factory=dict)


class CustomerAction(Model):
    """What an order waits for its customer to do, on a page of their bank's."""

    kind: str = "authenticate"
    url: str


class Order(Model):
    """An order as it stands; only COMPLETED is a sale. It is closed when `closed_at` is set."""

    order_id: str
    state: str
    status: str
    customer_id: str | None
    currency: str | None
    total_minor: int | None
    placed_at: datetime
    closed_at: datetime | None = None
    needs_attention: bool = False
    failure: Failure | None = None
    action: CustomerAction | None = None


class Problem(Model):
    """The body of every error; `type` is for programs, `detail` for people."""

    type: str = "about:blank"
    title: str = ""
    status: int
    detail: str = ""


class OrderEvent(Model):
    """One event of an order's stream: an entry of its timeline, or `closed`."""

    id: str
    event: str
    data: dict[str, Any]


class OrderApiError(Exception):
    """No order came back.

    OrderApiError
    ├── Rejected
    └── NoAnswer
    """


class Rejected(OrderApiError):
    """The API said no, and says so again: the request must change. `problem` says how."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}")
        self.problem = problem


class NoAnswer(OrderApiError):
    """Nobody answered in time. The outcome is in doubt: ask again later, with the same key."""
