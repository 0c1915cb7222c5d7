"""An issuer of tokens that publishes its keys over HTTP, as well or as badly as a test wants."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.stack import free_port

RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
RSA_NEXT = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, kid: str | None) -> dict[str, Any]:
    """Return a key as its issuer publishes it."""
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    read: Callable[..., dict[str, Any]] = RSAAlgorithm.to_jwk if is_rsa else ECAlgorithm.to_jwk
    name = {} if kid is None else {"kid": kid}
    return {**name, "use": "sig", **read(key.public_key(), as_dict=True)}


class Issuer:
    """Publishes keys on loopback; what it answers, and how often it was asked, can be seen."""

    def __init__(self) -> None:
        self.keys: Any = {"keys": []}
        self.requests_seen = 0
        self.answers: Callable[[BaseHTTPRequestHandler], None] = self.publish
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests_seen += 1
                try:
                    issuer.answers(self)
                except OSError:  # whoever asked has hung up
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def publish(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer with the keys."""
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(
            self.keys if isinstance(self.keys, bytes) else json.dumps(self.keys).encode()
        )

    def stop(self) -> None:
        """Answer nobody any more."""
        self.server.shutdown()
        self.server.server_close()


def nobody() -> str:
    """Return the URL of keys that nobody serves."""
    return f"http://127.0.0.1:{free_port()}/keys"
