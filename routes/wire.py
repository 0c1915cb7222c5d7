"""What HTTP/1.1 says of a request's form before anybody looks at what it asks (RFC 9112)."""

import re
from http import HTTPStatus
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from routes.middleware import Middleware
from routes.problems import Problem

ABSOLUTE = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE | re.DOTALL)

TWO_ENDS = frozenset({b"content-length", b"transfer-encoding"})


class Wire(Middleware):
    """Reads a request's target in each of its forms, and refuses a body that has two ends.

    It stands before whatever looks at a path or a host.
    """

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400 and end the connection."""
        if TWO_ENDS.issubset(name for name, _ in scope["headers"]):
            # Who stands between may have gone by the other one, and take the rest for a request.
            why = "a request has a Content-Length or a Transfer-Encoding, and not both"
            headers = {"Connection": "close"}
            raise Problem(HTTPStatus.BAD_REQUEST, "not-http", why, headers=headers)
        await self._app(_in_origin_form(scope), receive, send)


def _in_origin_form(scope: Scope) -> Scope:
    """Return a request as if its target were a path; the host in a whole address is what counts."""
    absolute = ABSOLUTE.fullmatch(scope.get("raw_path") or b"")
    if absolute is None:
        return scope
    host = absolute[1]
    path = absolute[2] or b"/"
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return {
        **scope,
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "headers": [(b"host", host), *headers],
    }
