"""The one table from the application's errors to what callers of HTTP are told."""

from collections.abc import Iterator

import pytest

from application import errors
from application.errors import ServiceError
from contracts.states import SagaState
from routes.problems import PROBLEMS, problem_of

AGAIN = {"Retry-After": "2"}

ANSWERS: list[tuple[ServiceError, int, str, dict[str, str] | None]] = [
    (errors.NotFound.of("order a"), 404, "not-found", None),
    (errors.NotPossible("it needs no review"), 409, "not-possible", None),
    (errors.TooLate(SagaState.COMPLETED), 409, "not-possible", None),
    (errors.EndedFromOutside(SagaState.PENDING, "reset it"), 409, "not-possible", None),
    (errors.SagaWedged(), 409, "saga-wedged", None),
    (errors.KeyReused("the key moved something else"), 422, "key-reused", None),
    (errors.RequestKeyReused("a"), 422, "idempotency-key-reused", None),
    (errors.OrderIdTaken("a"), 422, "order-id-reused", None),
    (errors.BatchIdTaken("evening"), 422, "batch-id-reused", None),
    (errors.SelectionGrew(10, 20, 10_000), 409, "selection-grew", None),
    (errors.TooManyBatches(5), 409, "too-many-batch-operations", None),
    (errors.PricesWrong({0: "A has no list price in GBP"}), 422, "invalid", None),
    (errors.CursorGone(5, 7, 9), 410, "cursor-gone", None),
    (errors.NotNow("nobody knows"), 503, "unavailable", AGAIN),
    (errors.Away("Temporal"), 503, "unavailable", AGAIN),
    (errors.NoWorkerAnswered(), 503, "unavailable", AGAIN),
    (errors.Busy(), 503, "unavailable", AGAIN),
    (errors.NotAllowed("the API key is not valid"), 503, "unavailable", AGAIN),
    (errors.PerhapsPlaced("a", errors.Away("Temporal")), 503, "unavailable", AGAIN),
]


def kinds(of: type[ServiceError]) -> Iterator[type[ServiceError]]:
    """Yield every kind of error below one."""
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


@pytest.mark.parametrize(("error", "status", "slug", "headers"), ANSWERS, ids=repr)
def test_an_error_is_answered_by_its_row(
    error: ServiceError, status: int, slug: str, headers: dict[str, str] | None
) -> None:
    """Callers are told the error's own sentence, under the status and the type of its row."""
    problem = problem_of(error)
    assert (problem.document.status, problem.document.type) == (status, f"urn:problem:{slug}")
    assert problem.document.detail == str(error)
    assert problem.headers == (headers or {})


def test_every_kind_of_error_has_a_status() -> None:
    """An error that the application learns to raise is no 500, and is tried above."""
    for kind in kinds(ServiceError):
        assert any(above in PROBLEMS for above in kind.__mro__), kind
    assert {type(error) for error, *_ in ANSWERS} == set(kinds(ServiceError))


def test_the_tree_in_the_module_names_every_kind() -> None:
    """Whoever reads the errors' docstring has read them all."""
    tree = errors.__doc__ or ""
    names = [line.strip("│├└─ ") for line in tree.splitlines() if "── " in line]
    assert sorted(names) == sorted(kind.__name__ for kind in kinds(ServiceError))
