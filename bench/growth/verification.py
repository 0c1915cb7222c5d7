"""Whether copies are what they seem: Temporal and the API show them as they show the originals."""

from collections.abc import Sequence

from temporalio.client import Client, WorkflowExecutionStatus

from bench.growth.copies import mark
from bench.growth.stack import Stack
from contracts.ids import saga_id
from contracts.stubs import WORKFLOW_TYPE

AUDIT_HOLDS = 0


async def problems_of_copies(
    stack: Stack, generations: Sequence[int], numbers: Sequence[int]
) -> list[str]:
    """Return a sentence for everything that a copy shows otherwise than its original.

    Args:
        stack: has originals and copies.
        generations: of the copies.
        numbers: of the orders in a generation.
    """
    problems = []
    for number in numbers:
        original = await _story(stack, f"{mark(0)}{number}")
        for generation in generations:
            order_id = f"{mark(generation)}{number}"
            if await _story(stack, order_id) != original:
                problems.append(f"order {order_id} is shown otherwise than its original")
    return problems


async def _story(stack: Stack, order_id: str) -> tuple[object, ...]:
    """Return what Temporal and the API tell of an order, apart from its ids."""
    handle = stack.client.get_workflow_handle(saga_id(order_id))
    description = await handle.describe()
    history = await handle.fetch_history()
    [first_event, *_] = history.events
    attributes = first_event.workflow_execution_started_event_attributes
    answer, _ = await stack.get(f"/orders/{order_id}")
    return (
        description.status,
        description.history_length,
        attributes.workflow_id == saga_id(order_id),
        attributes.original_execution_run_id == description.run_id,
        [event.event_type for event in history.events],
        answer.status,
        answer.body["order_id"] == order_id,
        {name: answer.body[name] for name in ("state", "status", "customer_id", "closed_at")},
        len(answer.body["timeline"]),
    )


async def count_closed(client: Client) -> int:
    """Return how many completed sagas Temporal's visibility counts."""
    status = WorkflowExecutionStatus.COMPLETED.name.title()
    answer = await client.count_workflows(
        f'WorkflowType = "{WORKFLOW_TYPE}" AND ExecutionStatus = "{status}"'
    )
    return answer.count


async def problems_of_audit(stack: Stack) -> tuple[list[str], float]:
    """Return what the audit finds, and the seconds that it took."""
    code, seconds, text = await stack.audit()
    return ([] if code == AUDIT_HOLDS else [f"the audit ends with {code}: {text[-2000:]}"], seconds)
