"""What the card provider tells by webhook: that a customer has answered their bank.

Who asks has no token: each event is signed. What it says is not believed; the saga that waits for
its customer asks the provider itself. So an event may come late, twice, out of order, or not at
all.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from contracts.card_events import ANSWERS
from contracts.ids import order_id_or_none, saga_id
from routes.dependencies import orders_of
from routes.problems import AWAY, Problem, problem_responses

SIGNATURE = "Stripe-Signature"
OLDEST_SECONDS = 300
"""An event that was signed longer ago may be one that somebody has recorded."""

ReadEvent = Callable[[bytes, str], str | None]

router = APIRouter(tags=["cards"])


def event_reader(secret: str) -> ReadEvent | None:
    """Return what reads deliveries that are signed with a secret; None when there is no secret.

    It returns the order that may have an answer of its customer's, or None when the event is about
    something else, and raises `Problem` 400 when the signature is wrong or old.
    """
    if not secret:
        return None
    # A third of a second of CPU, and 25 MB, which a shop without cards need not pay for.
    from stripe import SignatureVerificationError, Webhook  # noqa: PLC0415

    def read(body: bytes, signature: str) -> str | None:
        try:
            event = Webhook.construct_event(body, signature, secret, tolerance=OLDEST_SECONDS)
        except (SignatureVerificationError, ValueError, TypeError, AttributeError) as error:
            # The last two are the library's: for a signature beyond ASCII, and a body that is a
            # list.
            why = "this is no event that was signed with our secret within the last five minutes"
            raise Problem(HTTPStatus.BAD_REQUEST, "not-signed", why) from error
        return answered_order(event.to_dict())

    return read


def answered_order(event: Any) -> str | None:
    """Return the order of whose payment an event tells; None where that is nothing to look at."""
    match event:
        case {"type": kind, "data": {"object": {"metadata": {"order_id": str(order_id)}}}}:
            is_order = kind in ANSWERS and order_id_or_none(saga_id(order_id)) is not None
            return order_id if is_order else None
    return None


async def event_order(request: Request) -> str | None:
    """Return the order that an event is about, if there is one to look at.

    Raises:
        Problem: 404, there is no webhook here; 400, the event is not the provider's.
    """
    read: ReadEvent | None = request.app.state.read_card_event
    if read is None:
        why = "no webhooks are taken here: CARD_WEBHOOK_SECRET is not set"
        raise Problem(HTTPStatus.NOT_FOUND, "not-found", why)
    return read(await request.body(), request.headers.get(SIGNATURE, ""))


DELIVERY = {
    "parameters": [
        {
            "name": SIGNATURE,
            "in": "header",
            "required": True,
            "description": "when it was signed, and with which digest",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "description": "an event, as Stripe sends it",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
}
"""What the provider sends, for the OpenAPI document; whatever is wrong with it is 400."""


@router.post(
    "/webhooks/cards",
    status_code=HTTPStatus.NO_CONTENT,
    responses=AWAY | problem_responses(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
    openapi_extra=DELIVERY,
)
async def hear_of_card(
    order_id: Annotated[str | None, Depends(event_order)], request: Request
) -> None:
    """Take an event of the card provider: the saga that waits for its customer asks it at once.

    What is about other orders, or about something else, is taken as well, and nothing follows.
    After 503 the provider sends it again.
    """
    if order_id is not None:
        orders = await orders_of(request)
        await orders.acts.tell_of_answer(order_id)
