"""What a saga decides, as it is written: within its limit, and marked where it was cut."""

import json
from datetime import UTC, datetime

import pytest

from temporal_saga.call_state import Progress, Settlement
from temporal_saga.failure import Failure
from temporal_saga.memo import (
    LEFT_OUT,
    MEMO_KEY,
    MOST_BYTES,
    RetriableState,
    SagaMemo,
    SignalOutcome,
)

LONG = "é" * 2_000
NOW = datetime(2026, 3, 14, tzinfo=UTC)
FAILURE = Failure("OUT_OF_STOCK", "none left", details={"short": "x" * MOST_BYTES})
SIGNALS = tuple(SignalOutcome(number, "cancel", LONG) for number in range(1, 51))


def stuck_state(step: str) -> RetriableState:
    settlement = Settlement(by="otto", reason=LONG, evidence=LONG, at=NOW)
    return RetriableState(step, "Undo", Progress.STUCK, LONG, settlement, NOW)


def rewrite(memo: SagaMemo) -> SagaMemo:
    document = memo.to_json()
    assert len(json.dumps(document)) <= MOST_BYTES
    return SagaMemo.of({MEMO_KEY: document})


def test_what_fits_is_written_whole() -> None:
    """Nothing is left out, and nothing says so."""
    memo = SagaMemo(Failure("CANCELLED", "by ann"), (stuck_state("Pay"),), SIGNALS[:2])
    assert rewrite(memo) == memo


def test_large_details_are_left_out_first() -> None:
    """They stand in the record, and a mark in their place."""
    memo = rewrite(SagaMemo(FAILURE, (stuck_state("Pay"),), SIGNALS[:2]))
    assert memo.failure is not None
    assert (memo.failure.reason, memo.failure.details) == ("OUT_OF_STOCK", LEFT_OUT)
    assert memo.was_cut
    assert memo.signals == SIGNALS[:2]


def test_then_signals_that_were_ignored() -> None:
    """What was taken is told as long as there is room."""
    many = tuple(SignalOutcome(number, "cancel", LONG) for number in range(1, 50))
    memo = rewrite(SagaMemo(FAILURE, signals=(*many, SignalOutcome(50, "retry_step"))))
    assert (memo.signals, memo.was_cut) == ((SignalOutcome(50, "retry_step"),), True)


def test_then_signals_and_sentences_are_left_out() -> None:
    """Which compensations there are, and how far each is, is left."""
    memo = rewrite(SagaMemo(FAILURE, tuple(stuck_state(f"Step{n}") for n in range(300)), SIGNALS))
    assert (memo.signals, memo.was_cut) == ((), True)
    assert [state.step for state in memo.retriables] == [f"Step{n}" for n in range(300)]
    assert {state.progress for state in memo.retriables} == {Progress.STUCK}


@pytest.mark.long
def test_no_number_of_compensations_is_too_large() -> None:
    """A memo that the server refuses would wedge the saga."""
    memo = rewrite(
        SagaMemo(FAILURE, tuple(stuck_state(f"Step{n}") for n in range(20_000)), SIGNALS)
    )
    assert 0 < len(memo.retriables) < 20_000
    assert memo.was_cut


def test_no_sentence_is_too_long() -> None:
    """However the failure was worded, and whatever a step is called."""
    long = "é" * MOST_BYTES
    retriables = (stuck_state(long),)
    memo = rewrite(SagaMemo(Failure(long, long, step=long, event=long), retriables, SIGNALS))
    assert memo.failure is not None
    assert memo.failure.reason == f"{'é' * 99}…"
    assert memo.failure.reason == memo.failure.message == memo.failure.step == memo.failure.event
    assert {(signal.name, signal.ignored) for signal in memo.signals} == {("cancel", "…")}
    assert memo.was_cut


@pytest.mark.parametrize(
    "failure",
    [
        Failure("CANCELLED", "by ann", details={"why": object()}),
        Failure("CANCELLED", "by ann", details={"why": "\ud800"}),
    ],
    ids=["object", "surrogate"],
)
def test_details_that_are_no_json_are_left_out(failure: Failure) -> None:
    """A workflow may put in what it likes: it is no reason to tell nothing."""
    memo = rewrite(SagaMemo(failure, (stuck_state("Pay"),), SIGNALS[:2]))
    assert memo == SagaMemo(
        Failure("CANCELLED", "by ann", details=LEFT_OUT),
        (stuck_state("Pay"),),
        SIGNALS[:2],
        was_cut=True,
    )


def test_sentences_that_are_no_text_are_spelt_out() -> None:
    """At last only what can be written of them."""
    memo = rewrite(SagaMemo(Failure("CANCELLED", "by \ud800")))
    assert (memo.failure, memo.was_cut) == (Failure("CANCELLED", "by ?"), True)
