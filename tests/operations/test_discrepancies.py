"""Which pairs of a record and a saga contradict each other."""

import pytest
from temporalio.client import WorkflowExecutionStatus

from contracts.states import OrderStatus
from operations.audit.saga_reconciliation import STATUS_OF, discrepancy, why_left_open
from operations.audit.sagas import SagaStatus

RUNNING = WorkflowExecutionStatus.RUNNING


@pytest.mark.parametrize("status", [None, *OrderStatus])
@pytest.mark.parametrize("saga", [None, *WorkflowExecutionStatus])
def test_a_record_and_a_saga_agree_only_when_both_are_open_or_ended_alike(
    status: OrderStatus | None, saga: WorkflowExecutionStatus | None
) -> None:
    """A running saga agrees with any record; so do the two endings, and a closed order alone.

    An open order that nobody works on needs a person, and contradicts nothing.
    """
    ends_alike = {
        (OrderStatus.CONFIRMED, WorkflowExecutionStatus.COMPLETED),
        (OrderStatus.CANCELLED, WorkflowExecutionStatus.FAILED),
    }
    is_open = status in (None, OrderStatus.PENDING)
    ended_early = saga not in (None, RUNNING, *STATUS_OF)
    is_left_open = (saga is None and status is OrderStatus.PENDING) or (is_open and ended_early)
    agree = saga in (None, RUNNING) or (status, saga) in ends_alike or is_left_open
    run = SagaStatus(saga) if saga else None
    assert (discrepancy(status, run) is None) == agree
    assert (why_left_open(status, run) is not None) == is_left_open


@pytest.mark.parametrize(
    ("attempt", "problem"), [(0, None), (2, None), (3, "has a workflow task at attempt 3")]
)
def test_a_workflow_task_may_be_tried_twice(attempt: int, problem: str | None) -> None:
    """A task may fail once, with its worker; at the third attempt something is wrong."""
    assert discrepancy(None, SagaStatus(RUNNING, attempt=attempt)) == problem
