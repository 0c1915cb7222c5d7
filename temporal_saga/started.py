"""Sagas that show how they stand in search attributes, from their start on."""

from typing import Any

from temporalio.client import (
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    StartWorkflowUpdateWithStartInput,
    WorkflowHandle,
    WorkflowUpdateHandle,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from temporal_saga.state import NEEDS_ATTENTION, STATE, State


class StartShown(Interceptor):
    """Starts each workflow of a client with the search attributes that its saga goes on setting.

    They stand in the first event of its history, so they cost none, and a replay knows of them.
    """

    def intercept_client(
        self,
        next: OutboundInterceptor,  # noqa: A002  # the SDK's name
    ) -> OutboundInterceptor:
        """Return what stands between a client and Temporal."""
        return _StartShown(next)


class _StartShown(OutboundInterceptor):
    async def start_workflow(
        self,
        input: StartWorkflowInput,  # noqa: A002  # the SDK's name
    ) -> WorkflowHandle[Any, Any]:
        input.search_attributes = _with_state(input.search_attributes)
        return await super().start_workflow(input)

    async def start_update_with_start_workflow(
        self,
        input: StartWorkflowUpdateWithStartInput,  # noqa: A002  # the SDK's name
    ) -> WorkflowUpdateHandle[Any]:
        start = input.start_workflow_input
        start.search_attributes = _with_state(start.search_attributes)
        return await super().start_update_with_start_workflow(input)


def _with_state(attributes: Any) -> Any:
    """Return a start's search attributes with those of a saga; what is given stays.

    Attributes of the SDK's old kind, without types, cannot have any beside them.
    """
    if attributes is not None and not isinstance(attributes, TypedSearchAttributes):
        return attributes
    pairs = list(attributes or ())
    names = {pair.key.name for pair in pairs}
    defaults: list[SearchAttributePair[Any]] = [
        SearchAttributePair(STATE, str(State.PENDING)),
        SearchAttributePair(NEEDS_ATTENTION, value=False),
    ]
    return TypedSearchAttributes(
        [*pairs, *(pair for pair in defaults if pair.key.name not in names)]
    )
