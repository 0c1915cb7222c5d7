"""What is made of latencies and of a contestant's use, and of several rounds."""

import pytest

from bench.figures import Use, measurement, ratios, summary
from bench.load import Load

NOTHING_USED = Use(cpu={}, load_cpu=0.0, machine_cpu=0.0, capacity=1.0, peak_bytes=0)


def load(latencies: list[float], errors: tuple[str, ...] = (), seconds: float = 10.0) -> Load:
    ids = tuple(f"order-{number}" for number in range(len(latencies)))
    return Load(tuple(latencies), ids, errors, seconds)


def test_percentiles_are_those_of_completed_orders() -> None:
    """Each is a latency that was seen, by the nearest rank."""
    one = measurement(load([number / 1000 for number in range(1, 101)]), NOTHING_USED)
    assert (one.p50_ms, one.p95_ms, one.p99_ms) == (50.0, 95.0, 99.0)


def test_an_error_is_no_completed_order() -> None:
    """It adds nothing to the rate, and no latency."""
    one = measurement(load([0.1, 0.3], errors=("order-9: 503",) * 8), NOTHING_USED)
    assert (one.completed, len(one.errors), one.rate) == (2, 8, 0.2)


def test_where_nothing_is_completed_there_is_no_latency() -> None:
    """A contestant that fails every order is not a fast one."""
    one = measurement(load([], errors=("no",)), NOTHING_USED)
    assert (one.rate, one.p50_ms, one.p99_ms) == (0.0, None, None)


def test_cpu_is_split_by_process_and_what_is_left_is_others() -> None:
    """Of the machine's 8 seconds the server took 2, a worker 1 and the load 1."""
    use = Use(
        cpu={"server": 2.0, "worker": 1.0},
        load_cpu=1.0,
        machine_cpu=8.0,
        capacity=20.0,
        peak_bytes=3 * 2**20,
    )
    one = measurement(load([0.1] * 10), use)
    assert one.cpu_ms == {"server": 200.0, "worker": 100.0}
    assert one.all_cpu_ms == 300.0
    assert one.load_cpu_ms == 100.0
    assert one.others_share == pytest.approx(0.2)
    assert one.peak_mib == 3.0


def test_a_summary_has_the_medians_and_the_sums() -> None:
    """One slow round of three does not move the figures; no error is lost."""
    rounds = [
        measurement(load([0.010] * 10, seconds=1), NOTHING_USED),
        measurement(load([0.500] * 10, errors=("late",), seconds=5), NOTHING_USED),
        measurement(load([0.012] * 10, seconds=1.25), NOTHING_USED),
    ]
    figures = summary(rounds)
    assert figures.rate == 8.0
    assert figures.p50_ms == pytest.approx(12.0)
    assert (figures.completed, figures.errors) == (30, 1)


def test_ratios_leave_out_who_has_no_value() -> None:
    """A contestant without figures, or with a rate of 0, divides nothing."""
    assert ratios({"a": 30.0, "b": 20.0, "c": None, "d": 0.0}) == {
        "a": {"a": 1.0, "b": 1.5},
        "b": {"a": 20 / 30, "b": 1.0},
    }
