"""Reading what started an order saga: anything may arrive, and only an order gets through."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RawValue

from contracts.ids import order_id_of, saga_id
from contracts.placing import MAX_REQUEST_KEY, DraftOrder, PlaceOrder, salvage
from contracts.prose import problems
from contracts.stubs import MEMO_AGAIN_OF, MEMO_REQUEST_KEY, WORKFLOW_TYPE

MOST_PROBLEMS = 10


class InvalidStart(Exception):
    """The start is no order.

    `draft` holds what could be read of one, `details` what is wrong, for programs.
    """

    def __init__(
        self, message: str, draft: DraftOrder | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.draft = draft or DraftOrder()
        self.details = details or {}


def read_identity() -> str:
    """Return the order id that the workflow id names.

    Raises:
        InvalidStart: the workflow type is not ours, or the id is not `order-{order_id}`: no order
            can be recorded under it.
    """
    info = workflow.info()
    if info.workflow_type != WORKFLOW_TYPE:
        raise InvalidStart(
            f"there is no workflow type {info.workflow_type!r} here; start {WORKFLOW_TYPE!r}"
        )
    try:
        return order_id_of(info.workflow_id)
    except ValueError as error:
        raise InvalidStart(str(error)) from error


def read_request_key() -> str | None:
    """Return the request's idempotency key that the HTTP front door left in the memo, or None."""
    try:
        key = workflow.payload_converter().from_payload(workflow.info().raw_memo[MEMO_REQUEST_KEY])
    except Exception:  # noqa: BLE001  # absent, or whatever a converter throws at bad bytes
        return None
    return (
        key
        if isinstance(key, str) and 0 < len(key) <= MAX_REQUEST_KEY and "\0" not in key
        else None
    )


def read_again_of() -> str | None:
    """Return the failed order that this one is placed again for, as the memo names it, or None."""
    try:
        order_id = workflow.payload_converter().from_payload(
            workflow.info().raw_memo[MEMO_AGAIN_OF]
        )
        return order_id_of(saga_id(order_id))
    except Exception:  # noqa: BLE001  # absent, or whatever a converter throws at bad bytes
        return None


def read_order(arguments: Sequence[RawValue], order_id: str) -> PlaceOrder:
    """Return the order that a start's arguments hold.

    Raises:
        InvalidStart: with what is wrong, and as much of the order as could be read.
    """
    if len(arguments) != 1:
        raise InvalidStart(f"give the order as one JSON object; {len(arguments)} arguments came")
    try:
        raw: Any = workflow.payload_converter().from_payload(arguments[0].payload)
    except Exception as error:  # whatever a converter throws at bytes it cannot read
        raise InvalidStart(f"the argument cannot be read: {error}") from error
    try:
        order = PlaceOrder.model_validate(raw)
    except ValidationError as error:
        raise InvalidStart(
            explain(error), salvage(raw, error), {"problems": wrong_fields(error)}
        ) from error
    if order.order_id not in (None, order_id):
        message = (
            f"the order_id {order.order_id!r} and the workflow id {saga_id(order_id)!r} name "
            "different orders"
        )
        raise InvalidStart(message, order)
    return order


def wrong_fields(error: ValidationError) -> list[dict[str, str]]:
    """Return the first fields that are wrong, and how, for programs."""
    errors = problems(error.errors())[:MOST_PROBLEMS]
    return [
        {"field": ".".join(map(str, place)) or "order", "message": message}
        for place, message in errors
    ]


def explain(error: ValidationError, whole: str = "order") -> str:
    """Return one line that names every field that is wrong, and how.

    What is no object at all is called `whole`.
    """
    sentences = [
        f"{'.'.join(map(str, place)) or whole}: {message}"
        for place, message in problems(error.errors())
    ]
    left_out = len(sentences) - MOST_PROBLEMS
    more = [f"and {left_out} more"] if left_out > 0 else []
    return "; ".join(sentences[:MOST_PROBLEMS] + more)
