import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.history.v1 import HistoryEvent

from temporal_saga.failure import Failure as Cause
from temporal_saga.history import Reader, project
from temporal_saga.memo import TEMPORALS_CANCEL, SagaMemo, SignalOutcome
from temporal_saga.moment import Moment

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)

LOCKED = "its database is locked by somebody else (database is locked)"


def payload(value: Any) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


def payloads(*values: Any) -> Payloads:
    return Payloads(payloads=[payload(value) for value in values])


def decode(given: Payload) -> Any:
    return json.loads(given.data)


def event(number: int, kind: str, summary: str | None = None, **attributes: Any) -> HistoryEvent:
    """Return one event of a history, as Temporal's server writes it."""
    at = Timestamp()
    at.FromDatetime(NOW)
    written: dict[str, Any] = {f"{kind}_event_attributes": attributes}
    if summary is not None:
        written["user_metadata"] = {"summary": payload(summary)}
    return HistoryEvent(event_id=number, event_time=at, **written)


def state(name: str) -> dict[str, Any]:
    return {"indexed_fields": {"SagaState": payload(name), "CustomerId": payload("17850")}}


def scheduled(number: int, activity: str, participant: str) -> HistoryEvent:
    kind = {"name": activity}
    return event(
        number,
        "activity_task_scheduled",
        f"do {activity}",
        activity_type=kind,
        task_queue={"name": participant},
    )


def told(*history: HistoryEvent) -> list[tuple[str, str, dict[str, Any]]]:
    return [(moment.kind, moment.name, moment.detail) for moment in project(history, decode)]


PAY = scheduled(5, "ProcessPayment", "payment")
RESTORED = {"event": "StockRestoredEvent"}
UNKNOWN = "got an answer that is no event of its own: its outcome is unknown"
TRIED = event(6, "activity_task_started", scheduled_event_id=5, attempt=3)


def test_a_command_and_its_answer_are_told() -> None:
    """A command names its participant; its answer names the command, its number and its tries."""
    answer = {"event": "PaymentCompletedEvent", "order_id": "7", "amount_minor": 1530}
    completed = event(7, "activity_task_completed", scheduled_event_id=5, result=payloads(answer))
    command, name = "ProcessPaymentCommand", "PaymentCompletedEvent"
    assert project([PAY, TRIED, completed], decode) == [
        Moment(
            *(NOW, "command", command, "payment", command, None),
            *({"summary": "do ProcessPayment"}, 5, 5),
        ),
        Moment(NOW, "event", name, "payment", command, 3, {"amount_minor": 1530}, 5, 7),
    ]


def test_a_refusal_is_an_event() -> None:
    """A participant's no is told like its yes, with the reason."""
    refusal = {
        "event": "PaymentFailedEvent",
        "order_id": "7",
        "reason": "INSUFFICIENT_FUNDS",
        "message": "no",
        "details": {},
    }
    info = ApplicationFailureInfo(type="PaymentFailedEvent", details=payloads(refusal))
    failed = event(
        7,
        "activity_task_failed",
        scheduled_event_id=5,
        failure=Failure(application_failure_info=info),
    )
    detail = {"reason": "INSUFFICIENT_FUNDS", "message": "no", "details": {}}
    assert told(PAY, TRIED, failed)[1:] == [("event", "PaymentFailedEvent", detail)]


def test_an_outage_is_a_note_with_its_first_cause() -> None:
    """A step that failed or got no answer is told with what went wrong at the bottom of it."""
    failure = Failure(message="activity timed out", cause=Failure(message="database is locked"))
    note = "ProcessPaymentCommand unanswered: its outcome is unknown"
    timed_out = event(7, "activity_task_timed_out", scheduled_event_id=5, failure=failure)
    assert told(PAY, TRIED, timed_out)[1:] == [("note", note, {"error": LOCKED})]
    failed = event(7, "activity_task_failed", scheduled_event_id=5, failure=failure)
    assert told(PAY, TRIED, failed)[1:] == [
        ("note", "ProcessPaymentCommand failed", {"error": LOCKED})
    ]


def test_a_cause_that_the_server_has_cut_off_is_passed_over() -> None:
    """Of a failure too large to be kept with an open activity, the ends of the chain say just that.

    Or they are empty.
    """
    cut = Failure(
        message="database is locked",
        cause=Failure(application_failure_info=ApplicationFailureInfo(type="Operationa")),
    )
    failed = event(
        7,
        "activity_task_failed",
        scheduled_event_id=5,
        failure=Failure(message="Failure exceeds size limit.", cause=cut),
    )
    assert told(PAY, TRIED, failed)[1:] == [
        ("note", "ProcessPaymentCommand failed", {"error": LOCKED})
    ]


def test_a_failure_by_hand_is_no_refusal() -> None:
    """`temporal activity fail` gives any detail, but not a refusal's type.

    The saga goes by the type, and so does its story.
    """
    info = ApplicationFailureInfo(
        details=payloads({"event": "PaymentFailedEvent", "reason": "INSUFFICIENT_FUNDS"})
    )
    failed = event(
        7,
        "activity_task_failed",
        scheduled_event_id=5,
        failure=Failure(message="by hand", application_failure_info=info),
    )
    assert told(PAY, TRIED, failed)[1:] == [
        ("note", "ProcessPaymentCommand failed", {"error": "by hand"})
    ]


@pytest.mark.parametrize("answer", [None, 7, "done", ["PaymentCompletedEvent"], {"x": 1}])
def test_an_answer_that_is_no_event_is_a_note(answer: Any) -> None:
    """Whatever a participant answers, the story goes on."""
    completed = event(7, "activity_task_completed", scheduled_event_id=5, result=payloads(answer))
    assert told(PAY, TRIED, completed)[1:] == [("note", f"ProcessPaymentCommand {UNKNOWN}", {})]


def test_who_reads_the_answers_tells_which_are_events() -> None:
    """An event of another command is none of this one's."""
    completed = event(7, "activity_task_completed", scheduled_event_id=5, result=payloads(RESTORED))
    moments = project(
        [PAY, TRIED, completed],
        decode,
        is_event=lambda *asked: asked != ("ProcessPaymentCommand", RESTORED),
    )
    assert [moment.name for moment in moments[1:]] == [f"ProcessPaymentCommand {UNKNOWN}"]


def test_states_are_told_as_they_are_shown() -> None:
    """A state is told when the search attribute is set, by the start or later, and only then."""
    started = event(1, "workflow_execution_started", search_attributes=state("PENDING"))
    other = event(
        4,
        "upsert_workflow_search_attributes",
        search_attributes={"indexed_fields": {"NeedsAttention": payload(1)}},
    )
    moved = event(5, "upsert_workflow_search_attributes", search_attributes=state("ROLLING_BACK"))
    scheduled_task = event(2, "workflow_task_scheduled", attempt=1)
    assert told(started, scheduled_task, other, moved) == [
        ("state", "PENDING", {}),
        ("state", "ROLLING_BACK", {}),
    ]


WISH = {"by": "ann", "reason": "ordered twice"}


def signal(number: int, name: str = "cancel") -> HistoryEvent:
    return event(number, "workflow_execution_signaled", signal_name=name, input=payloads(WISH))


def memo(number: int, *outcomes: SignalOutcome, failure: Cause | None = None) -> HistoryEvent:
    """Return the event by which a saga writes what became of these signals, and why it fails."""
    count = max((outcome.number for outcome in outcomes), default=0)
    written = SagaMemo(failure=failure, signals=outcomes, signal_count=count).to_json()
    return event(
        number,
        "workflow_properties_modified",
        upserted_memo={"fields": {"saga": payload(written), "fingerprint": payload("f")}},
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
    taken = memo(9, SignalOutcome(1, "cancel"), failure=BOOM)
    assert told(signal(3), update, cancel, taken) == [
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
    assert [moment.name for moment in reader.signals.unheard()] == ["cancel"]
    [moment] = reader.read(memo(9, SignalOutcome(1, "cancel", LATE)))
    assert (moment.name, moment.ignored, moment.is_heard, moment.at) == ("cancel", LATE, True, NOW)
    assert list(reader.read(memo(10, SignalOutcome(1, "cancel", LATE)))) == []
    assert list(reader.signals.unheard()) == []


def of_task(number: int, kind: str, **attributes: Any) -> HistoryEvent:
    return event(number, kind, workflow_task_completed_event_id=5, **attributes)


ROLLS_BACK = of_task(
    6, "upsert_workflow_search_attributes", search_attributes=state("ROLLING_BACK")
)
TASK = event(5, "workflow_task_completed", scheduled_event_id=3)


def test_a_signal_stands_before_what_the_task_did_that_heard_it() -> None:
    """The memo is the last that a task writes; its signals get places at the task's beginning."""
    refund = of_task(7, "activity_task_scheduled", activity_type={"name": "RefundPayment"})
    written = memo(8, SignalOutcome(1, "cancel"), failure=BOOM)
    moments = project([signal(2), TASK, ROLLS_BACK, refund, written], decode)
    assert [(moment.name, moment.event) for moment in moments] == [
        ("cancel", 5),
        ("ROLLING_BACK", 6),
        ("RefundPaymentCommand", 7),
    ]


def test_a_task_that_tells_of_no_signal_holds_up_nothing() -> None:
    """What it did is told with the next event, or at the end."""
    reader = Reader(decode)
    for given in (signal(2), TASK, ROLLS_BACK):
        assert list(reader.read(given)) == []
    started = event(7, "workflow_task_scheduled", attempt=1)
    assert [moment.name for moment in reader.read(started)] == ["ROLLING_BACK"]
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
    [approved] = reader.read(memo(912, *outcomes, SignalOutcome(43, "approve")))
    assert approved.name == "approve"


def test_signals_are_numbered_although_the_last_is_left_out() -> None:
    """A memo that tells of some of very many says how many there were."""
    written = SagaMemo(signals=(SignalOutcome(2, "cancel"),), signal_count=3).to_json()
    modified = event(
        9, "workflow_properties_modified", upserted_memo={"fields": {"saga": payload(written)}}
    )
    told_of = decisions(signal(3, "dance"), signal(4), signal(5, "dance"), modified)
    assert told_of == [("dance", "", True), ("cancel", None, True), ("dance", "", True)]


def test_a_run_that_goes_on_knows_that_it_rolls_back() -> None:
    """The memo of the run before stands in the first event; its signals are none of this run."""
    approved = SignalOutcome(1, "approve")
    carried = SagaMemo(failure=BOOM, signals=(approved,), signal_count=1).to_json()
    started = event(1, "workflow_execution_started", memo={"fields": {"saga": payload(carried)}})
    assert decisions(started, CANCEL, memo(9, failure=BOOM)) == [("cancel", None, False)]
    assert decisions(started, signal(3)) == [("cancel", None, False)]


def test_an_update_is_told_after_a_reset_too() -> None:
    """An update that a reset repeats is read from the event in which its request stands."""
    request = {
        "meta": {"update_id": "u-1"},
        "input": {"name": "request_cancel", "args": payloads(WISH)},
    }
    admitted = event(6, "workflow_execution_update_admitted", request=request)
    accepted = event(
        10,
        "workflow_execution_update_accepted",
        protocol_instance_id="u-1",
        accepted_request_sequencing_event_id=6,
    )
    assert told(admitted, accepted) == [
        ("decision", "request_cancel", {"arguments": [WISH], "by": "update"})
    ]


def test_an_end_from_outside_is_told() -> None:
    """When Temporal ends a run without compensation, by terminate or timeout, the story says so."""
    terminated = event(9, "workflow_execution_terminated", reason="by hand")
    timed_out = event(9, "workflow_execution_timed_out")
    assert told(terminated) == [
        ("note", "terminated from outside: nothing more is compensated", {"reason": "by hand"})
    ]
    assert told(timed_out) == [("note", "timed out from outside: nothing more is compensated", {})]
