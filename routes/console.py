"""The console: static files that any browser may have.

What they show they ask of the API, as whoever looks at them.
"""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from config import Settings
from contracts.base import MAX_TOTAL_MINOR
from contracts.money import MINOR_DIGITS, MOST_CURRENCIES_HAVE, UNUSUAL
from contracts.placing import PlaceOrder
from contracts.text import REFUSED
from routes.operations import ACT_NAMES

FOLDER = Path(__file__).parent.parent / "console"
PAGE = "index.html"

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
NAME = re.compile(rf"(vendor/)?[a-z][a-z0-9]*({'|'.join(map(re.escape, MEDIA_TYPES))})")
"""The files that there may be; no other path is looked for."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{origins}; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""What the page may do: nothing but run its own files, ask this server and, at the `origins`, who
signs people in, and never turn text into markup or code."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Kept, and asked for again by its ETag: the modules of two releases must not meet.
    "Cache-Control": "no-cache",
}


def _limits() -> dict[str, dict[str, Any]]:
    """Return by field of an order, or of a line of it, what the field must be."""
    schema = PlaceOrder.model_json_schema()
    fields = schema["properties"] | schema["$defs"]["OrderLine"]["properties"]
    kinds = ("pattern", "description", "minimum", "maximum", "maxItems", "default")
    fields["order_id"] = fields["customer_id"]  # without the null that stands for a new one
    return {
        name: {kind: field[kind] for kind in kinds if kind in field}
        for name, field in fields.items()
    }


TABLE_MODULES = {
    "actnames.js": f"""/**
 * What the log of operations may be about, by the table of routes/operations.py.
 */
export const ACT_NAMES = {json.dumps(ACT_NAMES)};
""",
    "currencies.js": f"""/**
 * How currencies are divided, by the table of contracts/money.py.
 */
export const UNUSUAL = {json.dumps(UNUSUAL)};
export const MOST_CURRENCIES_HAVE = {MOST_CURRENCIES_HAVE};
export const IN_USE = {json.dumps(sorted(MINOR_DIGITS))};
""",
    "limits.js": f"""/**
 * What the fields of an order must be, by contracts/placing.py.
 */
export const LIMITS = {json.dumps(_limits())};
export const MAX_TOTAL_MINOR = {MAX_TOTAL_MINOR};
""",
    "unseen.js": f"""/**
 * The signs that act or hide without being seen, by the table of contracts/text.py.
 */
export const REFUSED = new RegExp({json.dumps(REFUSED.pattern)}, "gu");
""",
}
"""Modules made out of what the services know, so that there is no second table of it."""

router = APIRouter(include_in_schema=False)


class Console(NamedTuple):
    """The console as one app serves it."""

    policy: str
    modules: Mapping[str, str]


def console_for(settings: Settings) -> Console:
    """Return the console that knows where people sign in, by the settings."""
    origins = settings.sign_in_origins
    provider = {
        "issuer": settings.sign_in_issuer,
        "clientId": settings.oidc_client_id,
        "scope": settings.oidc_scope,
        "audience": settings.oidc_audience,
        "resource": settings.oidc_resource,
        "origins": origins,
    }
    module = f"""/**
 * Where people sign in, by the API's settings: null where they paste a token; and the claims of a
 * token that name its bearer.
 */
export const PROVIDER = {json.dumps(provider if origins else None)};
export const NAME_CLAIMS = {json.dumps(settings.name_claims)};
"""
    policy = POLICY.format(origins="".join(f" {origin}" for origin in origins))
    return Console(policy, TABLE_MODULES | {"provider.js": module})


@router.get("/")
@router.get("/console/{name:path}")
def console(request: Request, name: str = PAGE) -> Response:
    """Return a file of the console, or 304 to whoever has it."""
    app_console: Console = request.app.state.console
    content = _read(name, app_console.modules)
    etag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = HEADERS | {"Content-Security-Policy": app_console.policy, "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, headers=headers, media_type=MEDIA_TYPES[Path(name).suffix])


def _read(name: str, modules: Mapping[str, str]) -> bytes:
    """Return the content of a file of the console.

    Raises:
        HTTPException: 404, there is no such file.
    """
    if name in modules:
        return modules[name].encode()
    try:
        if NAME.fullmatch(name):
            return (FOLDER / name).read_bytes()
    except FileNotFoundError:
        pass
    raise HTTPException(HTTPStatus.NOT_FOUND)
