"""An order as the order service remembers it, with why it failed and what was taken back."""

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, JsonValue

from contracts.base import Contract, Identifier
from contracts.placing import OrderLine
from contracts.states import OrderStatus, SagaState

MOST_DETAILS = 500
"""Characters of a failure's details (as JSON) that are shown of an order among many."""


class Failure(Contract):
    """Why a saga failed: which step and event, a reason for programs, a sentence for people."""

    step: str | None = None
    event: str | None = None
    reason: str
    message: str
    details: dict[str, JsonValue] = Field(default_factory=dict)


def details_if_short(details: dict[str, Any] | None) -> dict[str, Any]:
    """Return a failure's details as they are shown of an order among many: none that are long.

    They may name a thousand products.
    """
    return details if details and len(json.dumps(details)) <= MOST_DETAILS else {}


class Settlement(Contract):
    """A manual resolution: a person says that a stuck step was put right by hand.

    `attempts` is how many tries of it the server had begun by then; None where nobody knew.
    """

    by: str
    reason: str
    evidence: str
    at: datetime
    attempts: int | None = None


class Compensation(Contract):
    """One compensation of a rollback and how far it has come.

    Of an order that does not roll back: another retriable command that is stuck or was settled.
    That is ConfirmOrder after the pivot, or RegisterOrder when an earlier run is in doubt.

    `attempts` counts tries as Temporal's history knows them; None once that history is gone.
    `answer` is what the participant's event says beyond its name and the order, e.g. what was
    refunded, and `answered_at` when it came (UTC). Both are None until then, where the event says
    no more, and where a person settled it.
    """

    step: str
    command: str
    state: Literal["WAITING", "RUNNING", "DONE", "STUCK", "SETTLED"]
    attempts: int | None = None
    settled: Settlement | None = None
    answer: dict[str, JsonValue] | None = None
    answered_at: datetime | None = None


class OrderSummary(Contract):
    """An order as the order service remembers it, for ever, but for its lines."""

    order_id: Identifier
    state: SagaState
    status: OrderStatus
    customer_id: str | None
    currency: str | None
    total_minor: int | None
    placed_at: datetime
    closed_at: datetime | None = None
    needs_attention: bool = False
    failure: Failure | None = None
    compensations: tuple[Compensation, ...] = ()
    again_of: Identifier | None = Field(
        default=None, description="the failed order that this one was placed again for"
    )
    again_as: Identifier | None = Field(
        default=None, description="of a failed order: the one by which it was placed again"
    )


class OrderRecord(OrderSummary):
    """An order as the order service remembers it, whole."""

    lines: tuple[OrderLine, ...] | None


class OrderEntry(OrderSummary):
    """An order as it stands among many: of its lines, which may be a thousand, only the number."""

    line_count: int | None
