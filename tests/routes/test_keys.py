import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import jwt
import pytest

from config import Settings
from routes.key_download import DOWNLOAD_SECONDS, MOST_BYTES
from routes.key_set import MOST_KEYS
from routes.keys import AGAIN_AFTER_SECONDS, FRESH_SECONDS, KEPT_SECONDS
from routes.problems import Problem
from routes.tokens import Tokens
from tests.issuer import EC, RSA, RSA_NEXT, Issuer, jwk, nobody
from tests.tokens import AUDIENCE, ISSUER, claims


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer with one key, named `a`."""
    running = Issuer()
    running.keys = {"keys": [jwk(RSA, "a")]}
    yield running
    running.stop()


def checks(clock: Clock, url: str) -> Tokens:
    """Return what believes the tokens of who publishes keys there."""
    return Tokens(Settings(auth_jwks_url=url, auth_issuer=ISSUER, auth_audience=AUDIENCE), clock)


def token(key: Any = RSA, kid: str | None = "a") -> str:
    return jwt.encode(claims(), key, "RS256", {} if kid is None else {"kid": kid})


async def status_and_reason(tokens: Tokens, token: str) -> tuple[int, str]:
    """Return how a caller with this token fares, and why."""
    try:
        await tokens.caller(token)
    except Problem as problem:
        return problem.document.status, problem.document.detail
    return 200, ""


async def status(tokens: Tokens, token: str) -> int:
    return (await status_and_reason(tokens, token))[0]


async def test_who_names_a_known_key_does_not_wait_for_who_names_another(
    issuer: Issuer, clock: Clock
) -> None:
    """Callers with a good key are served while the issuer does not answer.

    It is asked for a key that is not known.
    """
    tokens = checks(clock, issuer.url)
    assert await status(tokens, token()) == 200
    clock.now += AGAIN_AFTER_SECONDS
    is_asked = asyncio.Event()
    may_answer = threading.Event()
    loop = asyncio.get_running_loop()

    def hold(_: BaseHTTPRequestHandler) -> None:
        loop.call_soon_threadsafe(is_asked.set)
        may_answer.wait(10 * DOWNLOAD_SECONDS)

    issuer.answers = hold
    waiting = asyncio.create_task(status(tokens, token(kid="unknown")))
    await is_asked.wait()
    assert [await status(tokens, token()) for _ in range(20)] == [200] * 20
    assert not waiting.done()
    may_answer.set()
    assert await waiting == 503


async def test_keys_serve_for_an_hour_without_their_issuer(issuer: Issuer, clock: Clock) -> None:
    """With the issuer gone a known key is believed for an hour from when it was read.

    Then nobody knows.
    """
    tokens = checks(clock, issuer.url)
    assert await status(tokens, token()) == 200
    issuer.stop()
    for clock.now in (FRESH_SECONDS + 1, FRESH_SECONDS + 10, KEPT_SECONDS):
        assert await status(tokens, token()) == 200
        await asyncio.sleep(0.05)
    clock.now = KEPT_SECONDS + 1
    assert await status(tokens, token()) == 503


async def test_a_new_key_is_believed_at_once(issuer: Issuer, clock: Clock) -> None:
    """A token with a key published a moment ago is believed, or told to come again.

    It is never refused for that.
    """
    tokens = checks(clock, issuer.url)
    assert await status(tokens, token()) == 200
    issuer.keys = {"keys": [jwk(RSA_NEXT, "b")]}
    with pytest.raises(Problem) as problem:
        await tokens.caller(token(RSA_NEXT, "b"))
    assert (problem.value.document.status, problem.value.headers) == (
        503,
        {"Retry-After": str(AGAIN_AFTER_SECONDS)},
    )
    clock.now += AGAIN_AFTER_SECONDS
    assert await status(tokens, token(RSA_NEXT, "b")) == 200
    assert await status(tokens, token()) == 503
    clock.now += AGAIN_AFTER_SECONDS
    assert await status(tokens, token()) == 401


async def test_a_withdrawn_key_is_not_believed_for_long(issuer: Issuer, clock: Clock) -> None:
    """Keys are read again while they serve; one no longer published stops being believed."""
    tokens = checks(clock, issuer.url)
    assert await status(tokens, token()) == 200
    issuer.keys = {"keys": [jwk(RSA_NEXT, "b")]}
    clock.now += FRESH_SECONDS + 1
    assert await status(tokens, token()) == 200
    await _until_asked(issuer, 2)
    assert await status(tokens, token(RSA_NEXT, "b")) == 200
    assert await status(tokens, token()) == 503


async def _until_asked(issuer: Issuer, times: int) -> None:
    async with asyncio.timeout(5):
        while issuer.requests_seen < times:  # noqa: ASYNC110  # it lives in a thread of its own
            await asyncio.sleep(0.01)


async def test_the_issuer_is_asked_by_one_at_a_time(issuer: Issuer, clock: Clock) -> None:
    """A hundred callers who come at once, and know no key, ask once."""
    tokens = checks(clock, issuer.url)
    assert await asyncio.gather(*(status(tokens, token()) for _ in range(100))) == [200] * 100
    assert issuer.requests_seen == 1


GARBAGE: list[Any] = [
    None,
    7,
    "key",
    [],
    {},
    {"kty": "?"},
    {"kty": ["RSA"], "kid": "c"},
    {"kty": "RSA", "kid": {"a": 1}},
    {"kty": "RSA", "kid": "d", "n": "!", "e": "AQAB"},
    {"kty": "RSA", "kid": "e", "n": 7, "e": None},
    {"kty": "oct", "kid": "f", "k": "c2VjcmV0"},
    {"kty": "EC", "kid": "g", "crv": "P-999", "x": "", "y": ""},
    {**jwk(RSA_NEXT, "h"), "use": "enc"},
    {**jwk(RSA_NEXT, "i"), "alg": "RS512"},
    jwk(EC, "j"),
]


async def test_bad_keys_do_not_cost_the_good_one(issuer: Issuer, clock: Clock) -> None:
    """Whatever stands beside it, a good key serves.

    Keys for something else sign no token of ours.
    """
    issuer.keys = {"keys": [*GARBAGE, jwk(RSA, "a"), *GARBAGE]}
    tokens = checks(clock, issuer.url)
    assert await status(tokens, token()) == 200
    for kid in "hij":
        assert await status_and_reason(tokens, token(RSA_NEXT, kid)) == (
            *(401, "the token was signed with a key that its issuer publishes for something else"),
        )


async def test_hundreds_of_keys_are_read(issuer: Issuer, clock: Clock) -> None:
    """As many as 1,000 may be published."""
    issuer.keys = {"keys": [*(jwk(RSA_NEXT, f"k{n}") for n in range(MOST_KEYS - 1)), jwk(RSA, "a")]}
    tokens = checks(clock, issuer.url)
    assert [
        await status(tokens, token(*key_and_id)) for key_and_id in ((RSA, "a"), (RSA_NEXT, "k700"))
    ] == [
        200,
        200,
    ]
    issuer.keys["keys"].append(jwk(RSA, "b"))
    clock.now += FRESH_SECONDS + 1
    assert await status(tokens, token(kid="b")) == 503


def redirecting(issuer: Issuer) -> Any:
    """Publish at once what is asked for elsewhere."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/elsewhere":
            issuer.publish(handler)
        else:
            handler.send_response(302)
            handler.send_header("Location", "/elsewhere")
            handler.end_headers()

    return answer


def never_ending(handler: BaseHTTPRequestHandler) -> None:
    """Send a body that has no end, bit by bit."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        time.sleep(0.05)


def never_beginning(handler: BaseHTTPRequestHandler) -> None:
    """Send a head that has no end, bit by bit."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.05)


def huge(handler: BaseHTTPRequestHandler) -> None:
    """Send more than is read."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b" " * (MOST_BYTES + 1) + b"{}")


def failing(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(500)


async def test_an_issuer_may_be_huge_or_elsewhere(
    issuer: Issuer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not answered plainly changes nothing.

    The known key serves, another is not known, and the log says it once.
    """
    tokens = checks(clock, issuer.url)
    assert await status(tokens, token()) == 200
    for answer in (huge, redirecting(issuer), failing):
        issuer.answers = answer
        clock.now += AGAIN_AFTER_SECONDS
        assert (await status(tokens, token(kid="b")), await status(tokens, token())) == (503, 200)
    issuer.answers = issuer.publish
    clock.now += AGAIN_AFTER_SECONDS
    assert await status(tokens, token(kid="b")) == 401
    away, back = caplog.messages
    assert "the answer has more than" in away
    assert "to be had again" in back


@pytest.mark.long
@pytest.mark.parametrize("answer", [never_ending, never_beginning])
async def test_an_issuer_may_be_endless(issuer: Issuer, clock: Clock, answer: Any) -> None:
    """An endless answer is given up in seconds, its line closed; the next try is a new one."""
    tokens = checks(clock, issuer.url)
    end = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch(handler: BaseHTTPRequestHandler) -> None:
        try:
            answer(handler)
        finally:
            loop.call_soon_threadsafe(end.set)

    issuer.answers = watch
    began = time.monotonic()
    assert await status(tokens, token()) == 503
    assert 2 < time.monotonic() - began < 5
    await asyncio.wait_for(end.wait(), 5)
    issuer.answers = issuer.publish
    clock.now += AGAIN_AFTER_SECONDS
    assert await status(tokens, token()) == 200


async def test_loopback_is_not_asked_through_a_proxy(
    issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies of the environment are for the world, not for this machine."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, nobody())
    assert await status(checks(clock, issuer.url), token()) == 200


async def test_the_world_is_asked_through_the_proxy(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An issuer elsewhere is asked as the environment says."""
    targets: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        targets.append((await reader.readline()).decode())
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        assert await status(checks(clock, "https://issuer.example.org/keys"), token()) == 503
    assert [line.split()[:2] for line in targets] == [["CONNECT", "issuer.example.org:443"]]


@pytest.mark.parametrize(
    ("keys", "key_id", "expected", "why"),
    [
        ([jwk(RSA, None)], None, 200, ""),
        ([jwk(RSA, None)], "whatever", 200, ""),
        ([jwk(RSA, "a")], None, 200, ""),
        ([jwk(RSA, "a")], "b", 401, "does not publish"),
        ([jwk(RSA, None), jwk(EC, None)], None, 200, ""),
        (
            [jwk(RSA, "a"), jwk(RSA_NEXT, "b")],
            None,
            401,
            "names no key (kid), and its issuer publishes several",
        ),
        ([jwk(RSA, None), jwk(RSA_NEXT, None)], None, 401, "publishes several"),
        ([jwk(RSA, None), jwk(RSA_NEXT, "b")], "a", 401, "does not publish"),
    ],
)
async def test_keys_and_tokens_without_a_name(
    issuer: Issuer, clock: Clock, keys: list[Any], key_id: str | None, expected: int, why: str
) -> None:
    """The only key is tried; of several the token must say which, and is told so."""
    issuer.keys = {"keys": keys}
    answer = await status_and_reason(checks(clock, issuer.url), token(RSA, key_id))
    assert (answer[0], why in answer[1]) == (expected, True)


async def test_the_only_key_may_be_followed_by_another(issuer: Issuer, clock: Clock) -> None:
    """A nameless key that does not fit is asked for again.

    A token that it did not sign is refused all the same.
    """
    issuer.keys = {"keys": [jwk(RSA, None)]}
    tokens = checks(clock, issuer.url)
    assert await status(tokens, token(RSA, None)) == 200
    issuer.keys = {"keys": [jwk(RSA_NEXT, None)]}
    clock.now += AGAIN_AFTER_SECONDS
    assert await status(tokens, token(RSA_NEXT, None)) == 200
    clock.now += AGAIN_AFTER_SECONDS
    assert await status(tokens, token(RSA, None)) == 401
    assert await status(tokens, token(RSA_NEXT, None)) == 200
