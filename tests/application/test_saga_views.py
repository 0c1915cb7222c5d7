"""A saga of any type from what its history and its memo say, without Temporal."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from temporalio.client import WorkflowExecutionStatus

from application.any_saga import in_words, view_of
from application.order_view import view_of_run
from application.run import Run
from contracts.acts import MESSAGES, Act
from contracts.saga_views import SagaView
from temporal_saga.call_state import Progress
from temporal_saga.failure import Failure
from temporal_saga.memo import RetriableState, SagaMemo
from temporal_saga.moment import Kind, Moment
from temporal_saga.plan import PlannedStep
from tests.application.order_runs import LINKS, PAID, REGISTERED, retriable, settlement
from tests.application.order_runs import run as order_run

AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
FAILURE = Failure("SOLD_OUT", "nothing is left", "BookBus", "SoldOut")


def moment(kind: Kind, name: str, command: str, *, step: str | None = None) -> Moment:
    """Return one moment of a command."""
    return Moment(
        AT, kind, name, "buses", command, 1, {}, 5, 5, step=step, refuses=name == "SoldOut"
    )


def send_of(command: str, step: str | None = None) -> Moment:
    """Return that a command was sent."""
    return moment("command", command, command, step=step)


def answer_to(command: str, event: str, step: str | None = None) -> Moment:
    """Return that it was answered."""
    return moment("event", event, command, step=step)


def view(run: Run, *plan: PlannedStep, status: str = "RUNNING") -> SagaView:
    """Return the view of a run."""
    closed_at = None if status == "RUNNING" else AT
    number = WorkflowExecutionStatus[status]
    run = replace(run, closed_at=closed_at, workflow_type="Tour", status=number)
    return view_of("tour-1", run, plan)


def fates(saga: SagaView) -> list[tuple[str, str, str | None]]:
    """Return each step, how far it has come, and how far what takes it back."""
    return [
        (step.step, step.state, step.compensation.state if step.compensation else None)
        for step in saga.steps
    ]


BUS = PlannedStep("BookBus", "BookBus", "buses", "CancelBus")
BUS_2 = PlannedStep("BookBus-2", "BookBus", "buses", "CancelBus")
LAST = PlannedStep("SendTicket", "SendTicket", "post", None, after_pivot=True)


def test_two_steps_with_one_activity_are_two() -> None:
    """By the names of their steps, on the way back as well."""
    moments = [
        send_of("BookBusCommand"),
        answer_to("BookBusCommand", "BusBooked"),
        send_of("BookBusCommand", "BookBus-2"),
        answer_to("BookBusCommand", "SoldOut", "BookBus-2"),
        send_of("CancelBusCommand"),
    ]
    failure = replace(FAILURE, step="BookBus-2")
    memo = SagaMemo(failure, (RetriableState("BookBus", "CancelBus", Progress.RUNNING),))
    run = Run(AT, None, {}, moments, memo=memo)
    for plan in ((BUS, BUS_2, LAST), ()):
        saga = view(run, *plan)
        assert fates(saga)[:2] == [("BookBus", "DONE", "RUNNING"), ("BookBus-2", "REFUSED", None)]
        assert saga.steps[1].message == "nothing is left"
        assert saga.state == "ROLLING_BACK"
        assert not saga.needs_attention
    assert fates(view(run, BUS, BUS_2, LAST))[-1] == ("SendTicket", "SKIPPED", None)


def test_a_step_with_a_name_of_its_own_counts_its_own_tries() -> None:
    """And not those of the step that bears its activity's name."""
    moments = [
        send_of("BookBusCommand"),
        replace(answer_to("BookBusCommand", "BusBookedEvent"), attempt=7),
        replace(send_of("BookBusCommand", "BookBus-2"), command_event=9),
        replace(answer_to("BookBusCommand", "BusBookedEvent", "BookBus-2"), command_event=9),
    ]
    saga = view(Run(AT, None, {}, moments), BUS, BUS_2)
    assert [step.attempts for step in saga.steps] == [7, 1]


def test_a_refusal_without_a_detail_is_known_by_the_failure() -> None:
    """A participant without the plugin raises an error with a type alone."""
    note = moment("note", "BookBusCommand failed", "BookBusCommand")
    run = Run(AT, None, {}, [send_of("BookBusCommand"), note], memo=SagaMemo(FAILURE))
    assert fates(view(run)) == [("BookBus", "REFUSED", None)]
    outage = replace(run, memo=SagaMemo(replace(FAILURE, event=None)))
    assert fates(view(outage)) == [("BookBus", "UNKNOWN", None)]


def test_a_step_after_the_pivot_is_stuck() -> None:
    """It takes nothing back: it is retried or settled as the step that it is."""
    stuck_call = RetriableState("SendTicket", "SendTicket", Progress.STUCK, "no paper")
    run = Run(AT, None, {}, [send_of("SendTicketCommand")], memo=SagaMemo(None, (stuck_call,)))
    saga = view(run, BUS, LAST)
    assert fates(saga) == [("BookBus", "AHEAD", None), ("SendTicket", "STUCK", None)]
    assert (saga.state, saga.needs_attention) == ("COMPLETED", True)
    assert [(act.signal, act.step) for act in saga.acts] == [
        ("retry_step", "SendTicket"),
        ("settle_step", "SendTicket"),
    ]


STUCK = retriable("ProcessPayment", "RefundPayment", "STUCK")
CONFIRM = retriable("ConfirmOrder", "ConfirmOrder", "STUCK", settlement=settlement())


@pytest.mark.parametrize(
    ("order_run", "acts"),
    [
        (order_run("PENDING", *REGISTERED), ["cancel"]),
        (order_run("AWAITING_REVIEW", *REGISTERED), ["cancel"]),
        (order_run("PENDING", memo=SagaMemo(FAILURE)), []),
        (order_run("COMPLETED", *PAID), []),
        (
            order_run("ROLLBACK_STUCK", *PAID, is_stuck=True, memo=SagaMemo(FAILURE, (STUCK,))),
            ["retry_step", "settle_step"],
        ),
        (
            order_run("COMPLETED", *PAID, is_stuck=True, memo=SagaMemo(None, (CONFIRM,))),
            ["retry_step"],
        ),
        (replace(order_run("PENDING", *REGISTERED), wedged_since=AT), []),
        (replace(order_run("PENDING", *REGISTERED), closed_at=AT), []),
    ],
    ids=["pending", "in review", "fails", "past its pivot", "stuck", "settled", "wedged", "ended"],
)
def test_a_saga_takes_what_its_order_takes(order_run: Run, acts: list[str]) -> None:
    """The same run is an order's and any saga's: both say the same of it."""
    saga = view_of("order-7", replace(order_run, status=WorkflowExecutionStatus.RUNNING))
    assert [act.signal for act in saga.acts] == acts
    of_order = view_of_run("7", order_run, LINKS).acts
    assert {(act.signal, act.step) for act in saga.acts} == {
        (MESSAGES[act.act], act.step)
        for act in of_order
        if act.refusal is None and act.act not in (Act.APPROVE, Act.REJECT)
    }


def test_an_act_says_what_is_sent_with_it() -> None:
    """All that its body needs, by the names that it has there."""
    memo = SagaMemo(FAILURE, (STUCK,))
    saga = view(Run(AT, None, {"NeedsAttention": True}, [send_of("ProcessPayment")], memo=memo))
    assert {act.signal: act.fields for act in saga.acts} == {
        "retry_step": ("by", "reason", "step"),
        "settle_step": ("by", "reason", "step", "evidence"),
    }
    [cancel] = view(Run(AT, None, {})).acts
    assert cancel.fields == ("by", "reason")


@pytest.mark.parametrize(
    ("failure", "status", "state", "needs_attention"),
    [
        (None, "RUNNING", "PENDING", False),
        (None, "COMPLETED", "COMPLETED", False),
        (FAILURE, "RUNNING", "ROLLING_BACK", False),
        (FAILURE, "FAILED", "FAILED", False),
        (None, "FAILED", "FAILED", False),
        (FAILURE, "TERMINATED", "ROLLING_BACK", True),
        (None, "TIMED_OUT", "PENDING", True),
    ],
)
def test_a_saga_that_shows_no_state_has_one(
    failure: Failure | None,
    status: str,
    state: str,
    needs_attention: bool,  # a parameter of the test
) -> None:
    """One that was ended from outside stays where it was, and needs a person."""
    saga = view(Run(AT, None, {}, memo=SagaMemo(failure)), status=status)
    assert (saga.state, saga.needs_attention) == (state, needs_attention)
    assert view(Run(AT, None, {"SagaState": "ODD"}), status=status).state == "ODD"


def test_a_workflow_that_failed_past_the_pivot_has_completed_its_saga() -> None:
    """What it raised then takes nothing back."""
    moments = [send_of("SendTicketCommand"), answer_to("SendTicketCommand", "TicketSent")]
    saga = view(Run(AT, None, {}, moments), BUS, LAST, status="FAILED")
    assert (saga.state, saga.status) == ("COMPLETED", "FAILED")


def test_a_name_reads_as_words() -> None:
    """An abbreviation stays one."""
    assert in_words("BookFlight") == "Book flight"
    assert in_words("SendSMS") == "Send SMS"
