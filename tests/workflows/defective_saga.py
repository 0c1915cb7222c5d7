from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

from workflows.order import OrderSaga


@workflow.defn(dynamic=True)
class DefectiveSaga(OrderSaga):
    """A release that does not get past its first task."""

    @workflow.run
    async def run(self, _arguments: Sequence[RawValue]) -> dict[str, Any]:
        """Fail as no business ever does."""
        raise KeyError("a defect")
