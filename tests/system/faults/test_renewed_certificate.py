"""Client certificates that live shortly and are renewed on disk, at a TLS front before Temporal."""

import ssl
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.certificates import Authority
from tests.every_story import only_with_every_story
from tests.proxy import Proxy, proxy
from tests.stack import Stack, order, until

pytestmark = pytest.mark.long

VALID_SECONDS = 30


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Temporal, and no part of ours yet."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_temporal()
        until(
            lambda: "SERVING" in system.temporal("operator", "cluster", "health", check=False),
            "the server answers",
        )
        yield system
    finally:
        system.stop()


@pytest.fixture
def authority(stack: Stack) -> Authority:
    """Whose certificates the front and the parts know."""
    return Authority(stack.data_dir)


@pytest.fixture
def front(stack: Stack, authority: Authority) -> Iterator[Proxy]:
    """A front that checks the certificate of each connection, as no session is resumed."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.issue("front"))
    tls.load_verify_locations(authority.path)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.num_tickets = 0
    tls.options |= ssl.OP_NO_TICKET
    tls.set_alpn_protocols(["h2"])
    with proxy(("127.0.0.1", stack.temporal_port), tls) as front:
        yield front


@only_with_every_story
def test_a_certificate_that_was_renewed_is_read_again(
    stack: Stack, authority: Authority, front: Proxy
) -> None:
    """With an expired one the API says 503; once it is renewed API and worker go on.

    No restart is needed.
    """
    start = time.monotonic()
    certificate, key = authority.issue("client", timedelta(seconds=VALID_SECONDS))
    stack.env |= {
        "TEMPORAL_ADDRESS": f"127.0.0.1:{front.port}",
        "TEMPORAL_TLS": "true",
        "TEMPORAL_TLS_CLIENT_CERT_PATH": str(certificate),
        "TEMPORAL_TLS_CLIENT_KEY_PATH": str(key),
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(authority.path),
    }
    stack.start_worker()
    stack.start("api", "api.py")
    stack.ready("workers")
    until(lambda: stack.status("/readyz") == 200, "the API is ready")
    processes = [stack.processes[name] for name in ("workers", "api")]

    time.sleep(max(0.0, start + VALID_SECONDS + 1 - time.monotonic()))  # until it has run out
    front.cut()
    until(lambda: stack.status("/readyz") == 503, "the API is not ready", 10)
    until(
        lambda: "no work comes from Temporal: " in stack.log_text("workers"), "the worker says so"
    )
    assert stack.place(order(order_id="run-out")).status_code == 503

    authority.issue("client")
    until(lambda: stack.status("/readyz") == 200, "the API is ready again")
    assert stack.place(order(order_id="renewed"), Prefer="wait=30").json()["state"] == "COMPLETED"
    assert [process.poll() for process in processes] == [None, None]
    assert "Traceback" not in stack.log_text("workers") + stack.log_text("api")
