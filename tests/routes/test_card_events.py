"""What the API takes for an event of the card provider, and what it turns away."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from stripe import WebhookSignature

from api import create_app
from config import Settings
from contracts.card_events import ANSWERS
from routes.card_events import answered_order
from routes.limits import MOST_BYTES
from tests.stack import free_port
from tests.tokens import AUTHENTICATION

SECRET = "whsec_of_a_test"
ANSWER = "payment_intent.amount_capturable_updated"
OF_A_REFUND = json.dumps({"object": "event", "type": "refund.created", "data": {"object": {}}})


def event(kind: str = ANSWER, **metadata: object) -> dict[str, object]:
    """Return an event about a payment, as JSON has it."""
    return {"object": "event", "type": kind, "data": {"object": {"metadata": metadata}}}


def signature(body: str, secret: str = SECRET, seconds_ago: float = 0) -> str:
    """Return what a body is signed with."""
    moment = int(time.time() - seconds_ago)
    return str(WebhookSignature.generate_signature_header(body, secret, moment))


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of an API that asks for tokens, and whose orders nobody can reach."""
    settings = Settings.model_validate(
        {name.lower(): value for name, value in AUTHENTICATION.items()}
        | {"card_webhook_secret": SecretStr(SECRET)}
    )
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def post(http: httpx.AsyncClient, body: str, header: str | None) -> httpx.Response:
    """Send a body; without a signature when `header` is None."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if header is not None:
        headers["Stripe-Signature"] = header.encode("latin-1")  # type: ignore[assignment]
    return await http.post("/webhooks/cards", content=body, headers=headers)


async def test_a_signed_event_needs_no_token(http: httpx.AsyncClient) -> None:
    """It is taken, and nothing follows of one that is about something else."""
    answer = await post(http, OF_A_REFUND, signature(OF_A_REFUND))
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (OF_A_REFUND, None),
        (OF_A_REFUND, ""),
        (OF_A_REFUND, "t=1,v1=\xe9"),
        (OF_A_REFUND, "t=" + "9" * 5_000 + ",v1=0"),
        (OF_A_REFUND, signature(OF_A_REFUND, "whsec_other")),
        (OF_A_REFUND, signature(OF_A_REFUND, seconds_ago=301)),
        (OF_A_REFUND + " ", signature(OF_A_REFUND)),
        (json.dumps([]), signature(json.dumps([]))),
    ],
    ids=["none", "empty", "not ASCII", "huge", "other secret", "old", "other body", "no event"],
)
async def test_what_is_not_signed_now_is_refused(
    http: httpx.AsyncClient, body: str, header: str | None
) -> None:
    """With 400 and a sentence, whatever the signature has in it."""
    answer = await post(http, body, header)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:problem:not-signed")


async def test_a_large_body_is_not_read(http: httpx.AsyncClient) -> None:
    """Nobody makes the API check what is beyond its limit."""
    body = json.dumps({"text": "x" * MOST_BYTES})
    assert (await post(http, body, signature(body))).status_code == 413


async def test_with_the_orders_out_of_reach_it_is_to_come_again(tmp_path: Path) -> None:
    """503 to what may be an answer, and nothing else is held up by that."""
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path / "nowhere",
            "card_webhook_secret": SecretStr(SECRET),
            "temporal_port": free_port(),
        }
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    body = json.dumps(event(order_id="cart-1"))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        answer = await post(client, body, signature(body))
        other = await post(client, OF_A_REFUND, signature(OF_A_REFUND))
    assert (answer.status_code, other.status_code) == (503, 204)
    assert "Retry-After" in answer.headers


async def test_without_a_secret_there_is_no_webhook() -> None:
    """It says which setting is missing."""
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await post(client, OF_A_REFUND, signature(OF_A_REFUND))
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "no webhooks are taken here: CARD_WEBHOOK_SECRET is not set",
    )


@pytest.mark.parametrize("kind", sorted(ANSWERS))
def test_an_answer_names_its_order(kind: str) -> None:
    """By the order's id in the payment's metadata, and by nothing else of the event."""
    assert answered_order(event(kind, order_id="cart-1", saga_step="x")) == "cart-1"


@pytest.mark.parametrize(
    "other",
    [
        event("payment_intent.created", order_id="cart-1"),
        event("refund.created", order_id="cart-1"),
        event(),
        event(order_id=""),
        event(order_id="../cart 1"),
        event(order_id=1),
        event(order_id="x" * 65),
        {"type": ANSWER, "data": {"object": {"metadata": None}}},
        {"type": ANSWER, "data": None},
        {"type": None},
        {},
    ],
)
def test_other_events_are_of_no_order(other: dict[str, object]) -> None:
    """Nothing is looked at, and nothing fails."""
    assert answered_order(other) is None
