"""The Python client asks again as docs/API.md says, and knows the order as the API describes it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from order_client import ASK_AGAIN, Limits, OrderClient, new_key
from order_models import (
    CustomerAction,
    Failure,
    Line,
    Model,
    NewOrder,
    NoAnswer,
    Order,
    OrderEvent,
    Problem,
    Rejected,
)

from routes import examples
from tests.repository.sources import ROOT

Answer = httpx.Response | Exception

ORDER = NewOrder.model_validate(examples.ORDER)
SCHEMAS = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]


class Api:
    """An API of the test's own: gives the answers in their order, and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.requests = list[httpx.Request]()
        self.pauses = list[float]()
        self._answers = iter(answers)

    def client(self, **limits: float) -> OrderClient:
        """Return a client of it, which pauses in no time."""
        return OrderClient(
            "http://api.test",
            token="t",
            limits=Limits(**limits),
            transport=httpx.MockTransport(self._answer),
            sleep=self.pauses.append,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def order_answer(status: int = 200) -> httpx.Response:
    """Return an order as the API answers it."""
    return httpx.Response(status, json=examples.OUT_OF_STOCK)


def problem(status: int, retry_after: str | None = None) -> httpx.Response:
    """Return an error as the API answers it."""
    body = {"type": "urn:problem:x", "title": "T", "status": status, "detail": "why"}
    return httpx.Response(
        status, json=body, headers={"Retry-After": retry_after} if retry_after else {}
    )


LOST = (httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut"))


@pytest.mark.parametrize("lost_answer", [*LOST, *map(problem, sorted(ASK_AGAIN))], ids=repr)
def test_placing_is_asked_again_under_the_same_key(lost_answer: Answer) -> None:
    """The second call is the first one, word for word: so it places the order once."""
    api = Api(lost_answer, order_answer())
    key = new_key()
    with api.client() as client:
        order = client.place(ORDER, key, wait_seconds=7)
    assert order.failure
    assert order.failure.customer_message == examples.OUT_OF_STOCK["failure"]["customer_message"]
    first, second = api.requests
    assert (first.method, first.url.path, first.content) == ("POST", "/orders", second.content)
    assert first.headers == second.headers
    assert [first.headers[name] for name in ("idempotency-key", "prefer", "authorization")] == [
        key,
        "wait=7",
        "Bearer t",
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 421, 422])
def test_a_no_is_not_asked_again(status: int) -> None:
    """It would be the same; it says why."""
    api = Api(problem(status))
    with api.client() as client, pytest.raises(Rejected) as info:
        client.place(ORDER, new_key())
    assert (info.value.problem.status, info.value.problem.detail) == (status, "why")
    assert (len(api.requests), api.pauses) == (1, [])


def test_a_no_of_a_proxy_needs_no_body() -> None:
    """Whoever stands between answers as it likes."""
    api = Api(httpx.Response(413, text="<html>"))
    with api.client() as client, pytest.raises(Rejected, match="413 Request Entity Too Large"):
        client.place(ORDER, new_key())


def test_retry_after_is_obeyed() -> None:
    """In seconds or as a date; nobody asks sooner, and not everybody at the same moment."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    api = Api(problem(429, "3"), problem(503, date), problem(503, "soon"), order_answer())
    with api.client(first_pause_seconds=1) as client:
        client.place(ORDER, new_key())
    seconds, until_date, unreadable = api.pauses
    assert 3 < seconds < 4
    assert 18 < until_date < 22
    assert unreadable < 4


def test_pauses_grow_up_to_a_limit_and_are_spread() -> None:
    """Each is a random part of twice as much as the one before."""
    api = Api(*[problem(503)] * 400, order_answer())
    with api.client(first_pause_seconds=0.5, longest_pause_seconds=2, give_up_seconds=3) as client:
        client.place(ORDER, new_key())
    longest = [0.5, 1.0] + [2.0] * 398
    assert all(0 <= pause <= most for pause, most in zip(api.pauses, longest, strict=True))
    assert min(api.pauses[2:]) < 0.2
    assert max(api.pauses[2:]) > 1.8


@pytest.mark.parametrize("answer", [problem(429, "61"), httpx.ConnectError("refused")])
def test_there_is_an_end(answer: Answer) -> None:
    """The limit counts the pauses; a pause that goes beyond it is not begun."""
    api = Api(answer)
    pause = {} if isinstance(answer, httpx.Response) else {"give_up_seconds": -1}
    with api.client(**pause) as client, pytest.raises(NoAnswer):
        client.place(ORDER, new_key())
    assert api.pauses == []


# Following.


def entry(number: int, kind: str = "state") -> bytes:
    """Return an event as the API writes it; its text has what some take for the end of a line."""
    data = json.dumps({"name": f"n{number}\u2028\x85"}, ensure_ascii=False)
    return f"id: {number}\r\nevent: {kind}\ndata: {data}\n\n".encode()


def stream(*chunks: bytes, error: Exception | None = None) -> httpx.Response:
    """Return a stream of these chunks, which may break."""

    def read() -> Iterator[bytes]:
        yield from chunks
        if error:
            raise error

    return httpx.Response(200, content=read())


def test_a_stream_goes_on_where_it_broke() -> None:
    """By `Last-Event-ID`, after a cut, an end that was none, and an API that starts again."""
    both = entry(2) + entry(3)
    api = Api(
        stream(b": alive\n\n", entry(1)[:9], entry(1)[9:], error=httpx.ReadError("cut")),
        problem(503, "2"),
        stream(both[:-1]),
        stream(both[-len(entry(3)) :], entry(4, "closed"), entry(5)),
    )
    with api.client() as client:
        events = list(client.follow("a"))
    assert [(event.id, event.event) for event in events] == [
        ("1", "state"),
        ("2", "state"),
        ("3", "state"),
        ("4", "closed"),
    ]
    assert events[0].data == {"name": "n1\u2028\x85"}
    positions = [request.headers.get("last-event-id") for request in api.requests]
    assert positions == [None, "1", "1", "2"]
    assert api.requests[0].url.path == "/orders/a/events"
    assert api.pauses[1] > 2


def test_a_story_that_was_heard_to_its_end_is_over() -> None:
    """204 says so; 404 is a no."""
    api = Api(httpx.Response(204), problem(404))
    with api.client() as client:
        assert list(client.follow("a", last_event_id="9")) == []
        with pytest.raises(Rejected):
            next(client.follow("a"))


# What the client knows of an order, and docs/openapi.json.


def types(schema: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """Return the JSON types that a value may have."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return set[str]().union(*(types(each, schemas) for each in schema["anyOf"]))
    return {schema["type"]}


READ = [
    (Order, "OrderView"),
    (CustomerAction, "CustomerAction"),
    (Failure, "FailureView"),
    (Problem, "ProblemDocument"),
]
SENT = [(NewOrder, "OrderBody"), (Line, "LineBody")]


@pytest.mark.parametrize(("model", "name"), READ + SENT)
def test_a_model_is_what_the_api_describes(model: type[Model], name: str) -> None:
    """Each field is there, with its types; what may be missing or null may be so here."""
    ours = model.model_json_schema()
    theirs = SCHEMAS[name]
    is_sent = (model, name) in SENT
    for field, schema in ours["properties"].items():
        expected = types(theirs["properties"][field], SCHEMAS)
        assert types(schema, ours.get("$defs", {})) >= expected, field
    if is_sent:
        assert ours["properties"].keys() == theirs["properties"].keys()
        assert ours["required"] == theirs["required"]
    else:
        assert set(ours["required"]) <= set(theirs["required"])


def test_the_example_of_the_api_is_an_order() -> None:
    """As docs/openapi.json has it, with its time zone."""
    order = Order.model_validate(examples.OUT_OF_STOCK)
    assert order.placed_at.tzinfo is not None
    assert OrderEvent(id="1", event="state", data={}).data == {}
