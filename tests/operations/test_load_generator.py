"""The load generator: what it repeats, when it gives up, and what it counts."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from operations.demo.load_generator import LoadGenerator, LoadResult, Outcome, percentile
from tests.operations.outcomes import NOW, ORDER, view

AGAIN = {"Retry-After": "0"}

Answer = Callable[[], httpx.Response]


def answer_with(status: int, *, is_closed: bool = True) -> Answer:
    return lambda: httpx.Response(
        status, content=view(datetime.now(UTC), is_closed=is_closed).model_dump_json()
    )


def unavailable() -> httpx.Response:
    return httpx.Response(503, headers=AGAIN, json={"detail": "Temporal gives no answer"})


def drop() -> httpx.Response:
    raise httpx.RemoteProtocolError("the connection broke")


def answer_reused() -> httpx.Response:
    return httpx.Response(422, json={"detail": "order 1 was placed before with another content"})


async def outcome_of(
    answers: Sequence[Answer], patience_seconds: float = 60
) -> tuple[Outcome, list[bytes]]:
    """Place the order at an API that gives these answers; return also what was posted."""
    bodies = []

    def coming() -> Iterator[Answer]:
        yield from answers
        while True:
            yield answers[-1]

    nexts = coming()

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return next(nexts)()

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(answer), base_url="http://api"
    ) as http:
        result = await LoadGenerator(http, patience_seconds).place_all([ORDER], lambda _: None)
    (outcome,) = result.outcomes
    return outcome, bodies


@pytest.mark.parametrize(
    "first",
    [unavailable, drop, answer_with(202, is_closed=False)],
    ids=["503", "dropped", "not closed yet"],
)
async def test_what_is_no_end_is_asked_for_again_under_the_same_identity(first: Answer) -> None:
    """A 503, a broken connection or an open order: the request is repeated until it closes."""
    outcome, bodies = await outcome_of([first, answer_with(200)])
    assert outcome.closed_view
    assert (outcome.requests, len(bodies), len(set(bodies))) == (2, 2, 1)
    assert b'"order_id":"1"' in bodies[0]


async def test_a_no_is_taken_once_and_kept() -> None:
    """The API's final no is not asked for again, and is there to be shown."""
    outcome, bodies = await outcome_of([answer_reused])
    assert (outcome.refusal, len(bodies)) == (
        "422: order 1 was placed before with another content",
        1,
    )
    assert not outcome.is_open


@pytest.mark.parametrize(
    "answer",
    [unavailable, drop, answer_with(202, is_closed=False)],
    ids=["503", "dropped", "never closes"],
)
async def test_patience_ends(answer: Answer) -> None:
    """An order that does not close in time is left open, and is neither closed nor refused."""
    outcome, bodies = await outcome_of([answer], patience_seconds=0)
    assert (outcome.is_open, outcome.closed_view, outcome.refusal, len(bodies)) == (
        True,
        None,
        None,
        1,
    )


def test_a_day_in_figures() -> None:
    """Orders that an earlier run placed count as ended, but not in the times."""
    before = NOW - timedelta(days=1)
    after = NOW + timedelta(seconds=1)
    outcomes = [
        *(Outcome(ORDER, view(after), None, seconds, 1) for seconds in (0.1, 0.2, 0.3)),
        Outcome(ORDER, view(after, "OUT_OF_STOCK"), None, 0.4, 2),
        Outcome(ORDER, view(before, "OUT_OF_STOCK"), None, 9, 1),
        Outcome(ORDER, view(before), None, 9, 1),
        Outcome(ORDER, view(before, is_closed=False), None, 9, 1),
        Outcome(ORDER, None, "422: no", 9, 1),
        Outcome(ORDER, None, None, 9, 3),
    ]
    day = LoadResult(tuple(outcomes), NOW, seconds=2)
    assert (day.completed_count, day.failures) == (4, {"OUT_OF_STOCK": 2})
    assert (len(day.new), len(day.earlier), len(day.open), len(day.refusals), day.retries) == (
        4,
        3,
        2,
        1,
        3,
    )
    assert (day.per_second, day.milliseconds(0.5), day.milliseconds(0.95)) == (2, 200, 400)


@pytest.mark.parametrize(
    ("count", "share", "value"),
    [
        (1, 0.5, 1),
        (1, 0.95, 1),
        (2, 0.5, 1),
        (3, 0.5, 2),
        (20, 0.95, 19),
        (21, 0.95, 20),
        (100, 0.95, 95),
        (100, 0, 1),
        (100, 1, 100),
    ],
)
def test_percentiles_are_values_that_occurred(count: int, share: float, value: int) -> None:
    """A percentile is the smallest value that enough of the others do not exceed."""
    assert percentile(list(range(count, 0, -1)), share) == value
