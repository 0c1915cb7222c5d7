from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import parse

from routes.rate import MOST_CALLERS, MOST_MARKS, Callers, site


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_window_moves(clock: Clock) -> None:
    """No stretch of time has more requests than the rate says.

    The wait ends when the first has left the window.
    """
    callers = Callers(parse("3/minute"), clock)
    waits = []
    for seconds in (0, 20, 20, 10, 9, 2, 0, 30):
        clock.now += seconds
        waits.append(callers.seconds_to_wait("token", "ann"))
    assert waits == [0, 0, 0, 10, 1, 0, 19, 0]


def test_the_wait_is_never_longer_than_the_window(clock: Clock) -> None:
    """Whoever asks without end is told a time within the window, and is let in once it is over."""
    callers = Callers(parse("5/10 seconds"), clock)
    for _ in range(2_000):
        clock.now += 0.01
        wait = callers.seconds_to_wait("token", "ann")
        assert 0 <= wait <= 10
    clock.now += wait
    assert callers.seconds_to_wait("token", "ann") == 0
    clock.now -= 3_600  # as clocks of the wall do, and those that tests forge
    assert [callers.seconds_to_wait("token", "ann") for _ in range(6)] == [0] * 5 + [10]


PAUSES = st.floats(0, 3) | st.floats(55, 61)
"""Within one mark or two of a minute's, and nearly as long as the minute or a little longer."""

BURSTS = st.lists(st.tuples(PAUSES, st.integers(1, 150)), min_size=1, max_size=20)
"""The pause before so many requests at once."""


@settings(derandomize=True, deadline=None)
@given(amount=st.integers(1, 4 * MOST_MARKS), bursts=BURSTS)
def test_no_window_has_more_than_the_rate(amount: int, bursts: list[tuple[float, int]]) -> None:
    """However requests come, and also where several are one mark.

    The marks that are kept are few.
    """
    clock = Clock()
    callers = Callers(parse(f"{amount}/minute"), clock)
    times_let_in: list[float] = []
    for pause, count in bursts:
        clock.now += pause
        for _ in range(count):
            times_let_in += [clock.now] * (callers.seconds_to_wait("token", "ann") == 0)
        assert sum(clock.now - at < 60 for at in times_let_in) <= amount
        assert len(callers._marks[next(iter(callers._marks))]) <= MOST_MARKS + 1


@pytest.mark.parametrize("rate", ["33/minute", "100/minute", "601/minute", "6000/day"])
def test_a_steady_caller_a_little_below_the_rate_is_never_turned_away(
    clock: Clock, rate: str
) -> None:
    """A mark counts for longer than its first requests are in the window: by 1/32 at most."""
    item = parse(rate)
    callers = Callers(item, clock)
    pause = item.get_expiry() / item.amount * (1 + 1 / MOST_MARKS) * 1.000_001
    for _ in range(5 * item.amount):
        clock.now += pause
        assert callers.seconds_to_wait("token", "ann") == 0


@pytest.mark.parametrize("rate", ["7/second", "600/minute", "6000/day"])
def test_a_caller_costs_little(clock: Clock, rate: str) -> None:
    """However many requests a rate allows, few marks are kept of each caller.

    As many requests get through as are allowed.
    """
    item = parse(rate)
    callers = Callers(item, clock)
    requests_let_in = 0
    for _ in range(2 * item.amount):
        clock.now += item.get_expiry() / item.amount / 4
        requests_let_in += callers.seconds_to_wait("token", "ann") == 0
    assert requests_let_in == item.amount
    marks = next(iter(callers._marks.values()))
    assert len(marks) <= MOST_MARKS + 1


def test_callers_do_not_share(clock: Clock) -> None:
    """A subject is not an address, and nobody is somebody else."""
    callers = Callers(parse("1/minute"), clock)
    for who in (("token", "ann"), ("address", "ann"), ("token", "bob"), ("token", "\ud800")):
        assert callers.seconds_to_wait(*who) == 0
        assert callers.seconds_to_wait(*who) == 60


def test_the_table_is_bounded(clock: Clock) -> None:
    """Of many callers with long names the latest are remembered, each by a few bytes.

    Nobody is once they are quiet.
    """
    callers = Callers(parse("5/minute"), clock)
    for number in range(MOST_CALLERS + 1_000):
        clock.now += 0.001
        assert callers.seconds_to_wait("address", f"{number}" * 100) == 0
    assert len(callers._marks) == MOST_CALLERS
    assert max(map(len, callers._marks)) == 16
    clock.now += 61
    assert callers.seconds_to_wait("token", "ann") == 0
    assert len(callers._marks) == 1


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("10.1.2.3", 5), "10.1.2.3"),
        (("::ffff:10.1.2.3", 5), "10.1.2.3"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2::/64"),
        (("2001:db8:1:2::9", 5), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 5), "fe80::/64"),
        (("::1", 5), "::/64"),
        (("unknown", 0), "unknown"),
        (None, ""),
    ],
)
def test_where_a_request_comes_from(client: Any, address: str) -> None:
    """An IPv4 address is one caller in either form; of IPv6, a whole subscriber network is."""
    assert site({"type": "http", "client": client}) == address
