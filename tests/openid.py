"""An OpenID provider on loopback that signs people in as strictly as the protocol allows.

It takes each code and each refresh token once, and a code with its PKCE verifier alone (RFC 7636);
its tokens are JWTs. A test may let it refuse, hang or answer rubbish.
"""

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt

from tests.issuer import RSA, jwk

KEY_ID = "provider-1"
CLIENT_ID = "console"
AUDIENCE = "order-saga"
ASKED_FOR = ("client_id", "redirect_uri", "response_type", "scope", "state", "nonce")
CHALLENGE = ("code_challenge", "code_challenge_method")

Fields = dict[str, str]


class Provider:
    """Signs `people` in: by their `sub`, the claims that their tokens have."""

    def __init__(self, people: dict[str, dict[str, Any]]) -> None:
        self.people = people
        self.seconds = 600
        self.gives_refresh_tokens = True
        self.faults: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.id_claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.requests: list[tuple[str, Fields]] = []
        self._grants: dict[str, Fields] = {}
        self._refreshes: dict[str, Fields] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self.server.shutdown()
        self.server.server_close()

    def revoke(self) -> None:
        """Renew nobody's token any more."""
        self._refreshes.clear()

    def calls(self, path: str) -> list[Fields]:
        """Return what was asked for at a path."""
        return [fields for name, fields in self.requests if name == path]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer(self, dict(parse_qsl(urlsplit(self.path).query)))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                assert all(len(values) == 1 for values in parse_qs(body).values())
                provider.answer(self, dict(parse_qsl(body)))

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def answer(self, handler: BaseHTTPRequestHandler, fields: Fields) -> None:
        """Answer a request, or do what the test has put in place of the answer."""
        path = urlsplit(handler.path).path
        self.requests.append((path, fields))
        answers = {
            "/.well-known/openid-configuration": lambda: self._discover(handler),
            "/keys": lambda: send(handler, {"keys": [jwk(RSA, KEY_ID)]}),
            "/authorize": lambda: self._ask(handler, fields),
            "/login": lambda: self._login(handler, fields),
            "/token": lambda: self._give(handler, fields),
            "/logout": lambda: go(handler, fields["post_logout_redirect_uri"]),
        }
        try:
            if fault := self.faults.get(path):
                fault(handler)
            else:
                answers.get(path, lambda: send(handler, {}, HTTPStatus.NOT_FOUND))()
        except OSError:  # whoever asked has hung up
            handler.close_connection = True

    def _discover(self, handler: BaseHTTPRequestHandler) -> None:
        addresses = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "end_session_endpoint": "logout",
            "jwks_uri": "keys",
        }
        metadata = {name: f"{self.issuer}/{path}" for name, path in addresses.items()} | {
            "issuer": self.issuer,
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        send(handler, metadata | self.metadata)

    def _ask(self, handler: BaseHTTPRequestHandler, fields: Fields) -> None:
        """Show a page where a person signs in, or refuses to."""
        assert all(fields.get(name) for name in (*ASKED_FOR, *CHALLENGE)), fields
        assert (fields["response_type"], fields["code_challenge_method"]) == ("code", "S256")
        assert fields["client_id"] == CLIENT_ID
        links = "".join(
            f'<a href="/login?{html.escape(urlencode(fields | {"person": person}))}">{name}</a> '
            for person, name in [*((sub, sub) for sub in self.people), ("", "refuse")]
        )
        send(handler, f"<!doctype html><title>Provider</title>{links}".encode())

    def _login(self, handler: BaseHTTPRequestHandler, fields: Fields) -> None:
        answer = {"state": fields["state"], "iss": self.issuer}
        if fields.get("person"):
            answer["code"] = secrets.token_urlsafe(16)
            self._grants[answer["code"]] = fields
        else:
            answer |= {"error": "access_denied", "error_description": "ann said no"}
        go(handler, f"{fields['redirect_uri']}?{urlencode(answer)}")

    def _give(self, handler: BaseHTTPRequestHandler, fields: Fields) -> None:
        is_renewal = fields["grant_type"] == "refresh_token"
        grants = self._refreshes if is_renewal else self._grants
        grant = grants.pop(fields["refresh_token" if is_renewal else "code"], None)
        is_proven = grant is not None and (is_renewal or is_answer(fields, grant))
        if grant is None or not is_proven or fields["client_id"] != CLIENT_ID:
            send(handler, {"error": "invalid_grant"}, HTTPStatus.BAD_REQUEST)
            return
        person = {"sub": grant["person"], **self.people[grant["person"]]}
        answer = {
            "token_type": "Bearer",
            "expires_in": self.seconds,
            "access_token": self.sign(AUDIENCE, person),
            "id_token": self.sign(
                CLIENT_ID, {"sub": person["sub"], "nonce": grant["nonce"], **self.id_claims}
            ),
        }
        if self.gives_refresh_tokens:
            answer["refresh_token"] = refresh_token = secrets.token_urlsafe(16)
            self._refreshes[refresh_token] = grant
        send(handler, answer)

    def sign(self, audience: str, claims: dict[str, Any]) -> str:
        """Return a token of this provider."""
        now = int(time.time())
        base = {"iss": self.issuer, "aud": audience, "iat": now, "exp": now + self.seconds}
        return jwt.encode(base | claims, RSA, "RS256", {"kid": KEY_ID})


def is_answer(fields: Fields, grant: Fields) -> bool:
    """Tell whether who brings a code is who has begun the sign-in."""
    digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    is_same_place = fields["redirect_uri"] == grant["redirect_uri"]
    return is_same_place and challenge == grant["code_challenge"]


def send(handler: BaseHTTPRequestHandler, content: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
    """Answer with JSON that pages of any origin may read, or with a page."""
    is_page = isinstance(content, bytes)
    body = content if is_page else json.dumps(content).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "text/html" if is_page else "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("Access-Control-Allow-Origin", "*")
    handler.end_headers()
    handler.wfile.write(body)


def go(handler: BaseHTTPRequestHandler, address: str) -> None:
    """Send the browser to an address."""
    handler.send_response(HTTPStatus.SEE_OTHER)
    handler.send_header("Location", address)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
