"""One exchange of the Model Context Protocol over HTTP.

It is stateless: what was asked before is not remembered, so any API process answers any request,
and nothing is left of one whose caller is gone.
"""

from functools import partial

import httpx
from fastapi import FastAPI, Response
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Receive, Scope, Send

from application.caller import Caller
from routes.access import opens
from routes.assistants.calls import ApiCalls
from routes.assistants.server import build_server

HANDED_ON = ("app", "state", "client", "starlette.exception_handlers", "fastapi_middleware_astack")
"""What a call within a call has of the outer one: its caller, and how errors are answered."""


class Exchange(Response):
    """Answers one request, as whoever made it.

    Its tools call the routes of the same app, behind what the outer request has passed: it was
    authenticated and counted once.
    """

    def __init__(self, app: FastAPI, caller: Caller) -> None:
        super().__init__()
        self._app = app
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; its work ends with it."""
        outer = {name: scope[name] for name in HANDED_ON}

        async def call_route(scope: Scope, receive: Receive, send: Send) -> None:
            inner = {**scope, **outer, "state": dict(outer["state"])}
            await self._app.router(inner, receive, send)

        transport = httpx.ASGITransport(call_route)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            may_call = partial(opens, self._caller)
            api_calls = ApiCalls(http, may_call, has_token=self._caller.own_name != "")
            server = build_server(api_calls)
            manager = StreamableHTTPSessionManager(
                server,
                json_response=True,
                stateless=True,
                # routes/hosts.py has looked at Host and Origin, by the settings of the API.
                security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
            )
            async with manager.run():
                await manager.handle_request(scope, receive, send)
