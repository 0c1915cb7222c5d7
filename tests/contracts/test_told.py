"""What is wrong with a request is told in words that its sender can act on, without jargon."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic_core._pydantic_core import list_all_errors

from api import create_app
from application.errors import NotFound
from application.order_query import KNOWN_STEP
from config import Settings
from contracts.base import IN_WORDS
from contracts.prose import WRONG, problems
from contracts.text import LINE_PATTERN, PATTERN

JARGON = re.compile(
    r"Input should|Field required|Value error|valid integer|valid string|String should|[\[\]^\\{}]"
    r"|pattern|dictionary|tuple|instance of|Extra inputs|parse"
)

LONGEST = {"reason": 400, "without_reasons": 400, "state": 150, "act": 200}
"""Characters of messages that list all that there is, by field."""

WRONG_VALUES: tuple[Any, ...] = (
    None,
    True,
    "",
    " ",
    "é" * 65,
    "\u200b",
    -1,
    1.5,
    10**20,
    [],
    {},
    [None],
    "x" * 2_000,
)


def parts(
    schema: dict[str, Any], document: dict[str, Any]
) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Yield every place of a body with its schema, the first entry standing for all of a list."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    yield (), schema
    for name, inner in schema.get("properties", {}).items():
        yield from (((name, *place), part) for place, part in parts(inner, document))
    if "items" in schema:
        yield from (((0, *place), part) for place, part in parts(schema["items"], document))


def example(schema: dict[str, Any], document: dict[str, Any]) -> Any:
    """Return the body that a call declares as its example."""
    component = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return component["examples"][0]


def with_value(value: Any, place: tuple[str | int, ...], to: Any) -> Any:
    """Return a copy of a JSON value with another one at a place."""
    if not place:
        return to
    first, *rest = place
    if isinstance(value, dict):
        return {**value, str(first): with_value(value.get(str(first)), tuple(rest), to)}
    entries = list(value) if isinstance(value, list) else [{}]
    return [with_value(entries[0] if entries else {}, tuple(rest), to), *entries[1:]]


def without(value: Any, place: tuple[str | int, ...]) -> Any:
    """Return a copy of a JSON value without what stands at a place."""
    first, *rest = place
    if not rest:
        return {name: inner for name, inner in value.items() if name != first}
    if isinstance(value, dict):
        return {**value, str(first): without(value[str(first)], tuple(rest))}
    return [without(value[0], tuple(rest)), *value[1:]]


def is_reached(value: Any, place: tuple[str | int, ...]) -> bool:
    """Tell whether a JSON value has something at a place."""
    for part in place:
        if isinstance(value, dict) and part in value:
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and value:
            value = value[part]
        else:
            return False
    return True


async def complaints() -> list[tuple[str, dict[str, Any]]]:
    """Return what every call says of every wrong value in each of its fields."""
    app = create_app(Settings())
    document = app.openapi()
    app.state = Nobody()  # type: ignore[assignment]
    problems_by_request: list[tuple[str, dict[str, Any]]] = []
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://localhost"
    ) as http:
        for path, calls in document["paths"].items():
            for method, call in calls.items():
                before = len(problems_by_request)
                wrong_requests = list(requests(path, call, document))
                for name, request in wrong_requests:
                    answer = await http.send(http.build_request(method.upper(), **request))
                    if answer.status_code == 422:
                        problems_by_request.append(
                            (f"{method.upper()} {path} {name}", answer.json())
                        )
                assert len(problems_by_request) > before or not wrong_requests, (method, path)
    return problems_by_request


class Nobody:
    """Stands for what is behind the routes, and has nothing of it.

    Here only what is asked is looked at.
    """

    def __getattr__(self, name: str) -> "Nobody":
        """Have every part."""
        return self

    def __call__(self, *_arguments: Any, **_keywords: Any) -> "Nobody":
        """Be asked."""
        return self

    def __await__(self) -> Iterator[Any]:
        """Answer."""
        raise NotFound.of("anything")


def requests(
    path: str, call: dict[str, Any], document: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield requests that are wrong in one place each."""
    parameters = call.get("parameters", [])
    plain = {
        p["name"]: str(p.get("examples", p["schema"].get("examples", ["a"]))[0])
        for p in parameters
        if p["in"] == "path"
    }
    schema = (
        call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    )
    if schema is not None and "$ref" not in schema:
        return  # its sender describes the body, and signs it
    if not parameters and schema is None:
        return
    request: dict[str, Any] = {"url": path.format(**plain)}
    request |= {} if schema is None else {"json": example(schema, document)}
    for parameter in parameters:
        name = parameter["name"]
        where = parameter["in"]
        for value in ("", "~" * 1_100, "-1", "1.5", "true", "0", "999999"):
            wrong: dict[str, dict[str, Any]] = {
                "path": {"url": path.format(**plain | {name: value})},
                "query": {"params": {name: value}},
                "header": {"headers": {name: value}},
            }
            yield f"{name}={value[:9]}", request | wrong[where]
    yield "an unknown parameter", request | {"params": {"misspelt": "1"}}
    if schema is not None:
        yield from bodies(schema, document, request)


def bodies(
    schema: dict[str, Any], document: dict[str, Any], request: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield requests whose bodies are wrong in one place each."""
    body = request["json"]
    yield "no body", {"url": request["url"], "headers": {"Content-Type": "application/json"}}
    for place, _ in parts(schema, document):
        for value in WRONG_VALUES:
            yield f"{place}={value!r:.20}", request | {"json": with_value(body, place, value)}
        if place and isinstance(place[-1], str) and is_reached(body, place):
            yield f"no {place}", request | {"json": without(body, place)}
    yield "an unknown field", request | {"json": body | {"misspelt": 1}}


async def test_what_is_wrong_with_a_field_is_told_in_words() -> None:
    """Every field of every body, path, query and header, with every kind of wrong value."""
    problems_by_request = await complaints()
    assert len(problems_by_request) > 200
    places = {name for name, _ in problems_by_request}
    for looked_at in (
        "idempotency-key",
        "order_id=",
        "limit=",
        "('lines', 0, 'quantity')",
        "('currency',)",
        "sku=",
        "step=",
    ):
        assert any(looked_at in place for place in places), looked_at
    for name, document in problems_by_request:
        for wrong in document["errors"]:
            assert not JARGON.search(wrong["message"]), (name, wrong)
            name_of_field = wrong["field"].removesuffix(".0").rpartition(".")[2]
            longest = LONGEST.get(name_of_field, 120)
            assert 5 < len(wrong["message"]) < longest, (name, wrong)
            assert (
                f"{wrong['field']}: {wrong['message']}" in document["detail"]
                or len(document["errors"]) > 5
            )


def patterns(value: Any) -> Iterator[str]:
    """Yield every pattern that stands anywhere in a JSON value."""
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        for inner in value.values():
            yield from patterns(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from patterns(inner)


def test_every_pattern_has_its_words() -> None:
    """A caller is never left with 'another form'; the rules of free text and of steps say it."""
    patterns_asked = set(patterns(create_app(Settings()).openapi()["paths"])) | set(
        patterns(create_app(Settings()).openapi())
    )
    assert patterns_asked - {PATTERN, LINE_PATTERN, KNOWN_STEP} <= IN_WORDS.keys()


@pytest.mark.parametrize("kind", WRONG)
def test_each_row_is_an_error_of_pydantic(kind: str) -> None:
    """No row is misspelt, and each can be told with what pydantic says of its error."""
    [error_row] = [error for error in list_all_errors() if error["type"] == kind]
    [(_, sentence)] = problems(
        [
            {
                "type": kind,
                "loc": (),
                "msg": error_row["message_template_python"],
                "ctx": error_row.get("example_context") or {},
            }
        ]
    )
    assert "{" not in sentence


def test_what_pydantic_may_say_one_day_is_told_all_the_same() -> None:
    """An error without a row, or without the row's parts, is told in pydantic's words.

    It is no error of ours.
    """
    assert problems(
        [{"type": "of a later release", "loc": ("a",), "msg": "Input should be odd"}]
    ) == [(("a",), "must be odd")]
