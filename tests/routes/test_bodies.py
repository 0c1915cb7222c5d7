"""What of a body is let through to the routes, and in which words all else is refused."""

from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from routes.limits import MOST_DIGITS, Body

JSON = {"Content-Type": "application/json"}


async def _accept(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def send_body(
    content: bytes, method: str = "POST", headers: dict[str, str] | None = None
) -> httpx.Response:
    """Return the answer to a body of this content; 204 when it is let through."""
    transport = httpx.ASGITransport(Body(_accept))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        return await http.request(method, "/", content=content, headers=JSON | (headers or {}))


def status_and_errors(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["detail"]


NO_JSON = [
    (b"", None),
    (b"nonsense", "something else than JSON stands at line 1, column 1"),
    (b'{"a": 1,\n "b" 2}', "something else than JSON stands at line 2, column 6"),
    (b'{"a": "', "something else than JSON stands at line 1, column 7"),
    (b'\xef\xbb\xbf{"a": 1}', "it begins with a byte order mark"),
    ('{"a": "é"}'.encode("latin-1"), "it is not UTF-8 from byte 8 on"),
    ("{}".encode("utf-16"), "it is not UTF-8 from byte 1 on"),
    (b"9" * (MOST_DIGITS + 1), "a number in it has more than 4,300 digits"),
    (b"-" + b"9" * 50_000, "a number in it has more than 4,300 digits"),
    (b'{"a": -Infinity}', "-Infinity is no number"),
    (b'{"a": 1, "a": 1}', "a key stands twice in an object"),
    (b"[" * 100_000, "it is nested too deeply"),
    (b'"\\u0000"', "a text in it has a NUL or half a surrogate pair"),
]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(("content", "why"), NO_JSON, ids=lambda content: repr(content)[:30])
async def test_what_is_no_plain_json_is_refused_in_our_words(
    method: str, content: bytes, why: str | None
) -> None:
    """Whatever the words are of what reads it here."""
    answer = await send_body(content, method)
    if why is None:
        assert answer.status_code == 204
    else:
        assert status_and_errors(answer) == (400, f"the body is no JSON that can be read: {why}")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "APPLICATION/JSON ; charset=UTF-8"},
        {"Content-Type": 'application/json; charset="utf-8"; version=1'},
        {"Content-Encoding": "identity"},
    ],
)
async def test_json_is_taken(headers: dict[str, str]) -> None:
    """However its type is spelt."""
    assert (await send_body(b"{}", headers=headers)).status_code == 204


NOT_OURS = "send JSON in UTF-8, with Content-Type: application/json"
ENCODED = "send the body as it is, without a Content-Encoding"


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Content-Type": ""}, NOT_OURS),
        ({"Content-Type": "text/plain"}, NOT_OURS),
        ({"Content-Type": "application/json; charset=latin-1"}, NOT_OURS),
        ({"Content-Type": "application/json;charset=utf-16"}, NOT_OURS),
        ({"Content-Encoding": "gzip"}, ENCODED),
        ({"Content-Encoding": "br"}, ENCODED),
        ({"Content-Encoding": "identity, gzip"}, ENCODED),
    ],
)
async def test_what_says_that_it_is_something_else_is_refused(
    method: str, headers: dict[str, str], why: str
) -> None:
    """Before it is looked at; and who compressed it is told what would do (RFC 9110, 15.5.16)."""
    answer = await send_body(b"\x1f\x8b\x08\x00", method, headers)
    assert status_and_errors(answer) == (415, why)
    assert answer.headers.get("Accept-Encoding") == ("identity" if why is ENCODED else None)
