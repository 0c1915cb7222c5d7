"""What a stream of events tells its listener, and what the listener has heard already."""

import pytest
from fastapi.sse import ServerSentEvent

from routes.events import Heard, Place

Story = list[tuple[Place, str]]

STARTED: Story = [((1, 0), "PENDING"), ((2, 0), "RegisterOrderCommand")]
TERMINATED: Story = [((3, 0), "ProcessPaymentCommand"), ((9, 0), "terminated")]
RESET: Story = [((3, 0), "reset"), ((5, 0), "ProcessPaymentCommand"), ((9, 0), "PaymentFailedEvent")]


def told(heard: Heard, story: Story) -> list[str]:
    return [what for place, what in story if heard.is_new(place, ServerSentEvent(event="note", raw_data=what))]


def test_nothing_is_told_twice() -> None:
    """A story that is read again, as after an outage, goes on where it was."""
    heard = Heard((0, 0))
    assert heard.nothing
    assert told(heard, STARTED) == ["PENDING", "RegisterOrderCommand"]
    assert told(heard, STARTED + TERMINATED) == ["ProcessPaymentCommand", "terminated"]
    assert told(heard, STARTED + TERMINATED) == []
    assert not heard.nothing


@pytest.mark.parametrize("last", [(0, 0), (2, 0), (3, 0), (9, 0)])
def test_what_came_of_a_reset_is_told_in_full(last: Place) -> None:
    """Its events have the numbers of those they replace; what it shares with the run before is told once."""
    heard = Heard(last)
    told(heard, STARTED + TERMINATED)
    assert told(heard, STARTED + RESET) == ["reset", "ProcessPaymentCommand", "PaymentFailedEvent"]
    assert told(heard, STARTED + RESET) == []


def test_a_listener_who_comes_back_hears_the_rest() -> None:
    """Behind the last entry it has seen."""
    assert told(Heard((2, 0)), STARTED + TERMINATED) == ["ProcessPaymentCommand", "terminated"]
