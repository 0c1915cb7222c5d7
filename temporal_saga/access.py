"""Whether Temporal lets us in, which is another question than whether it answers.

The causes: a key that is missing, too weak or expired, a namespace that does not exist, a
certificate that is not accepted.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    PollActivityTaskQueueRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

NO_NAMESPACE = ".NamespaceNotFoundFailure"
"""How the server marks that it is the namespace that is not found, and not a workflow in it."""

KEY = "TEMPORAL_API_KEY, TEMPORAL_TLS_* or the profile"

REFUSALS = {
    RPCStatusCode.UNAUTHENTICATED: "Temporal does not accept who we are; "
    f"give us a key or certificate that is valid now ({KEY})",
    RPCStatusCode.PERMISSION_DENIED: "Temporal does not let us do our work; "
    "give us a key or certificate that is valid now and "
    f"may start, list and work on workflows of this namespace ({KEY})",
    RPCStatusCode.UNKNOWN: "Temporal, or what stands before it, turns us away; "
    f"look at TEMPORAL_ADDRESS, {KEY}",
    RPCStatusCode.UNIMPLEMENTED: "what answers is no Temporal server that we know; "
    "look at TEMPORAL_ADDRESS and its version",
    RPCStatusCode.INTERNAL: "Temporal, or what stands before it, fails by itself; "
    f"look at its log, TEMPORAL_ADDRESS, {KEY}",
    RPCStatusCode.DATA_LOSS: "Temporal has lost data of its own; look at its log",
}
"""What to do, by the status of an answer that asking again does not change."""


def refusal(error: RPCError) -> str | None:
    """Return in one sentence why Temporal does not serve us, and what to do.

    None when the error is about the request, not about us.
    """
    if error.status == RPCStatusCode.NOT_FOUND:
        if not any(detail.type_url.endswith(NO_NAMESPACE) for detail in error.grpc_status.details):
            return None
        advice = (
            "create it with: temporal operator namespace create --namespace …, "
            "or set TEMPORAL_NAMESPACE to one that is there"
        )
    elif error.status in REFUSALS:
        advice = REFUSALS[error.status]
    else:
        return None
    return (
        f"{advice}: {error.message}"
        if error.status != RPCStatusCode.NOT_FOUND
        else f"{error.message.rstrip('.')}: {advice}"
    )


async def may_start(client: Client, limit: timedelta) -> None:
    """Find that the namespace is there and that we may start workflows in it; nothing is started.

    Raises:
        RPCError: Temporal is away, or refuses us.
    """
    await _ask_namespace(client, limit)
    # A start that names no workflow passes the server's authorization, and then is invalid.
    request = StartWorkflowExecutionRequest(namespace=client.namespace)
    await _found_invalid(
        lambda: client.workflow_service.start_workflow_execution(request, timeout=limit)
    )


async def may_work(client: Client, limit: timedelta) -> None:
    """Find that the namespace is there and that we may take tasks of it; none is taken.

    Raises:
        RPCError: Temporal is away, or refuses us.
    """
    await _ask_namespace(client, limit)
    request = PollActivityTaskQueueRequest(namespace=client.namespace)
    await _found_invalid(
        lambda: client.workflow_service.poll_activity_task_queue(request, timeout=limit)
    )


async def _ask_namespace(client: Client, limit: timedelta) -> None:
    await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace), timeout=limit
    )


async def _found_invalid(ask: Callable[[], Awaitable[object]]) -> None:
    try:
        await ask()
    except RPCError as error:
        if error.status != RPCStatusCode.INVALID_ARGUMENT:
            raise
