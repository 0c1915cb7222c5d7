"""`python -m operations.mcp`: serves assistants on standard input and output.

It has the tools of `/mcp`, and asks the API at `API_URL` (on this machine when that is empty), as
the bearer of `API_TOKEN`.
"""

import asyncio
import signal
from urllib.parse import urlsplit

import httpx
from mcp.server.stdio import stdio_server

from config import LOOPBACK, Settings, read_settings
from operations.up import readiness
from routes.assistants.calls import ApiCalls
from routes.assistants.server import NAME, VERSION, build_server

HEADERS = {"User-Agent": f"{NAME}-mcp/{VERSION}", "X-Door": "mcp"}
"""So the log of operations says that an assistant asks."""


def main() -> int:
    """Serve until the input ends; return the exit code.

    Ctrl-C ends it at once, as SIGTERM does: there is nothing to put in order, and the thread that
    reads the input would be waited for until that ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(_serve(read_settings()))
    return 0


async def _serve(settings: Settings) -> None:
    url = settings.api_url or readiness.api_url(settings)
    token = settings.api_token.get_secret_value()
    headers = HEADERS | ({"Authorization": f"Bearer {token}"} if token else {})
    trust_env = urlsplit(url).hostname not in LOOPBACK
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=trust_env) as http:
        server = build_server(ApiCalls(http, _always, has_token=token != ""))
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


def _always(_route: str) -> bool:
    """Offer every tool: what the token allows, the API says when it is asked."""
    return True
