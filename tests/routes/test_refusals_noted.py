"""What the log of operations has of requests: who was refused by their token, and from where."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import ValidationError

from api import create_app
from application.operations_log import OperationsLog
from config import Settings
from contracts.acts import Act
from contracts.operations import Door, OperationFilter, Outcome
from participants.order.operations import Operations
from participants.order.service import OrderService
from routes.operations import ACTS, LogQuery
from tests.tokens import AUTHENTICATION, bearer

SAID = {"by": "ann", "reason": "found it cheaper"}


def api_with_log(engine: sa.Engine) -> tuple[FastAPI, Operations]:
    """Return an API that asks callers who they are, and what it notes of them."""
    OrderService.open(engine)
    operations = Operations(engine)
    settings = {name.lower(): value for name, value in AUTHENTICATION.items()}
    app = create_app(Settings(**settings))  # type: ignore[arg-type]
    app.state.operations_log = OperationsLog(operations)
    return app, operations


async def test_what_a_known_caller_may_not_do_is_noted(
    tmp_path: Path, open_engine: Callable[[str], sa.Engine]
) -> None:
    """With who asked, from where, and for which order; strangers are not in the log."""
    app, operations = api_with_log(open_engine(f"sqlite:///{tmp_path}/order.db"))
    transport = httpx.ASGITransport(app, client=("10.0.0.7", 4711))
    reader = bearer("orders:read")
    customer = bearer("saga:operate", customer="17850", sub="shopper")
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        for path in ("/orders/7/cancel", "/orders/7/place-again"):
            assert (await http.post(path, json=SAID)).status_code == 401
            console = reader | {"X-Door": "console", "User-Agent": "x" * 900}
            assert (await http.post(path, json=SAID, headers=console)).status_code == 403
        assert (await http.get("/operations", headers=customer)).status_code == 403
        assert (await http.put("/stock/A-1", json={}, headers=reader)).status_code == 403
    entries, _ = operations.page(OperationFilter(), 10)
    assert [
        (entry.act, entry.subject, entry.order_id, entry.about, entry.door) for entry in entries
    ] == [
        ("offer-products", "tester", None, None, Door.HTTP),
        ("read", "shopper", None, "/operations", Door.HTTP),
        ("place-again", "tester", "7", None, Door.CONSOLE),
        ("cancel", "tester", "7", None, Door.CONSOLE),
    ]
    assert {(entry.outcome, entry.by, entry.address) for entry in entries} == {
        (Outcome.REFUSED, "tester", "10.0.0.7"),
        (Outcome.REFUSED, "shopper", "10.0.0.7"),
    }
    assert "needs a token with the scope orders:cancel" in (entries[-1].message or "")
    assert entries[-1].agent == "x" * 200


async def test_a_refusal_names_what_was_asked_for(
    tmp_path: Path, open_engine: Callable[[str], sa.Engine]
) -> None:
    """The batch operation, and of what is read the very address: short, no sign of it unseen."""
    app, operations = api_with_log(open_engine(f"sqlite:///{tmp_path}/order.db"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=bearer("orders:read")
    ) as http:
        for path in ("order-small", "shop%2Fsmall", "a%1Bb", "x" * 900):
            assert (await http.get(f"/sagas/{path}")).status_code == 403
        for path in ("evening/results", "no%20batch"):
            assert (await http.get(f"/batch-operations/{path}")).status_code == 403
        assert (await http.post("/batch-operations/evening/stop", json=SAID)).status_code == 403
    entries, _ = operations.page(OperationFilter(), 10)
    assert [(entry.act, entry.about, entry.batch_id) for entry in reversed(entries)] == [
        ("read", "/sagas/order-small", None),
        ("read", "/sagas/shop/small", None),
        ("read", "/sagas/a\\x1bb", None),
        ("read", f"/sagas/{'x' * 193}", None),
        ("read", "/batch-operations/evening/results", "evening"),
        ("read", "/batch-operations/no batch", None),
        ("stop-batch", "batch operation evening", "evening"),
    ]


def test_the_log_is_searched_for_acts_that_are_noted_in_it() -> None:
    """Another one would find nothing, silently; what it may be is told."""
    for act in (*Act, "place", "read", "stop-batch"):
        assert LogQuery(act=act).act == act
    with pytest.raises(ValidationError, match=r"Should be an act: approve, cancel, .*stop-batch"):
        LogQuery(act="nonsense")


def test_every_route_that_changes_something_has_its_act() -> None:
    """What has none is noted as a read: a preview, the door for assistants.

    A webhook has no caller.
    """
    changes = {
        str(route.name)
        for route in iter_route_contexts(create_app(Settings()).routes)
        if set(getattr(route, "methods", None) or ()) & {"POST", "PUT"}
    }
    assert changes - ACTS.keys() == {"preview_batch", "exchange", "hear_of_card"}
    assert ACTS.keys() <= changes
