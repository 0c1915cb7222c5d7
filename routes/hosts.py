"""Under which names the API answers, and to which pages: a browser shall not carry strangers in.

Where nobody is asked who they are, loopback alone keeps nobody out: a page that its owner lets
resolve to 127.0.0.1 (DNS rebinding) asks from the user's own browser. What it cannot hide is its
name, in `Host` and in `Origin`.
"""

import re
from collections.abc import Collection
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from config import LOOPBACK
from routes.access import forbidden
from routes.middleware import Middleware
from routes.problems import Problem, answer, declare

METHODS = ("GET", "HEAD", "POST", "PUT")
ALLOWED_HEADERS = (
    *("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Prefer"),
    *("MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"),  # an assistant in a page
)
EXPOSED_HEADERS = ("Location", "Preference-Applied", "Retry-After", "WWW-Authenticate")
PREFLIGHT_SECONDS = 600
"""So long a browser need not ask again whether it may ask."""

AUTHORITY = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{0,5}))?", re.ASCII)
ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#@]+)", re.ASCII)
USUAL_PORTS = ("", "80", "443")


class Hosts(Middleware):
    """Turns away who asks for another host than this, or for a page of another host."""

    def __init__(
        self, app: ASGIApp, api_host: str, names: Collection[str], origins: Collection[str]
    ) -> None:
        """Stand before `app`.

        Args:
            app: what is asked.
            api_host: what the API binds to; beyond loopback, any address and any name without a dot
                is ours as well, such as a container's: no page of the world's can have such a name.
            names: further names of ours, on any port.
            origins: of pages that may ask, like https://shop.example.org.
        """
        super().__init__(app)
        self._beyond_loopback = api_host not in LOOPBACK
        self._names = {_name(name) for name in (*names, api_host)}
        self._proxy_names = {_name(name) for name in names}
        self._origins = frozenset(origins)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421 or 403.

        It may name another host, or come from a page of another.
        """
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0].lower()):
            why = (
                "this API does not answer under the name of that host; "
                "if it is one of its own, name it in API_HOSTS"
            )
            raise Problem(HTTPStatus.MISDIRECTED_REQUEST, "misdirected", why)
        origins = headers.getlist("origin")
        if any(not self._may_ask(origin, hosts[0].lower()) for origin in origins) or (
            not origins and _is_fetched_by_another_site(headers)
        ):
            why = (
                "pages of that origin may not use this API; "
                "if they shall, name it in API_CORS_ORIGINS"
            )
            raise forbidden(why)
        await self._app(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        if not (origin_parts := AUTHORITY.fullmatch(host)):
            return False
        name = _name(origin_parts["name"])
        if name == "localhost" or name in self._names:
            return True
        address = _address(name)
        if address is None:
            return self._beyond_loopback and "." not in name
        return self._beyond_loopback or address.is_loopback

    def _may_ask(self, origin: str, host: str) -> bool:
        """Tell whether an origin is the host that is asked, or one that a setting names."""
        if origin in self._origins:
            return True
        parts = ORIGIN.fullmatch(origin.lower())
        page = AUTHORITY.fullmatch(parts["authority"]) if parts else None
        target = AUTHORITY.fullmatch(host)
        if page is None or target is None:
            return False
        is_same = _name(page["name"]) == _name(target["name"]) and _port(page["port"]) == _port(
            target["port"]
        )
        return is_same or _name(page["name"]) in self._proxy_names


def _name(host: str) -> str:
    """Return a host's name, or its address in its usual form."""
    name = host.lower().strip("[]").removesuffix(".")
    address = _address(name)
    return name if address is None else str(address)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _port(port: str | None) -> str:
    """Return a port; "" for the usual ones, as a proxy in between may have ended the encryption."""
    return "" if (port or "") in USUAL_PORTS else str(port)


def _is_fetched_by_another_site(headers: Headers) -> bool:
    """Tell whether another site's page has a browser fetch this, as an image or a script.

    A link that is followed is none.
    """
    site = headers.get("sec-fetch-site")
    mode = headers.get("sec-fetch-mode")
    return site == "cross-site" and mode != "navigate"


def add_to_openapi(document: dict[str, Any]) -> None:
    """Tell in an OpenAPI document how requests for other hosts, or by their pages, are answered."""
    for calls in document["paths"].values():
        for call in calls.values():
            declare(call, HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST)


class Cors(CORSMiddleware):
    """Lets pages of these origins use the API from a browser.

    Credentials are tokens that they send, never cookies.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        """Stand before `app`, and before whatever asks for a token or counts.

        A preflight has none, and is none of theirs.
        """
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=ALLOWED_HEADERS,
            allow_credentials=False,
            allow_private_network=False,
            expose_headers=EXPOSED_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer whether a page may ask; if not, 403."""
        response = super().preflight_response(request_headers)
        if response.status_code == HTTPStatus.OK:
            return response
        return answer(forbidden(f"{bytes(response.body).decode()}; see API_CORS_ORIGINS"))
