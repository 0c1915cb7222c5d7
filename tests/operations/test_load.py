import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from config import EphemeralStackSettings, Settings
from contracts.placing import OrderLine, PlaceOrder
from contracts.record import Failure
from contracts.states import OrderStatus, SagaState
from contracts.views import Links, OrderView
from operations.audit.report import Check, Report
from operations.demo.load import Outcome, Placed, Till, percentile
from operations.demo.shop_day import is_sound
from operations.demo.stack import environment, own
from operations.up.preflight import read_settings

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
ORDER = PlaceOrder(
    order_id="1",
    customer_id="ann",
    currency="GBP",
    lines=(OrderLine(sku="tea", quantity=1, unit_price_minor=100),),
)
AGAIN = {"Retry-After": "0"}

Answer = Callable[[], httpx.Response]


def view(placed_at: datetime, reason: str | None = None, *, closed: bool = True) -> OrderView:
    """Return an order: closed in its last state, or still open."""
    state, status = (
        (SagaState.FAILED, OrderStatus.CANCELLED)
        if reason
        else (SagaState.COMPLETED, OrderStatus.CONFIRMED)
    )
    return OrderView(
        **ORDER.model_dump(include={"customer_id", "currency", "lines"}),
        order_id="1",
        state=state if closed else SagaState.PENDING,
        status=status if closed else OrderStatus.PENDING,
        total_minor=ORDER.total_minor,
        placed_at=placed_at,
        closed_at=placed_at + timedelta(seconds=1) if closed else None,
        failure=Failure(reason=reason, message="so it is") if reason else None,
        links=Links(events="", self="/orders/1", temporal="http://localhost/1"),
    )


def shown(status: int, *, closed: bool = True) -> Answer:
    return lambda: httpx.Response(
        status, content=view(datetime.now(UTC), closed=closed).model_dump_json()
    )


def unavailable() -> httpx.Response:
    return httpx.Response(503, headers=AGAIN, json={"detail": "Temporal gives no answer"})


def dropped() -> httpx.Response:
    raise httpx.RemoteProtocolError("the connection broke")


def reused() -> httpx.Response:
    return httpx.Response(422, json={"detail": "order 1 was placed before with another content"})


async def outcome_of(
    answers: Sequence[Answer], patience_seconds: float = 60
) -> tuple[Outcome, list[bytes]]:
    """Place the order where a fake API gives these answers, the last for ever; return the outcome and what was posted."""
    posted = []

    def coming() -> Iterator[Answer]:
        yield from answers
        while True:
            yield answers[-1]

    nexts = coming()

    def answer(request: httpx.Request) -> httpx.Response:
        posted.append(request.content)
        return next(nexts)()

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(answer), base_url="http://api"
    ) as http:
        placed = await Till(http, patience_seconds).place_all([ORDER], lambda _: None)
    (outcome,) = placed.outcomes
    return outcome, posted


@pytest.mark.parametrize(
    "first",
    [unavailable, dropped, shown(202, closed=False)],
    ids=["503", "dropped", "not closed yet"],
)
async def test_what_is_no_end_is_asked_for_again_under_the_same_identity(first: Answer) -> None:
    """A 503, a broken connection and an order that is not closed yet are followed by the same request, until the order closes."""
    outcome, posted = await outcome_of([first, shown(200)])
    assert outcome.closed
    assert (outcome.requests, len(posted), len(set(posted))) == (2, 2, 1)
    assert b'"order_id":"1"' in posted[0]


async def test_a_no_is_taken_once_and_kept() -> None:
    """What the API takes in no case is not asked for again, and what it said is there to be shown."""
    outcome, posted = await outcome_of([reused])
    assert (outcome.refused, len(posted)) == (
        "422: order 1 was placed before with another content",
        1,
    )
    assert not outcome.open


@pytest.mark.parametrize(
    "answer",
    [unavailable, dropped, shown(202, closed=False)],
    ids=["503", "dropped", "never closes"],
)
async def test_patience_ends(answer: Answer) -> None:
    """An order that does not close in time is left open, and is neither closed nor refused."""
    outcome, posted = await outcome_of([answer], patience_seconds=0)
    assert (outcome.open, outcome.closed, outcome.refused, len(posted)) == (True, None, None, 1)


def test_a_day_in_figures() -> None:
    """Orders of earlier runs are recognised by the time at which they were placed, and count as ended, but not in the times."""
    before, after = NOW - timedelta(days=1), NOW + timedelta(seconds=1)
    outcomes = [
        *(Outcome(ORDER, view(after), None, seconds, 1) for seconds in (0.1, 0.2, 0.3)),
        Outcome(ORDER, view(after, "OUT_OF_STOCK"), None, 0.4, 2),
        Outcome(ORDER, view(before, "OUT_OF_STOCK"), None, 9, 1),
        Outcome(ORDER, view(before), None, 9, 1),
        Outcome(ORDER, view(before, closed=False), None, 9, 1),
        Outcome(ORDER, None, "422: no", 9, 1),
        Outcome(ORDER, None, None, 9, 3),
    ]
    day = Placed(tuple(outcomes), NOW, seconds=2)
    assert (day.completed, day.failed) == (4, {"OUT_OF_STOCK": 2})
    assert (len(day.new), len(day.known), len(day.open), len(day.refused), day.asked_again) == (
        4,
        3,
        2,
        1,
        3,
    )
    assert (day.per_second, day.milliseconds(0.5), day.milliseconds(0.95)) == (2, 200, 400)


@pytest.mark.parametrize(
    ("outcome", "check", "sound"),
    [
        (Outcome(ORDER, view(NOW), None, 1, 1), Check("M1", "books balance"), True),
        (Outcome(ORDER, view(NOW, "OUT_OF_STOCK"), None, 1, 1), Check("M1", "books balance"), True),
        (
            Outcome(ORDER, view(NOW, "STEP_UNAVAILABLE"), None, 1, 1),
            Check("M1", "books balance"),
            False,
        ),
        (Outcome(ORDER, None, "422: no", 1, 1), Check("M1", "books balance"), False),
        (Outcome(ORDER, view(NOW, closed=False), None, 1, 1), Check("M1", "books balance"), False),
        (
            Outcome(ORDER, view(NOW), None, 1, 1),
            Check("M1", "books balance", violations=("a penny is missing",)),
            False,
        ),
        (
            Outcome(ORDER, view(NOW), None, 1, 1),
            Check("O3", "all end", skipped="Temporal does not answer"),
            False,
        ),
    ],
    ids=[
        "completed",
        "failed",
        "failed by our fault",
        "refused",
        "open",
        "violated",
        "not looked at",
    ],
)
def test_the_exit_code_vouches_for_ends_and_invariants(
    outcome: Outcome, check: Check, sound: bool
) -> None:
    """A day is sound when each of its orders has ended as orders of a shop do, and each invariant was looked at and holds."""
    completed = Outcome(ORDER, view(NOW), None, 1, 1)
    assert is_sound(Placed((completed, outcome), NOW, seconds=1), Report((check,), (), {})) is sound


def test_nothing_that_failed_is_not_yet_a_success() -> None:
    """A day of which nothing completed, and an audit that looked at nothing, vouch for nothing."""
    short, completed = (
        Outcome(ORDER, view(NOW, reason), None, 1, 1) for reason in ("OUT_OF_STOCK", None)
    )
    holds = Report((Check("M1", "books balance"),), (), {})
    assert not is_sound(Placed((short,), NOW, seconds=1), holds)
    assert not is_sound(Placed((), NOW, seconds=1), holds)
    assert not is_sound(Placed((completed,), NOW, seconds=1), Report((), (), {}))


def test_a_stack_of_its_own_leaves_the_shells_settings_aside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of our settings it is told where it is, and no more; what is no setting of ours stays, and a wrong one is no trouble."""
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "no good setting")
    monkeypatch.setenv("auth_issuer", "in small letters")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    settings = read_settings(EphemeralStackSettings)
    assert settings.model_fields_set == {"data_dir"}
    with own(settings) as stack:
        given = environment(stack)
    ours = {name for name in given if name.lower() in Settings.model_fields}
    assert ours == {"DATA_DIR", "TEMPORAL_PORT", "TEMPORAL_UI_PORT", "API_PORT"}
    assert given["DATA_DIR"] == str(tmp_path)
    assert given["PATH"] == os.environ["PATH"]


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
    """A percentile is the smallest value that enough of the others do not exceed, whatever their sequence."""
    assert percentile(list(range(count, 0, -1)), share) == value
