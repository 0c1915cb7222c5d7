"""An order as it is placed."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from contracts.base import (
    MAX_LINES,
    MAX_TOTAL_MINOR,
    Contract,
    Currency,
    Identifier,
    PriceMinor,
    Quantity,
    Sku,
    digest,
)

DEADLINE_SECONDS = 900
MAX_REQUEST_KEY = 255


class OrderLine(Contract):
    """So many of one product at one price."""

    sku: Sku
    quantity: Quantity
    unit_price_minor: PriceMinor


class DraftOrder(Contract):
    """As much of an order as could be read; what an invalid start did not give is None."""

    customer_id: Identifier | None = None
    currency: Currency | None = None
    lines: tuple[OrderLine, ...] | None = None

    @property
    def total_minor(self) -> int | None:
        """The price of all lines in minor units, or None when the lines are unknown."""
        return None if self.lines is None else _total(self.lines)

    def fingerprint(self) -> str:
        """Return a digest of what is ordered, whatever the order's id."""
        return digest(self.model_dump(mode="json", exclude={"order_id"}, exclude_defaults=True))


class PlaceOrder(DraftOrder):
    """An order as a customer places it.

    It is the body of `POST /orders` and the input of the workflow `OrderSaga`.
    """

    customer_id: Identifier
    currency: Currency
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1, max_length=MAX_LINES)]
    order_id: Identifier | None = None
    deadline_seconds: Annotated[int, Field(strict=True, ge=1, le=86_400)] = DEADLINE_SECONDS

    @field_validator("lines", mode="before")
    @classmethod
    def _not_too_many(cls, lines: Any) -> Any:
        """Count before looking at each: a million bad lines are one problem, not a million."""
        if isinstance(lines, list | tuple) and len(lines) > MAX_LINES:
            raise PydanticCustomError(
                "too_long",
                "must be at most {most} lines, not {count}",
                {"most": MAX_LINES, "count": len(lines)},
            )
        return lines

    @field_validator("lines")
    @classmethod
    def _total_is_exact(cls, lines: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
        if _total(lines) > MAX_TOTAL_MINOR:
            raise PydanticCustomError(
                "total", "must cost at most {most} minor units together", {"most": MAX_TOTAL_MINOR}
            )
        return lines

    @property
    def total_minor(self) -> int:
        """The price of all lines in minor units."""
        return _total(self.lines)


def _total(lines: Iterable[OrderLine]) -> int:
    return sum(line.quantity * line.unit_price_minor for line in lines)


def salvage(raw: Any, error: ValidationError) -> DraftOrder:
    """Return the parts of an invalid start that are valid by themselves."""
    if not isinstance(raw, dict):
        return DraftOrder()
    wrong_fields = {problem["loc"][0] for problem in error.errors() if problem["loc"]}
    try:
        return DraftOrder.model_validate(
            {name: value for name, value in raw.items() if name not in wrong_fields}
        )
    except ValidationError:
        return DraftOrder()
