"""What is given twice, of which nobody knows which is meant, and what no list can be asked for."""

import functools
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from api import create_app
from application.order_query import ListQuery
from config import Settings
from contracts.prose import problems
from contracts.states import FailureReason

JSON = {"Content-Type": "application/json"}
KEYS = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]


@functools.cache
def app() -> FastAPI:
    """Return the API, which has not begun to serve: what is refused here asks nobody."""
    return create_app(Settings())


async def status_and_fields(
    method: str, path: str, headers: Any = None, content: bytes = b""
) -> tuple[int, list[dict[str, str]]]:
    """Return the status of an answer, and which fields it calls wrong."""
    transport = httpx.ASGITransport(app())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.request(method, path, headers=headers, content=content)
    return answer.status_code, answer.json()["errors"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("status=CONFIRMED&status=CANCELLED", ["status"]),
        ("limit=5&limit=5", ["limit"]),
        ("limit=5&cursor=&limit=6&cursor=", ["limit", "cursor"]),
    ],
)
async def test_a_parameter_that_is_given_twice_is_refused(query: str, names: list[str]) -> None:
    """Also when both say the same: it is given twice by mistake."""
    twice = [{"field": name, "message": "is given more than once"} for name in names]
    assert await status_and_fields("GET", f"/orders?{query}") == (422, twice)


@pytest.mark.parametrize(
    "path", ["/orders", "/stock/A/movements", "/customers/ann/deposits", "/stock", "/customers"]
)
async def test_two_keys_are_refused(path: str) -> None:
    """One key is one effect, so two would be none."""
    twice = [{"field": "Idempotency-Key", "message": "is given more than once"}]
    headers = [*JSON.items(), *KEYS]
    assert await status_and_fields("POST", path, headers, b"{}") == (422, twice)


def test_a_reason_that_there_is_not_is_refused() -> None:
    """With all those that there are, as states are."""
    with pytest.raises(ValidationError) as error_info:
        ListQuery.model_validate({"reason": "NOPE"})
    [(place, message)] = problems(error_info.value.errors())
    assert place == ("reason",)
    assert message.startswith("must be ORDER_ID_REUSED, INSUFFICIENT_FUNDS, ")
    assert all(reason in message for reason in FailureReason)
