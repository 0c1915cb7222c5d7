"""When the demo calls a day sound."""

import pytest

from operations.audit.audit import Check, Report
from operations.demo.load_generator import LoadResult, Outcome
from operations.demo.shop_day import is_sound
from tests.operations.outcomes import NOW, ORDER, view


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
        (
            Outcome(ORDER, view(NOW, is_closed=False), None, 1, 1),
            Check("M1", "books balance"),
            False,
        ),
        (
            Outcome(ORDER, view(NOW), None, 1, 1),
            Check("M1", "books balance", violations=("a penny is missing",)),
            False,
        ),
        (
            Outcome(ORDER, view(NOW), None, 1, 1),
            Check("O3", "all end", skip_reason="Temporal does not answer"),
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
    """Every order ended as expected, and every invariant was looked at and holds."""
    complete_outcome = Outcome(ORDER, view(NOW), None, 1, 1)
    assert (
        is_sound(
            LoadResult((complete_outcome, outcome), NOW, seconds=1), Report((check,), (), (), {})
        )
        is sound
    )


def test_nothing_that_failed_is_not_yet_a_success() -> None:
    """A day of which nothing completed, and an audit that looked at nothing, vouch for nothing."""
    short, complete_outcome = (
        Outcome(ORDER, view(NOW, reason), None, 1, 1) for reason in ("OUT_OF_STOCK", None)
    )
    holds = Report((Check("M1", "books balance"),), (), (), {})
    assert not is_sound(LoadResult((short,), NOW, seconds=1), holds)
    assert not is_sound(LoadResult((), NOW, seconds=1), holds)
    assert not is_sound(LoadResult((complete_outcome,), NOW, seconds=1), Report((), (), (), {}))
