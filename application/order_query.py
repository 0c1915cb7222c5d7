"""What a list of orders is asked for: the filters, and the cursor that says where a page begins."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.base import IDENTIFIER, Identifier
from contracts.states import FailureReason, OrderStatus, SagaState
from participants.order.filters import Position

MOST_ON_A_PAGE = 100


def write_cursor(position: Position) -> str:
    """Return a position in the form in which it goes through callers' hands."""
    text = f"{position.placed_at.isoformat()} {position.order_id}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> Position:
    """Return the position that `write_cursor` wrote.

    Raises:
        ValueError: it never wrote this.
    """
    try:
        placed_at, _, order_id = urlsafe_b64decode(f"{cursor}==").decode().partition(" ")
        position = Position(datetime.fromisoformat(placed_at), order_id)
        is_ours = (
            position.placed_at.tzinfo == UTC
            and re.fullmatch(IDENTIFIER, order_id)
            and write_cursor(position) == cursor
        )
    except ValueError:
        is_ours = False
    if not is_ours:
        raise ValueError("This is no cursor; take it from `next`")
    return position


def _check(cursor: str) -> str:
    read_cursor(cursor)
    return cursor


class OrderQuery(BaseModel):
    """Which orders are asked for.

    A parameter that does not exist is an error, as a misspelt filter would mean everybody's orders.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: SagaState | None = Field(
        default=None, description="as it is shown: an open order's is its saga's"
    )
    status: OrderStatus | None = Field(
        default=None, description="as the order service has it on record"
    )
    reason: FailureReason | None = Field(default=None, description="why they failed")
    customer_id: Identifier | None = None
    needs_attention: bool | None = Field(
        default=None, description="whether somebody has to look after the order"
    )


class ListQuery(OrderQuery):
    """The query of a list: which orders, and which page of them."""

    limit: int = Field(
        default=20,
        ge=1,
        le=MOST_ON_A_PAGE,
        description="the most orders on a page; a page may hold fewer",
    )
    cursor: Annotated[str, AfterValidator(_check)] | None = Field(
        default=None, description="where the page begins: take it from `next`"
    )

    @property
    def before(self) -> Position | None:
        """The position that the page begins behind; None for the first page."""
        return None if self.cursor is None else read_cursor(self.cursor)

    def following(self, position: Position) -> str:
        """Return the address at which the list goes on behind a position."""
        parameters = self.model_dump(mode="json", exclude={"cursor"}, exclude_defaults=True)
        if self.needs_attention is not None:
            parameters["needs_attention"] = str(self.needs_attention).lower()
        parameters["cursor"] = write_cursor(position)
        return f"/orders?{urlencode(parameters)}"
