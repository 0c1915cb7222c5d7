"""Which order needs a person, and what that person is told."""

from dataclasses import replace

import pytest

from application import attention
from application.command_line import WHERE
from application.run import Run
from contracts.views import Attention
from temporal_saga.call_state import Progress
from temporal_saga.memo import SagaMemo
from temporal_saga.tries import Try
from tests.application.order_runs import (
    CANCEL,
    CLOSED_AT,
    FAILURE,
    PAID,
    REFUND,
    REFUSED,
    STARTED,
    moment_failed,
    moment_sent,
    run,
)

AGAIN = moment_sent("RefundPaymentCommand", "payment", number=40)
STUCK = replace(REFUND, progress=Progress.STUCK, trouble="away", stuck_since=CLOSED_AT)
ROLLBACK_STUCK = run(
    "ROLLBACK_STUCK",
    *REFUSED,
    moment_sent("RefundPaymentCommand", "payment", number=30),
    moment_failed("RefundPaymentCommand", "payment", number=30),
    is_stuck=True,
    memo=SagaMemo(failure=FAILURE, retriables=(STUCK, CANCEL)),
)


def need_of(order_run: Run) -> Attention:
    need = attention.of_run("7", order_run, is_left_open=False)
    assert need is not None
    return need


def test_what_is_stuck_says_which_command_and_why() -> None:
    """What its last try ended with, also when another round of tries has begun, and since when."""
    need = need_of(replace(ROLLBACK_STUCK, moments=(*ROLLBACK_STUCK.moments, AGAIN)))
    assert (need.cause, need.since) == ("STUCK", CLOSED_AT)
    assert need.message.startswith("RefundPaymentCommand keeps failing: away. It is still tried")


def test_what_is_stuck_says_why_where_the_history_does_not() -> None:
    """Of a long history a part is left out, and a run that was continued begins anew."""
    need = need_of(replace(ROLLBACK_STUCK, moments=()))
    assert need.message.startswith("RefundPaymentCommand keeps failing: away. It is still tried")


def test_a_long_error_is_cut_where_it_stands_among_advice() -> None:
    """Lists have as much room for it; the order's steps have all of it."""
    long_one = replace(STUCK, trouble="x" * 2_000)
    memo = SagaMemo(failure=FAILURE, retriables=(long_one, CANCEL))
    need = need_of(replace(ROLLBACK_STUCK, moments=(), memo=memo))
    assert f"keeps failing: {'x' * 199}…. It is still tried" in need.message


def test_what_somebody_paused_says_who_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not told that it is tried, but how it goes on: by which command as it is typed."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:7300")
    monkeypatch.delenv("TEMPORAL_NAMESPACE", raising=False)
    why = "paused by otto: the bank is closed (activity 5)"
    moments = (*ROLLBACK_STUCK.moments, AGAIN)
    tries = {"5": Try("RefundPayment", 1, paused=why)}
    need = need_of(replace(ROLLBACK_STUCK, moments=moments, tries=tries))
    assert f"keeps failing: away; it is {why}" in need.message
    unpause = (
        "temporal activity unpause --workflow-id order-7 --activity-id 5 --address 127.0.0.1:7300"
    )
    assert f"it is not tried: {unpause} lets it go on, or retry begins" in need.message
    assert need.message.endswith(f"({WHERE})")
    assert "still tried" not in need.message
    assert "…" not in need.message


def test_a_list_says_that_something_is_paused() -> None:
    """Visibility does not know what, and says not that it is tried."""
    pause_info = {"TemporalPauseInfo": ["property:activityType=RefundPayment"]}
    paused_run = replace(
        ROLLBACK_STUCK, moments=(), attributes={**ROLLBACK_STUCK.attributes, **pause_info}
    )
    message = attention.need_of_stuck("7", paused_run).message
    assert "An operator paused it, so it is not tried: the order by itself says" in message
    assert "still tried" not in message


def test_who_left_an_order_open_can_type_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the server that this process asks, and nothing left out."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:7300")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "shop")
    ended_run = replace(run("PENDING", *PAID), closed_at=CLOSED_AT)
    message = attention.left_open("7", ended_run).message
    reset = "workflow reset --workflow-id order-7 --type LastWorkflowTask"
    server = "--address 127.0.0.1:7300 --namespace shop"
    assert f'temporal {reset} --reason "by an operator" {server} takes' in message
    assert message.endswith(f"({WHERE})")
    assert "…" not in message + attention.left_open("7", None).message


@pytest.mark.parametrize(
    ("state", "memo", "what_then"),
    [
        ("PAYMENT_COMPLETED", SagaMemo(), "then cancel it if it is not wanted"),
        ("PENDING", SagaMemo(failure=FAILURE), "it fails already, and need not be cancelled"),
        ("ROLLING_BACK", SagaMemo(failure=FAILURE), "then what it did is taken back"),
        ("COMPLETED", SagaMemo(), "it is past its pivot, and cannot be cancelled"),
    ],
)
def test_who_left_an_order_open_is_told_what_is_possible_then(
    state: str, memo: SagaMemo, what_then: str
) -> None:
    """Nobody is told to cancel what the saga will not let be cancelled."""
    ended_run = replace(run(state, memo=memo), closed_at=CLOSED_AT)
    message = attention.left_open("7", ended_run).message
    assert what_then in message
    assert ("then cancel it" in message) == (what_then == "then cancel it if it is not wanted")


def test_an_order_has_needed_a_person_since_the_first_thing_got_stuck() -> None:
    """Others may have got stuck later; what is not stuck any more has no time."""
    memo = SagaMemo(
        failure=FAILURE, retriables=(STUCK, replace(STUCK, step="Other", stuck_since=STARTED))
    )
    assert replace(ROLLBACK_STUCK, memo=memo).stuck_since == STARTED
    through = {**ROLLBACK_STUCK.attributes, "NeedsAttention": False}
    assert replace(ROLLBACK_STUCK, attributes=through).stuck_since is None


def test_a_saga_whose_code_fails_is_wedged() -> None:
    """Whether the run tells it or visibility does, also when it is stuck besides."""
    need = need_of(replace(ROLLBACK_STUCK, wedged_since=CLOSED_AT))
    assert (need.cause, need.since) == ("WEDGED", CLOSED_AT)
    problem_reports = {**ROLLBACK_STUCK.attributes, "TemporalReportedProblems": ["cause=…"]}
    assert need_of(replace(ROLLBACK_STUCK, attributes=problem_reports)).cause == "WEDGED"


def test_an_order_that_goes_its_way_needs_nobody() -> None:
    """Nor one that has closed."""
    going = run("PAYMENT_COMPLETED", *PAID)
    assert attention.of_run("7", going, is_left_open=False) is None
    closed_run = replace(ROLLBACK_STUCK, closed_at=CLOSED_AT)
    assert attention.of_run("7", closed_run, is_left_open=False) is None
