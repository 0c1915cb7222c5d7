"""Where a request comes from, as the log of operations notes it."""

from starlette.datastructures import Headers
from starlette.types import Scope

from application.caller import Origin
from contracts.operations import MOST_OF_AN_AGENT, Door
from contracts.text import beginning_of, printable

DOOR_HEADER = "x-door"
"""By which the console says that it is the console. Anybody else can say so, too."""

MCP_PATH = "/mcp"


def origin_of(scope: Scope) -> Origin:
    """Return where a request comes from."""
    headers = Headers(scope=scope)
    door = Door.HTTP
    if scope["path"].startswith(MCP_PATH):
        door = Door.MCP
    elif headers.get(DOOR_HEADER) == Door.CONSOLE:
        door = Door.CONSOLE
    agent = beginning_of(printable(headers.get("user-agent", "")), MOST_OF_AN_AGENT)
    address, _ = scope.get("client") or (None, 0)
    return Origin(door, address, agent or None)
