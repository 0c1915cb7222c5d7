import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from api import create_app
from application.caller import FOR_STAFF, SUMS, Caller, Scope
from config import Settings
from routes.access import NEEDED, PUBLIC, PUBLIC_FILES, SIGNED, require, scopes_of
from routes.problems import Problem
from tests.tokens import AUTHENTICATION, SCOPES, bearer


def app(**settings: str) -> FastAPI:
    """Return the API; it reaches for nothing before it is served."""
    values = {name.lower(): value for name, value in settings.items()}
    return create_app(Settings(**values))  # type: ignore[arg-type]


def calls(routes: list[BaseRoute]) -> set[str]:
    """Return every call that an app answers, like `GET /orders`; of mounted files, the place."""
    route_calls = set()
    for route in iter_route_contexts(routes):
        route_calls |= {
            f"{method} {getattr(route, 'path_format', route.path)}"
            for method in getattr(route, "methods", None) or {"GET"}
        }
    return route_calls


def test_every_route_declares_its_scope_or_is_public() -> None:
    """No call is left out of the tables, and none stands in them twice."""
    files = {"/console/{name}", "/docs/{name}", "/static-offline-docs/{path}"}
    assert all(f"{path}/".startswith(PUBLIC_FILES) for path in files)
    public = {f"{method} {path}" for path in PUBLIC | files for method in ("GET", "HEAD")}
    public |= {f"POST {path}" for path in SIGNED}
    assert calls(app().routes) - public <= NEEDED.keys()
    assert not public & NEEDED.keys()
    assert {scope for route in NEEDED for scope in scopes_of(route, customer=True)} == set(Scope)


@pytest.mark.parametrize("settings", [{}, AUTHENTICATION])
async def test_a_route_that_declares_nothing_is_closed(settings: dict[str, str]) -> None:
    """A call that nobody declared is open to nobody, also where nobody is asked who they are."""
    application = app(**settings)

    @application.get("/forgotten")
    async def unguarded_route() -> None:
        """Answer."""

    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.get("/forgotten", headers=bearer(*SCOPES))
        assert (answer.status_code, answer.json()["detail"]) == (
            403,
            "GET /forgotten is open to nobody",
        )


async def test_a_call_that_is_not_there_is_none() -> None:
    """What is no call of ours is told so, to whoever may be told anything."""
    transport = httpx.ASGITransport(app(**AUTHENTICATION))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        for method, path, status, stranger in (
            ("GET", "/nowhere", 404, 401),
            ("DELETE", "/orders/a", 405, 401),
        ):
            assert (await http.request(method, path, headers=bearer())).status_code == status
            assert (await http.request(method, path)).status_code == stranger


async def test_a_saga_of_any_type_is_no_customers() -> None:
    """Its id may be anybody's, so no scope of a customer's token opens it."""
    transport = httpx.ASGITransport(app(**AUTHENTICATION))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.get("/sagas/order-7", headers=bearer(*SCOPES, customer="ann"))
        assert answer.status_code == 403
        assert "the shop's own people" in answer.json()["detail"]
        for path in ("/sagas/order-7", "/sagas/shop/order-7", "/sagas/shop%2Forder-7"):
            answer = await http.get(path, headers=bearer("orders:read"))
            assert answer.status_code == 403
            assert "saga:operate" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/static-offline-docs/../orders",
            "/console/../orders",
            "/console/../api.py",
            "/console/",
            "/console",
            "/console/a/b.js",
        ),
        *("/livez/", "//livez", "/docs/../orders", "/LIVEZ", "/orders?/livez"),
    ],
)
async def test_what_looks_public_is_not(path: str) -> None:
    """Only the public paths themselves are, however others are written."""
    answer_messages: list[Any] = []
    name, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": name,
        "query_string": query.encode(),
        "headers": [],
    }

    request_messages: list[Any] = [{"type": "http.request"}]

    async def receive() -> Any:
        if not request_messages:
            await asyncio.Event().wait()
        return request_messages.pop()

    async def send(message: Any) -> None:
        answer_messages.append(message)

    await app(**AUTHENTICATION)(scope, receive, send)
    assert answer_messages[0]["status"] in (401, 404)


def test_everybody_may_do_everything_where_nobody_is_asked() -> None:
    """Without authentication a caller has every scope and is no customer's.

    Nothing stands beside the name they give.
    """
    assert Caller() == Caller("", frozenset(Scope), None)
    assert Caller().signature_of("ann") == "ann"


def test_a_decision_names_the_token_it_came_with() -> None:
    """Nobody decides in another's name, however long; who gives their own is named once."""
    caller = Caller("s" * 128)
    assert Caller("till").signature_of("ann") == "ann (as till)"
    assert Caller("ann").signature_of("ann") == "ann"
    assert len(caller.signature_of("n" * 200)) <= 200


def test_a_decision_names_the_person_of_its_token() -> None:
    """By the token's name and its subject: the name need be neither unique nor true.

    Whoever gives another name is told from who has it by their token, and by the subject.
    """
    ann = Caller("8c1f", name="Ann Lee")
    assert [ann.own_name, ann.signature_of(ann.own_name)] == ["Ann Lee", "Ann Lee (8c1f)"]
    assert {ann.signature_of(name) for name in ("8c1f", "Ann Lee", "Ann Lee (8c1f)")} == {
        "Ann Lee (8c1f)"
    }
    assert ann.signature_of("Olga") == "Olga (as 8c1f)"
    assert Caller("till").own_name == "till"
    assert Caller("ann", name="ann").signature_of("ann") == "ann"


@pytest.mark.parametrize("name", ["Ann Lee", "Ann Lee (8c1f)", "8c1f", "Ann Lee (as 8c1f)"])
def test_whatever_a_token_calls_its_bearer_its_subject_stands_last(name: str) -> None:
    """A name that its bearer chose makes nobody of them but themselves."""
    mallory = Caller("m4", name=name)
    for by in (mallory.own_name, name, "m4", "Ann Lee", "Ann Lee (8c1f)"):
        assert mallory.signature_of(by).endswith(("(m4)", "(as m4)"))
    longest = Caller("s" * 128, name="n" * 200)
    assert len(longest.signature_of(longest.own_name)) <= 200


def test_a_refusal_names_the_scopes_that_would_do() -> None:
    """The one of the act, and each sum that holds it; in words and in the header."""
    with pytest.raises(Problem) as refusal:
        require(Caller("ann", frozenset({"orders:read"})), Scope.SETTLE, "settling")
    assert str(refusal.value) == (
        "settling needs a token with the scope saga:settle or saga:operate"
    )
    assert refusal.value.headers == {
        "WWW-Authenticate": 'Bearer error="insufficient_scope", scope="saga:settle saga:operate"'
    }


def test_the_sums_are_what_they_were() -> None:
    """A token that opened a route before there were scopes for each act opens it still."""
    whole = {Scope.WRITE: "POST /orders", Scope.OPERATE: "GET /sagas/{workflow_id}"}
    assert {scope: NEEDED[route] in SUMS[scope] for scope, route in whole.items()} == {
        Scope.WRITE: True,
        Scope.OPERATE: True,
    }
    assert set(Scope) == {Scope.READ, *SUMS, *(part for parts in SUMS.values() for part in parts)}
    for scope in FOR_STAFF:
        assert Caller("ann", frozenset(Scope)).has(scope)
        assert not Caller("ann", frozenset(Scope), "17850").has(scope)
