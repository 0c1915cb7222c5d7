"""Which pairs of a record and a saga contradict each other."""

import pytest
from temporalio.client import WorkflowExecutionStatus

from contracts.states import OrderStatus
from operations.audit.saga_reconciliation import discrepancy
from operations.audit.sagas import Run

RUNNING = WorkflowExecutionStatus.RUNNING


@pytest.mark.parametrize("status", [None, *OrderStatus])
@pytest.mark.parametrize("saga", [None, *WorkflowExecutionStatus])
def test_a_record_and_a_saga_agree_only_when_both_are_open_or_ended_alike(
    status: OrderStatus | None, saga: WorkflowExecutionStatus | None
) -> None:
    """A running saga agrees with any record; so do the two endings, and a closed order alone."""
    ends_alike = {
        (OrderStatus.CONFIRMED, WorkflowExecutionStatus.COMPLETED),
        (OrderStatus.CANCELLED, WorkflowExecutionStatus.FAILED),
    }
    agree = (
        saga is RUNNING
        or (status, saga) in ends_alike
        or (saga is None and status is not OrderStatus.PENDING)
    )
    assert (discrepancy(status, Run(saga) if saga else None) is None) == agree


@pytest.mark.parametrize(
    ("attempt", "problem"), [(0, None), (2, None), (3, "has a workflow task at attempt 3")]
)
def test_a_workflow_task_may_be_tried_twice(attempt: int, problem: str | None) -> None:
    """A task may fail once, with its worker; at the third attempt something is wrong."""
    assert discrepancy(None, Run(RUNNING, attempt=attempt)) == problem
