"""The metrics of a running system: answers, states of sagas, and Temporal's availability."""

from collections.abc import Callable, Iterator
from math import isnan

import pytest
from prometheus_client.parser import text_string_to_metric_families

from routes import metrics
from tests.stack import Stack, order, until

pytestmark = pytest.mark.long

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system with workers, in which large orders are reviewed."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= {"REVIEW_THRESHOLD_MINOR": "100000", "API_IN_FLIGHT_LIMIT": "2"}
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_all()
        yield system
    finally:
        system.stop()


def figures(stack: Stack) -> Figures:
    """Return the figures by name and labels, as Prometheus reads them."""
    answer = stack.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def figure(samples: Figures, name: str, **labels: str) -> float | None:
    """Return one figure, or None when there is none."""
    return samples.get((name, frozenset(labels.items())))


def count_of_answers(samples: Figures, method: str, route: str, status: int) -> float:
    """Return how many requests were answered so."""
    name = "http_request_duration_seconds_count"
    return figure(samples, name, method=method, route=route, status=str(status)) or 0


def test_orders_and_answers_are_counted(stack: Stack) -> None:
    """Requests by route and status, sagas as they ended or wait, and the process itself."""
    stack.place(order(order_id="done"))
    stack.place(order(order_id="waits", price=100_000))
    stack.closed_order("done")
    stack.http.get("/orders/nobody")

    def waits() -> Figures | None:
        samples = figures(stack)
        is_whole = (
            figure(samples, "order_sagas_open", state="AWAITING_REVIEW") == 1
            and figure(samples, "order_sagas", status="Completed") == 1
        )
        return samples if is_whole else None

    final_samples = until(waits, "the figures tell of the review")
    assert final_samples is not None
    assert figure(final_samples, "order_sagas", status="Running") == 1
    assert (figure(final_samples, "order_sagas_closed_timestamp_seconds") or 0) > 0
    assert figure(final_samples, "order_sagas_open", state="ROLLBACK_STUCK") == 0
    assert figure(final_samples, "orders_needing_attention") == 0
    assert figure(final_samples, "temporal_up") == 1
    assert count_of_answers(final_samples, "POST", "/orders", 202) == 2
    assert count_of_answers(final_samples, "GET", "/orders/{order_id}", 404) == 1
    assert (figure(final_samples, "process_resident_memory_bytes") or 0) > 10**7


def test_what_callers_make_up_has_no_figure_of_its_own(stack: Stack) -> None:
    """Else anybody could fill the memory with methods and paths."""
    for number in range(3):
        stack.http.request(f"DANCE{number}", "/orders")
        stack.http.get(f"/no-such-place-{number}")
        stack.http.get(f"/orders/no-such-place-{number}/")
    samples = figures(stack)
    assert count_of_answers(samples, "other", "/orders", 405) == 3
    assert count_of_answers(samples, "GET", "none", 404) == 6
    assert "DANCE" not in str(samples)
    assert "no-such-place" not in str(samples)


def test_open_streams_are_counted_and_figures_are_told_when_nothing_else_is(stack: Stack) -> None:
    """With as many requests as the API serves at once, one more is refused.

    Monitoring sees it.
    """
    path = "/orders/waits/events"
    with stack.http.stream("GET", path) as first, stack.http.stream("GET", path) as second:
        stream_lines = [
            stream.iter_lines() for stream in (first, second)
        ]  # kept: one that is let go ends its stream
        assert all(next(lines) for lines in stream_lines)
        samples = figures(stack)
        assert figure(samples, "http_requests_in_flight") == 2
        assert stack.http.get("/orders").status_code == 429
    assert count_of_answers(figures(stack), "GET", "/orders", 429) == 1
    until(
        lambda: figure(figures(stack), "http_requests_in_flight") == 0,
        "both are heard to have left: whoever comes next is served",
    )


@pytest.mark.long
def test_an_order_that_calls_for_a_person_is_counted_until_it_is_well_again(stack: Stack) -> None:
    """Also after a reset, whose old run ended early: the order counts, as in the list."""

    def calls(number: int) -> Callable[[], bool]:
        return lambda: figure(figures(stack), "orders_needing_attention") == number

    with stack.hold_database("stock"):
        stack.place(order(order_id="stuck"))
        until(lambda: stack.at_work("stuck", "DecreaseStock"), "the stock service is at work")
        stack.temporal(
            "workflow", "terminate", "--workflow-id", "order-stuck", "--reason", "a test"
        )
    until(calls(1), "somebody is called", seconds=60)
    stack.temporal(
        "workflow",
        "reset",
        "--workflow-id",
        "order-stuck",
        "--type",
        "FirstWorkflowTask",
        "--reason",
        "a test",
    )
    stack.closed_order("stuck")
    until(calls(0), "nobody is called", seconds=60)
    until(
        lambda: (figure(figures(stack), "order_sagas", status="Terminated") or 0) >= 1,
        "what is over is counted when its cost allows it",
        seconds=120,
    )
    assert figure(figures(stack), "order_sagas_wedged") == 0


@pytest.mark.long
def test_with_temporal_away_the_figures_say_so(stack: Stack) -> None:
    """What is not known is left out, and comes back by itself."""
    stack.kill("temporal")

    until(
        lambda: figure(figures(stack), "temporal_up") == 0,
        "Temporal is away",
        seconds=metrics.COUNT_SECONDS + 30,
    )
    samples = figures(stack)
    assert figure(samples, "order_sagas", status="Running") is None
    attention = figure(samples, "orders_needing_attention")
    assert attention is not None
    assert isnan(attention)
    stack.start_temporal()
    until(
        lambda: figure(figures(stack), "temporal_up") == 1,
        "Temporal is back",
        seconds=metrics.COUNT_SECONDS + 30,
    )
