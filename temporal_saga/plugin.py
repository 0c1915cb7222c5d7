"""All that a Temporal client and its workers need for sagas, in one object.

Needs `temporal-saga[workflow]`, in a process that serves commands as well::

    plugin = SagaPlugin(refusals=[SoldOut, CardDeclined])
    client = await Client.connect("localhost:7233", plugins=[plugin])
"""

from collections.abc import Collection
from dataclasses import replace

from temporal_saga.extras import needs

with needs("workflow"):
    from temporalio.converter import DataConverter, DefaultPayloadConverter
    from temporalio.plugin import SimplePlugin
    from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner
    from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

    from temporal_saga.payloads import SharedPayloadConverter
    from temporal_saga.policy import Apply, Policy
    from temporal_saga.refusals import Refusals
    from temporal_saga.sandbox import DECLARATIONS, Sandbox
    from temporal_saga.started import StartShown

__all__ = ["SagaPlugin"]

NAME = "temporal-saga"


class SagaPlugin(SimplePlugin):
    """Makes a client, each worker made with it, and a replayer fit for sagas.

    Promises:

    1. Commands and answers are written as pydantic writes them. A payload codec, and a payload
       converter that is not Temporal's default one, stay as they are.
    2. A worker's sagas have the policy, unless `Saga` is given one.
    3. An activity refuses by answering with, or raising, an instance of a refusal's class, and
       needs to know nothing of Temporal. The saga sees an `ApplicationError` with the class's name
       as its type, which is not retried. Compensations cannot refuse: what they answer is an
       answer, and what they raise is an outage.
    4. A saga that it starts can be found by its state, and when it needs a person, if that is
       asked for.
    5. Workflow code runs in Temporal's sandbox or outside, as is said. A runner that is not the
       SDK's sandbox stays.

    Units: none; those of the policy are its own.
    Errors: none.
    Source: the plugins of Temporal's SDK, docs.temporal.io/develop/plugins-guide.
    """

    def __init__(
        self,
        *,
        policy: Policy | None = None,
        refusals: Collection[type] = (),
        sandbox: bool = True,
        passthrough: Collection[str] = (),
        search_attributes: bool = False,
    ) -> None:
        """Prepare; give it to `Client.connect`, and to nothing else but a `Replayer`.

        Args:
            policy: the limits of sagas; by default those of `Policy`.
            refusals: the classes, of answers and of exceptions, by which participants say no. An
                instance of a subclass counts as the listed class. A saga is given the same ones.
            sandbox: whether Temporal's sandbox runs workflow code: it refuses clocks, randomness
                and I/O, and imports the code's modules anew for each run of a workflow.
            passthrough: names of modules that the sandbox shares with the rest of the process, each
                with all within it: what only declares messages needs no isolation.
            search_attributes: whether each workflow that the client starts shows how its saga
                stands: SagaState (a keyword), NeedsAttention (a bool) and FailureReason (a
                keyword). The namespace must have them, or Temporal refuses the start.
        """
        modules = tuple(passthrough)
        tried_classes: set[type] = set()

        def choose(runner: WorkflowRunner | None) -> WorkflowRunner:
            if runner is not None and not isinstance(runner, SandboxedWorkflowRunner):
                return runner
            if not sandbox:
                return UnsandboxedWorkflowRunner()
            runner = runner or SandboxedWorkflowRunner()
            restrictions = runner.restrictions.with_passthrough_modules(*DECLARATIONS, *modules)
            return Sandbox(restrictions, runner.runner_class, tried_classes=tried_classes)

        super().__init__(
            NAME,
            data_converter=_with_pydantic,
            interceptors=[
                Apply(policy or Policy()),
                Refusals(refusals),
                *([StartShown()] if search_attributes else []),
            ],
            workflow_runner=choose,
        )


def _with_pydantic(converter: DataConverter | None) -> DataConverter:
    converter = converter or DataConverter.default
    if converter.payload_converter_class is not DefaultPayloadConverter:
        return converter
    return replace(converter, payload_converter_class=SharedPayloadConverter)
