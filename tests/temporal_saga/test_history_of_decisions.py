"""What people decided, in a saga's history: each message stands where the saga heard it."""

from typing import Any

import pytest
from temporalio.api.history.v1 import HistoryEvent

from temporal_saga.failure import Failure as Cause
from temporal_saga.history import Reader, project
from temporal_saga.memo import TEMPORALS_CANCEL, SagaMemo, SignalOutcome
from tests.temporal_saga.server_events import (
    NOW,
    decode,
    event,
    payload,
    payloads,
    rows_of,
    state,
)

WISH = {"by": "ann", "reason": "ordered twice"}


def signal(number: int, name: str = "cancel") -> HistoryEvent:
    return event(number, "workflow_execution_signaled", signal_name=name, input=payloads(WISH))


def memo(number: int, *outcomes: SignalOutcome, failure: Cause | None = None) -> HistoryEvent:
    """Return the event by which a saga writes what became of these signals, and why it fails."""
    count = max((outcome.number for outcome in outcomes), default=0)
    memo_json = SagaMemo(failure=failure, signals=outcomes, signal_count=count).to_json()
    return event(
        number,
        "workflow_properties_modified",
        upserted_memo={"fields": {"saga": payload(memo_json), "fingerprint": payload("f")}},
    )


def decisions(*history: HistoryEvent) -> list[tuple[str, str | None, bool]]:
    """Return what the story says of signals: the name, why it was ignored, whether it was heard."""
    moments = project(history, decode)
    return [(m.name, m.ignored, m.is_heard) for m in moments if m.kind == "decision"]


BOOM = Cause("CANCELLED", "cancelled by an operator")
LATE = "too late to cancel: the order is FAILED"


def test_every_way_to_decide_is_told() -> None:
    """A signal, an update and Temporal's own cancel, with who and why as far as they say so."""
    request = {"input": {"name": "request_cancel", "args": payloads(WISH)}}
    update = event(
        4, "workflow_execution_update_accepted", protocol_instance_id="u", accepted_request=request
    )
    cancel = event(5, "workflow_execution_cancel_requested", cause="wrong customer")
    memo_event = memo(9, SignalOutcome(1, "cancel"), failure=BOOM)
    assert rows_of(signal(3), update, cancel, memo_event) == [
        ("decision", "request_cancel", {"arguments": [WISH], "by": "update"}),
        ("decision", "cancel", {"arguments": [WISH], "by": "signal"}),
        ("decision", "cancel", {"by": "temporal", "reason": "wrong customer"}),
    ]


def test_a_signal_stands_where_the_saga_says_what_became_of_it() -> None:
    """Behind the memo's event and at no earlier place.

    So that who follows the story misses none.
    """
    reader = Reader(decode)
    assert list(reader.read(signal(3))) == []
    assert [moment.name for moment in reader.signals.still_pending()] == ["cancel"]
    [moment] = reader.read(memo(9, SignalOutcome(1, "cancel", LATE)))
    assert (moment.name, moment.ignored, moment.is_heard, moment.at) == ("cancel", LATE, True, NOW)
    assert list(reader.read(memo(10, SignalOutcome(1, "cancel", LATE)))) == []
    assert list(reader.signals.still_pending()) == []


def of_task(number: int, kind: str, **attributes: Any) -> HistoryEvent:
    return event(number, kind, workflow_task_completed_event_id=5, **attributes)


ROLLS_BACK = of_task(
    6, "upsert_workflow_search_attributes", search_attributes=state("ROLLING_BACK")
)
TASK = event(5, "workflow_task_completed", scheduled_event_id=3)


def test_a_signal_stands_before_what_the_task_did_that_heard_it() -> None:
    """The memo is the last that a task writes; its signals get places at the task's beginning."""
    refund = of_task(7, "activity_task_scheduled", activity_type={"name": "RefundPayment"})
    memo_event = memo(8, SignalOutcome(1, "cancel"), failure=BOOM)
    moments = project([signal(2), TASK, ROLLS_BACK, refund, memo_event], decode)
    assert [(moment.name, moment.event) for moment in moments] == [
        ("cancel", 5),
        ("ROLLING_BACK", 6),
        ("RefundPaymentCommand", 7),
    ]


def test_a_task_that_tells_of_no_signal_holds_up_nothing() -> None:
    """What it did is told with the next event, or at the end."""
    reader = Reader(decode)
    for earlier_event in (signal(2), TASK, ROLLS_BACK):
        assert list(reader.read(earlier_event)) == []
    start = event(7, "workflow_task_scheduled", attempt=1)
    assert [moment.name for moment in reader.read(start)] == ["ROLLING_BACK"]
    names = [moment.name for moment in project([signal(2), TASK, ROLLS_BACK], decode)]
    assert names == ["ROLLING_BACK", "cancel"]


@pytest.mark.parametrize(
    ("history", "outcomes"),
    [
        ([signal(3)], [("cancel", None, False)]),
        ([signal(3), memo(9)], [("cancel", None, False)]),
        ([signal(3), memo(9, SignalOutcome(1, "cancel"))], [("cancel", None, True)]),
        (
            [
                *(signal(3, "retry_step"), signal(4), signal(5, "dance")),
                memo(
                    9,
                    *(SignalOutcome(1, "retry_step", "not stuck"), SignalOutcome(2, "cancel")),
                    SignalOutcome(3, "dance", "no such message"),
                ),
            ],
            [
                ("retry_step", "not stuck", True),
                ("cancel", None, True),
                ("dance", "no such message", True),
            ],
        ),
        (
            [signal(3, "dance"), signal(4), memo(9, SignalOutcome(2, "cancel"))],
            [("dance", "", True), ("cancel", None, True)],
        ),
    ],
    ids=["not heard", "another memo", "taken", "three by one memo", "too many for the memo"],
)
def test_each_signal_is_known_by_its_number(
    history: list[HistoryEvent], outcomes: list[tuple[str, str | None, bool]]
) -> None:
    """All names are counted together; one that came before those which are told was ignored."""
    assert decisions(*history) == outcomes


CANCEL = event(3, "workflow_execution_cancel_requested", cause="why")
TOO_LATE = SignalOutcome(TEMPORALS_CANCEL, "cancel", LATE)


@pytest.mark.parametrize(
    ("history", "outcome"),
    [
        ([CANCEL], ("cancel", None, False)),
        ([CANCEL, memo(9)], ("cancel", None, False)),
        ([CANCEL, memo(9, failure=BOOM)], ("cancel", None, True)),
        ([CANCEL, memo(9, TOO_LATE)], ("cancel", LATE, True)),
        ([CANCEL, memo(9, TOO_LATE, failure=BOOM)], ("cancel", LATE, True)),
        ([memo(2, failure=BOOM), CANCEL, memo(9, failure=BOOM)], ("cancel", None, False)),
        ([memo(2, failure=BOOM), CANCEL, memo(9, TOO_LATE, failure=BOOM)], ("cancel", LATE, True)),
    ],
)
def test_temporals_own_cancel_is_taken_by_the_rollback_that_it_begins(
    history: list[HistoryEvent], outcome: tuple[str, str | None, bool]
) -> None:
    """It has no number; that it came too late the saga says, in a rollback as well."""
    assert decisions(*history) == [outcome]


@pytest.mark.parametrize(
    "end",
    [
        "workflow_execution_completed",
        "workflow_execution_failed",
        "workflow_execution_continued_as_new",
    ],
)
def test_temporals_own_cancel_was_taken_where_nothing_says_that_it_was_too_late(end: str) -> None:
    """The saga may complete all the same, if an earlier run had, and may go on in another run."""
    assert decisions(CANCEL, event(9, end)) == [("cancel", None, True)]
    assert decisions(CANCEL, memo(8, TOO_LATE), event(9, end)) == [("cancel", LATE, True)]
    assert decisions(CANCEL, event(9, "workflow_execution_terminated")) == [("cancel", None, False)]


def test_behind_a_gap_signals_are_numbered_by_the_next_memo() -> None:
    """The last signal before a memo is the last that the memo tells; those in the gap are gone."""
    reader = Reader(decode)
    assert list(reader.read(signal(3, "lost"))) == []
    reader.signals.skip()
    assert list(reader.read(signal(900, "dance"))) == []
    assert list(reader.read(signal(901))) == []
    outcomes = (SignalOutcome(41, "dance", "no"), SignalOutcome(42, "cancel"))
    outcome = [(m.name, m.ignored) for m in reader.read(memo(905, *outcomes))]
    assert outcome == [("dance", "no"), ("cancel", None)]
    assert list(reader.read(signal(910, "approve"))) == []
    [approval] = reader.read(memo(912, *outcomes, SignalOutcome(43, "approve")))
    assert approval.name == "approve"


def test_signals_are_numbered_although_the_last_is_left_out() -> None:
    """A memo that tells of some of very many says how many there were."""
    memo_json = SagaMemo(signals=(SignalOutcome(2, "cancel"),), signal_count=3).to_json()
    modification = event(
        9, "workflow_properties_modified", upserted_memo={"fields": {"saga": payload(memo_json)}}
    )
    told_of = decisions(signal(3, "dance"), signal(4), signal(5, "dance"), modification)
    assert told_of == [("dance", "", True), ("cancel", None, True), ("dance", "", True)]


def test_a_run_that_goes_on_knows_that_it_rolls_back() -> None:
    """The memo of the run before stands in the first event; its signals are none of this run."""
    approval = SignalOutcome(1, "approve")
    carried_memo = SagaMemo(failure=BOOM, signals=(approval,), signal_count=1).to_json()
    start = event(1, "workflow_execution_started", memo={"fields": {"saga": payload(carried_memo)}})
    assert decisions(start, CANCEL, memo(9, failure=BOOM)) == [("cancel", None, False)]
    assert decisions(start, signal(3)) == [("cancel", None, False)]


def test_an_update_is_told_after_a_reset_too() -> None:
    """An update that a reset repeats is read from the event in which its request stands."""
    request = {
        "meta": {"update_id": "u-1"},
        "input": {"name": "request_cancel", "args": payloads(WISH)},
    }
    admission = event(6, "workflow_execution_update_admitted", request=request)
    acceptance = event(
        10,
        "workflow_execution_update_accepted",
        protocol_instance_id="u-1",
        accepted_request_sequencing_event_id=6,
    )
    assert rows_of(admission, acceptance) == [
        ("decision", "request_cancel", {"arguments": [WISH], "by": "update"})
    ]
