"""Temporal's sandbox, at a third of its price."""

from dataclasses import dataclass, field
from typing import Any

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

DECLARATIONS = (
    "temporal_saga.branch",
    "temporal_saga.call",
    "temporal_saga.call_state",
    "temporal_saga.carry_over",
    "temporal_saga.command_names",
    "temporal_saga.decisions",
    "temporal_saga.failure",
    "temporal_saga.kept_record",
    "temporal_saga.keys",
    "temporal_saga.memo",
    "temporal_saga.plan",
    "temporal_saga.policy",
    "temporal_saga.record",
    "temporal_saga.state",
    "temporal_saga.step_names",
    "temporal_saga.trouble",
)
"""Modules of the core that need not be imported anew for each run of a saga.

They declare data, and ask neither clock nor chance. To make their dataclasses, and what pydantic
derives from them, took most of the time of a run's imports. Whatever one of them imports of the
core is here as well, so that nothing is there twice.
"""


@dataclass(frozen=True)
class Sandbox(SandboxedWorkflowRunner):
    """The SDK's sandbox, which tries each workflow once, however many workers it runs for.

    The SDK's own imports a workflow's code for each worker and replayer once more, to see that it
    can be.
    """

    tried_classes: set[type] = field(default_factory=set)

    def prepare_workflow(self, defn: Any) -> None:
        """See that a workflow can be run."""
        if defn.cls not in self.tried_classes:
            super().prepare_workflow(defn)
            self.tried_classes.add(defn.cls)
