"""Who may do what: a token is read before all else, and each route is open to its scopes alone."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from application.caller import FOR_STAFF, Caller, Scope, scopes_for
from routes.middleware import Middleware
from routes.origin import origin_of
from routes.problems import Problem, answer, declare

PUBLIC = frozenset(
    {
        *("/", "/livez", "/readyz", "/metrics"),
        *("/docs", "/docs/oauth2-redirect", "/openapi.json", "/llms.txt"),
    }
)
PUBLIC_FILES = ("/console/", "/static-offline-docs/", "/docs/")
SIGNED = frozenset({"/webhooks/cards"})
"""What comes here says by its signature who sends it, and needs no token."""

NEEDED: Mapping[str, Scope] = {
    "POST /orders": Scope.PLACE,
    "GET /orders": Scope.READ,
    "GET /orders.csv": Scope.READ,
    "GET /orders.json": Scope.READ,
    "GET /events": Scope.READ,
    "GET /overview": Scope.READ,
    "GET /overview/closed": Scope.READ,
    "GET /steps": Scope.READ,
    "GET /orders/{order_id}": Scope.READ,
    "GET /orders/{order_id}/events": Scope.READ,
    "POST /orders/{order_id}/cancel": Scope.CANCEL,
    "POST /orders/{order_id}/approve": Scope.APPROVE,
    "POST /orders/{order_id}/reject": Scope.REJECT,
    "POST /orders/{order_id}/place-again": Scope.PLACE_AGAIN,
    "POST /orders/{order_id}/steps/{step}/retry": Scope.RETRY,
    "POST /orders/{order_id}/steps/{step}/settle": Scope.SETTLE,
    "GET /sagas/{workflow_id}": Scope.READ_SAGAS,
    "GET /operations": Scope.READ_OPERATIONS,
    "POST /batch-operations/preview": Scope.RUN_BATCHES,
    "POST /batch-operations": Scope.RUN_BATCHES,
    "GET /batch-operations": Scope.RUN_BATCHES,
    "GET /batch-operations/{batch_id}": Scope.RUN_BATCHES,
    "GET /batch-operations/{batch_id}/results": Scope.RUN_BATCHES,
    "POST /batch-operations/{batch_id}/stop": Scope.RUN_BATCHES,
    "POST /mcp": Scope.READ,  # what its tools call needs its own scope
    "GET /stock/{sku}": Scope.READ,
    "GET /customers/{customer_id}/wallet": Scope.READ,
    "POST /stock": Scope.STOCK,
    "PUT /stock/{sku}": Scope.STOCK,
    "POST /stock/{sku}/movements": Scope.STOCK,
    "POST /customers": Scope.WALLETS,
    "PUT /customers/{customer_id}/wallet": Scope.WALLETS,
    "POST /customers/{customer_id}/deposits": Scope.WALLETS,
}
"""By route: the scope that opens it, as does each sum that holds it (`application/caller.py`). What
stands neither here nor in PUBLIC or SIGNED is closed to everybody."""


async def caller_of(request: Request) -> Caller:
    """Return who makes this request."""
    caller: Caller = request.state.caller
    return caller


def scopes_of(route: str, *, customer: bool) -> list[Scope]:
    """Return the scopes of which each opens a route; none when it is closed."""
    return scopes_for(NEEDED[route], customer=customer) if route in NEEDED else []


def opens(caller: Caller, route: str) -> bool:
    """Tell whether a caller may call a route, like `GET /orders`."""
    return route in NEEDED and caller.has(NEEDED[route])


async def gate(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> None:
    """Let a caller through to a route.

    Raises:
        Problem: 403, the token does not open the route.
    """
    if is_public(request.url.path):
        return
    route = f"{request.method} {request.scope['route'].path_format}"
    scope = NEEDED.get(route)
    if scope is None:
        raise forbidden(f"{route} is open to nobody", challenge=insufficient())
    if caller.customer_id is not None and scope in FOR_STAFF:
        raise forbidden(f"{route} is for the shop's own people, whatever a customer's token allows")
    require(caller, scope, route)


def require(caller: Caller, scope: Scope, what: str) -> None:
    """Let a caller do something.

    Args:
        caller: who asks.
        scope: what they need.
        what: what is asked for, as a sentence begins with it.

    Raises:
        Problem: 403, the token does not allow it.
    """
    if caller.has(scope):
        return
    scopes = scopes_for(scope, customer=caller.customer_id is not None)
    raise forbidden(
        f"{what} needs a token with the scope {' or '.join(scopes)}",
        challenge=insufficient(*scopes),
    )


def insufficient(*scopes: Scope) -> str:
    """Return the challenge to a caller whose token has none of these scopes."""
    return f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'


def is_public(path: str) -> bool:
    """Tell whether a path is open to everybody."""
    return path in PUBLIC or path in SIGNED or path.startswith(PUBLIC_FILES)


def forbidden(why: str, *, challenge: str | None = None) -> Problem:
    """Return the problem of a caller who is known and may not do this."""
    headers = {"WWW-Authenticate": challenge} if challenge else None
    return Problem(HTTPStatus.FORBIDDEN, "forbidden", why, headers=headers)


def unauthorized(why: str, *, challenge: str = "Bearer") -> Problem:
    """Return the problem of a caller who does not say, or not credibly, who they are."""
    return Problem(
        HTTPStatus.UNAUTHORIZED, "unauthorized", why, headers={"WWW-Authenticate": challenge}
    )


class Authentication(Middleware):
    """Finds who makes a request, before anything of its body is read."""

    def __init__(
        self,
        app: ASGIApp,
        read: Callable[[str], Awaitable[Caller]] | None,
        limit_rate: Callable[[ASGIApp], ASGIApp],
    ) -> None:
        """Stand before `app`.

        Args:
            app: what is asked.
            read: returns whom a token names, or raises a Problem; None when nobody is asked, and
                everybody may do everything.
            limit_rate: lets an answer through only so often: whoever is turned away has no name but
                their address.
        """
        super().__init__(app)
        self._read = read
        self._limit_rate = limit_rate

    async def serve(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller, or answer 401."""
        app = self._app
        state = scope.setdefault("state", {})
        try:
            caller = await self._caller(scope)
            state["caller"] = replace(caller, origin=origin_of(scope))
        except Problem as problem:
            state["caller"] = Caller(scopes=frozenset())
            app = self._limit_rate(answer(problem))
        await app(scope, receive, send)

    async def _caller(self, scope: Connection) -> Caller:
        if self._read is None:
            return Caller()
        if is_public(scope["path"]):
            return Caller(scopes=frozenset())
        headers = Headers(scope=scope).getlist("authorization")
        kind, _, token = (headers[0] if len(headers) == 1 else "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise unauthorized(
                "say who you are: send one Authorization header, with a bearer token"
            )
        return await self._read(token.strip())


def add_to_openapi(document: dict[str, Any]) -> None:
    """Tell in an OpenAPI document what opens each of its calls, and how callers are turned away."""
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            if scopes := scopes_of(f"{method.upper()} {path}", customer=True):
                call["security"] = [{"token": [scope]} for scope in scopes]
                declare(call, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
