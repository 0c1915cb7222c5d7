"""Who decided is asked for beside all else that a body misses, where no token says it."""

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from api import create_app
from config import Settings
from routes.dependencies import orders_of
from tests.tokens import AUTHENTICATION, SCOPES, bearer

BATCH: dict[str, Any] = {"act": "approve", "filter": {"state": "AWAITING_REVIEW"}, "count": 1}


async def fields_in_error(path: str, body: Any, **settings: str) -> tuple[str, ...]:
    """Return the fields that a call is refused for."""
    values = {name.lower(): value for name, value in settings.items()}
    app = create_app(Settings(**values))  # type: ignore[arg-type]
    nobody = SimpleNamespace(act=None, batches=None)  # no call comes so far as to ask them
    app.dependency_overrides[orders_of] = lambda: nobody
    transport = httpx.ASGITransport(app)
    headers = bearer(*SCOPES) if settings else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.post(path, json=body, headers=headers)
    assert answer.status_code == 422, answer.text
    return tuple(error["field"] for error in answer.json()["errors"])


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/orders/x/cancel", {}, ("reason", "by")),
        ("/orders/x/cancel", {"by": None}, ("reason", "by")),
        ("/orders/x/cancel", {"by": "ann"}, ("reason",)),
        ("/orders/x/cancel", {"by": " "}, ("by", "reason")),
        ("/orders/x/cancel", {"reason": "a test"}, ("by",)),
        ("/orders/x/cancel", [], ("body",)),
        ("/orders/x/steps/ProcessPayment/settle", {}, ("reason", "evidence", "by")),
        ("/batch-operations/x/stop", {}, ("reason", "by")),
        ("/batch-operations", BATCH, ("reason", "by")),
        ("/batch-operations", BATCH | {"reason": "a test"}, ("by",)),
        ("/batch-operations/preview", {"act": "approve"}, ("filter",)),
    ],
)
async def test_all_that_is_missing_is_told_at_once(
    path: str, body: Any, fields: tuple[str, ...]
) -> None:
    """Once each, whether or not something else is wrong."""
    assert await fields_in_error(path, body) == fields


async def test_whom_a_token_names_need_not_say_who_they_are() -> None:
    """Whatever else is missing."""
    assert await fields_in_error("/orders/x/cancel", {}, **AUTHENTICATION) == ("reason",)
