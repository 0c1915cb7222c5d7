"""What a stream of events tells its listener, and what the listener has heard already."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.sse import ServerSentEvent

from application.orders import BEGINNING, Place
from contracts.states import OrderStatus, SagaState
from contracts.views import Links, OrderView, TimelineEntry
from routes.events import _closed_id
from routes.stream_cursor import StreamCursor, event_id, place_of

Story = list[tuple[Place, str]]

STARTED: Story = [((1, 0), "PENDING"), ((2, 0), "RegisterOrderCommand")]
TERMINATED: Story = [((3, 0), "ProcessPaymentCommand"), ((9, 0), "terminated")]
RESET: Story = [
    ((3, 0), "reset"),
    ((5, 0), "ProcessPaymentCommand"),
    ((9, 0), "PaymentFailedEvent"),
]


def entries_sent(cursor: StreamCursor, story: Story) -> list[str]:
    return [
        what
        for place, what in story
        if cursor.is_new(place, ServerSentEvent(event="note", raw_data=what))
    ]


def test_nothing_is_told_twice() -> None:
    """A story that is read again, as after an outage, goes on where it was."""
    cursor = StreamCursor((0, 0))
    assert cursor.is_at_start
    assert entries_sent(cursor, STARTED) == ["PENDING", "RegisterOrderCommand"]
    assert entries_sent(cursor, STARTED + TERMINATED) == ["ProcessPaymentCommand", "terminated"]
    assert entries_sent(cursor, STARTED + TERMINATED) == []
    assert not cursor.is_at_start


@pytest.mark.parametrize("last", [(0, 0), (2, 0), (3, 0), (9, 0)])
def test_what_came_of_a_reset_is_told_in_full(last: Place) -> None:
    """Its events have the numbers of those they replace; what both runs share is told once."""
    cursor = StreamCursor(last)
    entries_sent(cursor, STARTED + TERMINATED)
    assert entries_sent(cursor, STARTED + RESET) == [
        "reset",
        "ProcessPaymentCommand",
        "PaymentFailedEvent",
    ]
    assert entries_sent(cursor, STARTED + RESET) == []


def test_a_listener_who_comes_back_hears_the_rest() -> None:
    """Behind the last entry it has seen."""
    assert entries_sent(StreamCursor((2, 0)), STARTED + TERMINATED) == [
        "ProcessPaymentCommand",
        "terminated",
    ]


AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def view(order_id: str, state: SagaState) -> OrderView:
    """Return an order in this state."""
    return OrderView(
        order_id=order_id,
        state=state,
        status=OrderStatus.PENDING,
        placed_at=AT,
        timeline=(),
        **dict.fromkeys(("customer_id", "currency", "total_minor", "lines")),
        links=Links(self="", events="", temporal=None),
    )


SENT = TimelineEntry(at=AT, kind="command", name="ProcessPaymentCommand", participant="payment")
PLACE = (9, 1)
ID = event_id(PLACE, SENT)
TRIED_AGAIN = SENT.model_copy(update={"attempt": 7, "detail": {"error": "no route"}})


@pytest.mark.parametrize("entry", [SENT, TRIED_AGAIN], ids=["as sent", "tried again"])
def test_an_id_names_a_place_in_the_story_that_has_it(entry: TimelineEntry) -> None:
    """Also while the command that it names is tried again."""
    assert place_of(ID, [((9, 0), SENT), (PLACE, entry), ((10, 0), SENT)]) == PLACE


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [(PLACE, SENT.model_copy(update={"at": AT + timedelta(microseconds=1)}))],
        [(PLACE, SENT.model_copy(update={"name": "DecreaseStockCommand"}))],
        [(PLACE, SENT.model_copy(update={"step": "ProcessPayment-2"}))],
        [((9, 0), SENT), ((10, 1), SENT)],
    ],
    ids=["nothing yet", "after a reset", "another entry", "another step's", "in other places"],
)
def test_an_id_that_the_story_does_not_have_begins_at_the_beginning(
    entries: list[tuple[Place, TimelineEntry]],
) -> None:
    """So nothing of another order's story, or of one that a reset began anew, is passed over."""
    assert place_of(ID, entries) == BEGINNING
    assert place_of(None, entries) == BEGINNING


def test_the_end_of_one_order_is_not_the_end_of_another() -> None:
    """Nor of the same order in another state."""
    ends = {_closed_id(view(order_id, state)) for order_id in ("7", "8") for state in SagaState}
    assert len(ends) == 2 * len(SagaState)
