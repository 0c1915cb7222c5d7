"""How the API is served: whose word counts for a call's origin, and which defaults are ours."""

import asyncio
import logging
import resource
from typing import Any

import httpx
import pytest
import uvicorn

from api import create_app
from config import Settings
from routes.connections import BACKLOG, OWN_DESCRIPTORS, Trouble, most_connections
from routes.server import configuration
from tests.tokens import AUTHENTICATION, bearer


def server_config(settings: Settings) -> uvicorn.Config:
    """Return how the API is served with these settings."""
    return configuration(create_app(settings), settings)


def caller(client: str = "127.0.0.1", **settings: str) -> httpx.AsyncClient:
    """Return a client of the API as uvicorn serves it, which comes from this address."""
    values = {name.lower(): value for name, value in settings.items()}
    config = server_config(Settings(**values))  # type: ignore[arg-type]
    config.load()
    transport = httpx.ASGITransport(config.loaded_app, client=(client, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def statuses(http: httpx.AsyncClient, *headers: dict[str, str]) -> list[int]:
    """Return how calls with these headers are answered, one after another."""
    return [
        (await http.get("/nowhere", headers=request_headers)).status_code
        for request_headers in headers
    ]


FORWARDED = [{"X-Forwarded-For": f"10.1.2.{number}"} for number in range(20)]


async def test_what_a_caller_says_of_itself_does_not_count() -> None:
    """Who says to come from elsewhere each time is one caller all the same."""
    async with caller(API_RATE_LIMIT="5/minute") as http:
        assert await statuses(http, *FORWARDED) == [404] * 5 + [429] * 15


async def test_what_a_proxy_says_counts_if_it_is_named() -> None:
    """A proxy named by a setting tells who asks; what callers put before that is ignored."""
    trust_settings = {"API_RATE_LIMIT": "5/minute", "API_TRUSTED_PROXIES": "192.0.2.7, 10.9.0.0/16"}
    made_up = [{"X-Forwarded-For": f"10.1.2.{number}, 10.3.3.3, 10.9.1.1"} for number in range(20)]
    for proxy in ("192.0.2.7", "10.9.4.4"):
        async with caller(proxy, **trust_settings) as http:
            assert await statuses(http, *FORWARDED) == [404] * 20
            assert await statuses(http, *made_up) == [404] * 5 + [429] * 15
    async with caller("192.0.2.8", **trust_settings) as http:
        assert await statuses(http, *FORWARDED) == [404] * 5 + [429] * 15


async def test_guessing_tokens_is_bounded() -> None:
    """Refused tokens count for their address; whoever has a good one there is served."""
    guesses = [{"Authorization": f"Bearer guess-{number}"} for number in range(8)]
    async with caller(API_RATE_LIMIT="5/minute", **AUTHENTICATION) as http:
        assert await statuses(http, *guesses, {}) == [401] * 5 + [429] * 4
        assert await statuses(http, *[bearer(sub="ann")] * 6) == [404] * 5 + [429]
        answer = await http.get("/nowhere", headers=guesses[0])
        assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_the_defaults_are_ours() -> None:
    """An idle connection is kept longer than proxies keep it.

    Nothing of the environment changes who is believed.
    """
    config = server_config(Settings())
    assert (config.timeout_keep_alive, config.proxy_headers, config.forwarded_allow_ips) == (
        75,
        False,
        [],
    )
    assert server_config(Settings(api_keep_alive_seconds=20)).timeout_keep_alive == 20
    assert (config.lifespan, config.ws, config.server_header) == ("on", "none", False)


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ((1_024, 1_024), 1_024 - BACKLOG - OWN_DESCRIPTORS),
        ((256, 256), 32),
        ((10**6, 10**6), 10_000),
        ((-1, -1), 10_000),
    ],
)
def test_there_is_always_a_descriptor_left(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], most: int
) -> None:
    """So many connections are taken that files and databases can still be opened."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    assert most_connections() == most


async def test_trouble_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """That no connection can be taken is one line, not one per try; other trouble is as ever."""
    loop = asyncio.get_running_loop()
    trouble = Trouble()
    full: dict[str, Any] = {
        "message": "socket.accept() out of system resource",
        "exception": OSError(24, "Too many open files"),
    }
    with caplog.at_level(logging.ERROR):
        for _ in range(1_000):
            trouble(loop, full)
        assert caplog.messages == [
            "no connection can be taken just now: [Errno 24] Too many open files"
        ]
        trouble(loop, {"message": "something else", "exception": OSError("bad")})
    assert caplog.messages[1:] == ["something else"]
