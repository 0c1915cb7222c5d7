"""A saga that adds something of its own to what is carried over to its next run."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowType
from temporalio.common import RawValue

from temporal_saga.call import Call
from temporal_saga.saga import Saga

QUEUE = "diary"


@activity.defn(name="Write")
async def write(_command: RawValue) -> WorkflowType:
    """Answer with a protobuf message."""
    return WorkflowType(name="written")


@workflow.defn(dynamic=True)
class Diary:
    """Takes one step, and waits between steps, as long as its pages are wanted."""

    @workflow.init
    def __init__(self, arguments: Sequence[RawValue]) -> None:
        """Begin with as many characters on its pages as it is told."""
        self._saga = Saga("diary", refusals=[], arguments=arguments)
        [size] = self._saga.arguments
        self._pages = "x" * workflow.payload_converter().from_payload(size.payload, int)
        self._runs = 1
        self._is_over = False
        self._saga.keep(diary=self)

    def carry_over(self) -> Any:
        """Carry the pages over."""
        return {"pages": self._pages, "runs": self._runs}

    def go_on_from(self, carry_over: Any) -> None:
        """Take the pages of the run before."""
        self._pages = carry_over["pages"]
        self._runs = carry_over["runs"] + 1

    @workflow.run
    async def run(self, _arguments: Sequence[RawValue]) -> list[Any]:
        """Return what was written, the number of runs and the length of the pages."""
        call: Call[Any, WorkflowType] = Call(
            QUEUE, cast("Any", write), lambda *, idempotency_key: idempotency_key, summary="write"
        )
        page = await self._saga.step(call)
        await self._saga.pause(lambda: self._is_over, timedelta(hours=1))
        return [page.name, self._runs, len(self._pages)]

    @workflow.query
    def runs(self) -> int:
        """Return which run it is."""
        return self._runs

    @workflow.signal
    def end(self) -> None:
        """Ask for no more."""
        self._is_over = True

    @workflow.signal(dynamic=True)
    def note(self, _name: str, _arguments: Sequence[RawValue]) -> None:
        """Make the history longer."""
