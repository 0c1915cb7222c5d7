from typing import Any

import pytest
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure

from temporal_saga.history import Reader, project
from temporal_saga.moment import Moment
from tests.temporal_saga.server_events import (
    NOW,
    command_event,
    decode,
    event,
    payload,
    payloads,
    rows_of,
    state,
)

LOCKED = "its database is locked by somebody else (database is locked)"


PAY = command_event(5, "ProcessPayment", "payment")
RESTORED = {"event": "StockRestoredEvent"}
UNKNOWN = "got an answer that is no event of its own: its outcome is unknown"
TRIED = event(6, "activity_task_started", scheduled_event_id=5, attempt=3)


def test_a_command_and_its_answer_are_told() -> None:
    """A command names its participant; its answer names the command, its number and its tries."""
    answer = {"event": "PaymentCompletedEvent", "order_id": "7", "amount_minor": 1530}
    completion = event(7, "activity_task_completed", scheduled_event_id=5, result=payloads(answer))
    command = "ProcessPaymentCommand"
    name = "PaymentCompletedEvent"
    assert project([PAY, TRIED, completion], decode) == [
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
    failure_event = event(
        7,
        "activity_task_failed",
        scheduled_event_id=5,
        failure=Failure(application_failure_info=info),
    )
    detail = {"reason": "INSUFFICIENT_FUNDS", "message": "no", "details": {}}
    assert rows_of(PAY, TRIED, failure_event)[1:] == [("event", "PaymentFailedEvent", detail)]


def test_an_outage_is_a_note_with_its_first_cause() -> None:
    """A step that failed or got no answer is told with what went wrong at the bottom of it."""
    failure = Failure(message="activity timed out", cause=Failure(message="database is locked"))
    note = "ProcessPaymentCommand unanswered: its outcome is unknown"
    timed_out = event(7, "activity_task_timed_out", scheduled_event_id=5, failure=failure)
    assert rows_of(PAY, TRIED, timed_out)[1:] == [("note", note, {"error": LOCKED})]
    failure_event = event(7, "activity_task_failed", scheduled_event_id=5, failure=failure)
    assert rows_of(PAY, TRIED, failure_event)[1:] == [
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
    failure_event = event(
        7,
        "activity_task_failed",
        scheduled_event_id=5,
        failure=Failure(message="Failure exceeds size limit.", cause=cut),
    )
    assert rows_of(PAY, TRIED, failure_event)[1:] == [
        ("note", "ProcessPaymentCommand failed", {"error": LOCKED})
    ]


def test_a_failure_by_hand_is_no_refusal() -> None:
    """`temporal activity fail` gives any detail, but not a refusal's type.

    The saga goes by the type, and so does its story.
    """
    info = ApplicationFailureInfo(
        details=payloads({"event": "PaymentFailedEvent", "reason": "INSUFFICIENT_FUNDS"})
    )
    failure_event = event(
        7,
        "activity_task_failed",
        scheduled_event_id=5,
        failure=Failure(message="by hand", application_failure_info=info),
    )
    assert rows_of(PAY, TRIED, failure_event)[1:] == [
        ("note", "ProcessPaymentCommand failed", {"error": "by hand"})
    ]


@pytest.mark.parametrize("answer", [None, 7, "done", ["PaymentCompletedEvent"], {"x": 1}])
def test_an_answer_that_is_no_event_is_a_note(answer: Any) -> None:
    """Whatever a participant answers, the story goes on."""
    completion = event(7, "activity_task_completed", scheduled_event_id=5, result=payloads(answer))
    assert rows_of(PAY, TRIED, completion)[1:] == [("note", f"ProcessPaymentCommand {UNKNOWN}", {})]


def test_who_reads_the_answers_tells_which_are_events() -> None:
    """An event of another command is none of this one's."""
    completion = event(
        7, "activity_task_completed", scheduled_event_id=5, result=payloads(RESTORED)
    )
    moments = project(
        [PAY, TRIED, completion],
        decode,
        is_event=lambda *arguments: arguments != ("ProcessPaymentCommand", RESTORED),
    )
    assert [moment.name for moment in moments[1:]] == [f"ProcessPaymentCommand {UNKNOWN}"]


def test_states_are_told_as_they_are_shown() -> None:
    """A state is told when the search attribute is set, by the start or later, and only then."""
    start = event(1, "workflow_execution_started", search_attributes=state("PENDING"))
    other = event(
        4,
        "upsert_workflow_search_attributes",
        search_attributes={"indexed_fields": {"NeedsAttention": payload(1)}},
    )
    state_change = event(
        5, "upsert_workflow_search_attributes", search_attributes=state("ROLLING_BACK")
    )
    scheduled_task = event(2, "workflow_task_scheduled", attempt=1)
    assert rows_of(start, scheduled_task, other, state_change) == [
        ("state", "PENDING", {}),
        ("state", "ROLLING_BACK", {}),
    ]


def test_an_end_from_outside_is_told() -> None:
    """When Temporal ends a run without compensation, by terminate or timeout, the story says so."""
    termination = event(9, "workflow_execution_terminated", reason="by hand")
    timed_out = event(9, "workflow_execution_timed_out")
    assert rows_of(termination) == [
        ("note", "terminated from outside: nothing more is compensated", {"reason": "by hand"})
    ]
    assert rows_of(timed_out) == [
        ("note", "timed out from outside: nothing more is compensated", {})
    ]


def test_a_later_run_counts_on_from_the_events_of_those_before() -> None:
    """With what it was told when it began nothing happened: that was told already."""
    reader = Reader(decode, events_before=40)
    start = event(1, "workflow_execution_started", search_attributes=state("PENDING"))
    assert list(reader.read(start)) == []
    [command] = reader.read(PAY)
    assert (command.event, command.command_event) == (45, 45)
    signal = event(6, "workflow_execution_signaled", signal_name="cancel")
    assert list(reader.read(signal)) == []
    assert [(moment.name, moment.event) for moment in reader.rest()] == [("cancel", 46)]


def test_behind_a_gap_an_answer_to_what_stands_in_it_is_left_out() -> None:
    """Nobody knows its command; what else happened is told."""
    reader = Reader(decode)
    assert list(reader.skip()) == []
    answer = payloads({"event": "PaymentCompletedEvent", "order_id": "7"})
    events = [
        event(906, "activity_task_started", scheduled_event_id=900, attempt=1),
        event(907, "activity_task_completed", scheduled_event_id=900, result=answer),
        event(908, "activity_task_timed_out", scheduled_event_id=901),
        event(911, "workflow_task_failed", scheduled_event_id=909, failure={"message": "boom"}),
    ]
    names = [moment.name for each in events for moment in reader.read(each)]
    assert names == ["the orchestrator failed here, and tries again"]
