from functools import cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api import create_app
from config import Settings
from tests.tokens import AUTHENTICATION, bearer

EVIL = "http://shop.attacker.example:8000"


@cache
def app(settings: tuple[tuple[str, str], ...]) -> FastAPI:
    """Return the API; it reaches for nothing before it is served."""
    values = {name.lower(): value for name, value in settings}
    return create_app(Settings(**values))  # type: ignore[arg-type]


async def status(
    host: str, path: str = "/livez", settings: dict[str, str] | None = None, **headers: str
) -> int:
    """Return how a GET for this host is answered."""
    application = app(tuple((settings or {}).items()))
    request_headers = {
        "Host": host,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://localhost"
    ) as http:
        return (await http.get(path, headers=request_headers)).status_code


OWN = [
    *("localhost", "LOCALHOST", "localhost.", "localhost:8000", "localhost:", "LocalHost.:1"),
    *(
        "127.0.0.1",
        "127.0.0.1:8000",
        "127.9.8.7:80",
        "[::1]",
        "[::1]:8000",
        "[0:0::1]:8000",
        "[::ffff:127.0.0.1]",
    ),
]
OTHERS = [
    *(
        "shop.attacker.example",
        "shop.attacker.example:8000",
        "localhost.attacker.example",
        "localhost.attacker.example.",
    ),
    *(
        "attacker.localhost.example",
        "xlocalhost",
        "api",
        "10.1.2.3",
        "10.1.2.3:8000",
        "[2001:db8::1]:8000",
        "0.0.0.0:8000",
    ),
    *(
        "127.0.0.1.attacker.example",
        "127.0.0.1@attacker.example",
        "attacker.example@127.0.0.1",
        "127.1",
        "2130706433",
    ),
    *(
        "",
        ":8000",
        "localhost:http",
        "localhost:999999",
        "localhost/",
        "localhost, attacker.example",
    ),
    *("localhost attacker.example", "[::1", "::1", "localhost.."),
]


@pytest.mark.parametrize("host", OWN)
async def test_local_names_are_ours(host: str) -> None:
    """Whatever its port, and however it is written, a name of loopback is answered."""
    assert await status(host) == 200


@pytest.mark.parametrize("host", OTHERS)
async def test_other_names_are_not_ours(host: str) -> None:
    """A page whose name was made to point here is not answered: it may not read, nor order."""
    assert await status(host) == 421


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/console/main.js",
        "/docs",
        "/openapi.json",
        "/metrics",
        "/readyz",
        "/orders",
        "/nowhere",
    ],
)
async def test_no_path_is_for_strangers(path: str) -> None:
    """Pages, figures, documentation and missing paths are for the same names as orders."""
    assert await status("shop.attacker.example:8000", path, Origin=EVIL) == 421
    assert await status("localhost:8000", path, Origin=EVIL) == 403


@pytest.mark.parametrize(
    "hosts", [[], ["localhost", "localhost"], ["localhost", "shop.attacker.example"]]
)
async def test_one_host_is_named(hosts: list[str]) -> None:
    """No host, or two, is none of ours."""
    answer_messages: list[Any] = []

    async def send(message: Any) -> None:
        answer_messages.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/livez",
        "query_string": b"",
        "root_path": "",
    }
    headers = [(b"host", host.encode()) for host in hosts]
    await app(())({**scope, "headers": headers}, receive, send)
    assert answer_messages[0]["status"] == 421


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost:8000", 200),
        ("https://localhost:8000", 200),
        ("HTTP://LOCALHOST:8000", 200),
        ("http://localhost", 403),
        ("http://localhost:3000", 403),
        ("http://127.0.0.1:8000", 403),
        ("http://localhost.attacker.example:8000", 403),
        ("http://localhost:8000@attacker.example", 403),
        ("http://localhost:8000/", 403),
        ("null", 403),
        ("", 403),
        ("file://", 403),
        ("chrome-extension://localhost:8000", 403),
        (EVIL, 403),
    ],
)
async def test_a_foreign_page_may_not_ask(origin: str, expected: int) -> None:
    """A page may ask the very host and port that it came from."""
    assert await status("localhost:8000", Origin=origin) == expected


@pytest.mark.parametrize(
    ("site", "mode", "expected"),
    [
        ("cross-site", "no-cors", 403),
        ("cross-site", "navigate", 200),
        ("same-origin", "cors", 200),
        ("none", "navigate", 200),
    ],
)
async def test_what_a_foreign_page_has_fetched(site: str, mode: str, expected: int) -> None:
    """Another site's page may link to this one, and not load anything of it."""
    assert await status("localhost:8000", Sec_Fetch_Site=site, Sec_Fetch_Mode=mode) == expected


BEYOND = {"API_HOST": "0.0.0.0", "API_TRUSTED_NETWORK": "1"}


@pytest.mark.parametrize(
    ("settings", "host", "origin", "expected"),
    [
        (BEYOND, "api:8000", None, 200),
        (BEYOND, "10.1.2.3:8000", "http://10.1.2.3:8000", 200),
        (BEYOND, "[2001:db8::1]:8000", None, 200),
        (BEYOND, "shop.attacker.example:8000", None, 421),
        (BEYOND, "api:8000", EVIL, 403),
        (
            BEYOND | {"API_HOSTS": "orders.example.org"},
            "orders.example.org",
            "https://orders.example.org",
            200,
        ),
        (
            BEYOND | {"API_HOSTS": "orders.example.org"},
            "api:8000",
            "https://orders.example.org",
            200,
        ),
        (BEYOND | {"API_HOSTS": "orders.example.org"}, "ORDERS.example.org.:443", None, 200),
        (BEYOND | {"API_HOSTS": "orders.example.org"}, "x.orders.example.org", None, 421),
        ({"API_HOSTS": "a.example.org, 10.1.2.3"}, "10.1.2.3:8000", None, 200),
        ({"API_HOSTS": "a.example.org, 10.1.2.3"}, "10.1.2.4:8000", None, 421),
        (
            {"API_CORS_ORIGINS": "https://shop.example.org"},
            "localhost",
            "https://shop.example.org",
            200,
        ),
        (
            {"API_CORS_ORIGINS": "https://shop.example.org"},
            "shop.example.org",
            "https://shop.example.org",
            421,
        ),
        (AUTHENTICATION, "orders.example.org", EVIL, 200),
        (AUTHENTICATION | {"API_HOSTS": "orders.example.org"}, "other.example.org", None, 421),
        (AUTHENTICATION | {"API_HOSTS": "orders.example.org"}, "orders.example.org", EVIL, 403),
    ],
)
async def test_what_settings_allow(
    settings: dict[str, str], host: str, origin: str | None, expected: int
) -> None:
    """Further names and origins are settings.

    Beyond loopback, what no page of the world can be called is ours.
    """
    assert (
        await status(host, settings=settings, **({} if origin is None else {"Origin": origin}))
        == expected
    )


SHOP = "https://shop.example.org"


async def crossing(
    method: str, path: str, headers: dict[str, str], **settings: str
) -> httpx.Response:
    """Ask for a page of another origin."""
    cors_settings = {"API_CORS_ORIGINS": f"{SHOP},http://localhost:3000", **settings}
    values = {name.lower(): value for name, value in cors_settings.items()}
    application = create_app(Settings(**values))  # type: ignore[arg-type]

    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        for _ in range(3):
            answer = await http.request(method, path, headers={"Origin": SHOP, **headers})
        return answer


async def test_a_preflight_needs_no_token_and_is_not_counted() -> None:
    """A browser is told what a page of an allowed origin may send, however often it asks."""
    asks = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": (
            "authorization,content-type,idempotency-key,last-event-id,prefer"
        ),
    }
    answer = await crossing("OPTIONS", "/orders", asks, API_RATE_LIMIT="1/hour", **AUTHENTICATION)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, SHOP)
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("asks", "why"),
    [
        ({"Origin": "https://shop.example.org:444"}, "origin"),
        ({"Origin": "https://x.shop.example.org"}, "origin"),
        ({"Access-Control-Request-Method": "DELETE"}, "method"),
        ({"Access-Control-Request-Headers": "x-other"}, "headers"),
    ],
)
async def test_a_preflight_is_refused(asks: dict[str, str], why: str) -> None:
    """Another origin, method or header is refused with a problem that says which."""
    answer = await crossing(
        "OPTIONS", "/orders", {"Access-Control-Request-Method": "POST", **asks}, **AUTHENTICATION
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")
    assert answer.json()["detail"] == f"Disallowed CORS {why}; see API_CORS_ORIGINS"


@pytest.mark.parametrize(
    ("path", "settings", "expected"),
    [
        ("/livez", {}, 200),
        ("/nowhere", {}, 404),
        ("/nowhere", AUTHENTICATION, 401),
        ("/nowhere", {"API_RATE_LIMIT": "2/hour"}, 429),
        ("/nowhere", {"API_RATE_LIMIT": "2/hour", **AUTHENTICATION}, 429),
    ],
)
async def test_a_page_can_read_every_answer(
    path: str, settings: dict[str, str], expected: int
) -> None:
    """Answers and errors of all kinds are readable for a page of an allowed origin.

    They have the headers that it needs.
    """
    answer = await crossing("GET", path, {}, **settings)
    assert answer.status_code == expected
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert {"Location", "Retry-After", "Preference-Applied"} <= set(
        answer.headers["Access-Control-Expose-Headers"].split(", ")
    )
    assert "Origin" in answer.headers["Vary"]


async def test_a_page_can_read_an_error_of_ours() -> None:
    """Also what fails by our own fault is told to the page, and not only that something failed."""
    answer = await crossing(
        "GET", "/readyz", {}
    )  # its lifespan never began: nothing is there that it needs
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:problem:internal")
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP


async def test_without_the_setting_no_page_is_told_anything() -> None:
    """Pages of other origins are served only when a setting names them."""
    values = {name.lower(): value for name, value in AUTHENTICATION.items()}
    application = create_app(Settings(**values))  # type: ignore[arg-type]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://localhost"
    ) as http:
        answer = await http.get("/nowhere", headers={"Origin": SHOP, **bearer()})
    assert not [name for name in answer.headers if name.startswith("access-control")]
