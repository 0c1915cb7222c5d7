"""What a client's `SagaPlugin` does for the workers that are made with it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.converter import DataConverter, DefaultPayloadConverter, PayloadCodec
from temporalio.exceptions import ApplicationErrorCategory
from temporalio.worker import ReplayerConfig, UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from temporal_saga.payloads import SharedPayloadConverter
from temporal_saga.plugin import SagaPlugin
from temporal_saga.workflow import Policy
from tests.temporal_saga.parcel import (
    COMMANDS,
    QUEUE,
    REFUSALS,
    CardDeclined,
    Command,
    Done,
    OutOfBoxes,
    PackParcelCommand,
    ParcelSaga,
    PayPostageCommand,
    UnpackParcelCommand,
)
from tests.temporal_server import with_plugin

NUMBERS = count(1)
PATIENT = timedelta(seconds=47)

Answer = Callable[[Command], Any]


def participant(answers: dict[type[Command], Answer]) -> list[Callable[..., Any]]:
    """Return the activities of a participant that knows nothing of Temporal's errors."""

    def serving(kind: type[Command]) -> Callable[..., Any]:
        answer: Answer = answers.get(kind, accept)

        async def serve(command: Any) -> Any:
            return answer(command)

        serve.__annotations__["command"] = kind
        name = kind.__name__.removesuffix("Command")
        definition: Callable[..., Any] = activity.defn(name=name)(serve)
        return definition

    return [serving(kind) for kind in COMMANDS]


def accept(_command: Command) -> Done:
    """Say that it is done."""
    return Done()


async def send(temporal: Client, answers: dict[type[Command], Answer]) -> Any:
    """Send one parcel with this participant; return its saga's handle, and why it failed."""
    plugin = SagaPlugin(policy=Policy(start_to_close=PATIENT), refusals=REFUSALS)
    client = with_plugin(temporal, plugin)
    number = next(NUMBERS)
    queue = f"senders-{number}"
    async with (
        Worker(client, task_queue=queue, workflows=[ParcelSaga]),
        Worker(client, task_queue=QUEUE, activities=participant(answers)),
    ):
        saga = await client.start_workflow(
            ParcelSaga.run, "books", id=f"parcel-{number}", task_queue=queue
        )
        with pytest.raises(WorkflowFailureError) as failure:
            await saga.result()
    return saga, failure.value.cause


async def commands_of(saga: Any) -> list[str]:
    """Return the activities that a saga has sent, in order."""
    return [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in (await saga.fetch_history()).events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]


def out_of_boxes(_command: Command) -> OutOfBoxes:
    """Refuse by an answer."""
    return OutOfBoxes(message="no box is so large", details={"largest": 3})


def decline(_command: Command) -> Done:
    """Refuse by an error."""
    raise CardDeclined("ask your bank")


async def test_an_answer_refuses(temporal: Client) -> None:
    """Nothing is taken back but what came before, and nothing is tried again."""
    saga, error = await send(temporal, {PackParcelCommand: out_of_boxes})
    assert (error.type, error.message) == ("OutOfBoxes", "no box is so large")
    assert error.details[0]["details"] == {"largest": 3}
    assert await commands_of(saga) == ["OpenParcel", "PackParcel", "DropParcel"]
    failures = [
        event.activity_task_failed_event_attributes.failure.application_failure_info
        for event in (await saga.fetch_history()).events
        if event.HasField("activity_task_failed_event_attributes")
    ]
    assert [(failure.type, failure.non_retryable, failure.category) for failure in failures] == [
        ("OutOfBoxes", True, ApplicationErrorCategory.BENIGN)
    ]


async def test_an_exception_refuses_and_the_policy_is_the_plugins(temporal: Client) -> None:
    """What was packed is unpacked, each try within the policy's time."""
    saga, error = await send(temporal, {PayPostageCommand: decline})
    assert (error.type, error.message) == ("CardDeclined", "ask your bank")
    assert await commands_of(saga) == [
        "OpenParcel",
        "PackParcel",
        "PayPostage",
        "UnpackParcel",
        "DropParcel",
    ]
    limits = {
        event.activity_task_scheduled_event_attributes.start_to_close_timeout.ToTimedelta()
        for event in (await saga.fetch_history()).events
        if event.HasField("activity_task_scheduled_event_attributes")
    }
    assert limits == {PATIENT}


async def test_a_compensation_cannot_refuse(temporal: Client) -> None:
    """What it answers is an answer, and what it raises is tried again."""
    tries = []

    def unpack(command: Command) -> Any:
        tries.append(command.idempotency_key)
        return out_of_boxes(command) if len(tries) > 1 else decline(command)

    saga, error = await send(temporal, {PayPostageCommand: decline, UnpackParcelCommand: unpack})
    assert error.type == "CardDeclined"
    assert tries == [f"{saga.id}/PackParcel/compensation"] * 2


class Codec(PayloadCodec):
    """Somebody's own."""

    async def encode(self, payloads: Any) -> Any:
        """Change nothing."""
        return payloads

    async def decode(self, payloads: Any) -> Any:
        """Change nothing."""
        return payloads


class OwnConverter(DefaultPayloadConverter):
    """Somebody's own."""


async def test_a_converter_of_ones_own_and_a_codec_stay() -> None:
    """Only Temporal's default converter is replaced."""

    async def connect(converter: DataConverter) -> DataConverter:
        client = await Client.connect(
            "nobody:1", lazy=True, data_converter=converter, plugins=[SagaPlugin()]
        )
        return client.data_converter

    codec = Codec()
    with_codec = await connect(replace(DataConverter.default, payload_codec=codec))
    assert (with_codec.payload_converter_class, with_codec.payload_codec) == (
        SharedPayloadConverter,
        codec,
    )
    own = replace(DataConverter.default, payload_converter_class=OwnConverter)
    assert await connect(own) is own


def runner_of(plugin: SagaPlugin, runner: WorkflowRunner) -> WorkflowRunner | None:
    """Return what runs workflow code with this plugin."""
    return plugin.configure_replayer(ReplayerConfig(workflow_runner=runner))["workflow_runner"]


class OwnRunner(UnsandboxedWorkflowRunner):
    """Somebody's own."""


@pytest.mark.parametrize("sandbox", [False, True])
def test_the_sandbox_is_a_switch(sandbox: bool) -> None:  # a parameter of the test
    """It passes modules through, and a runner of one's own stays."""
    plugin = SagaPlugin(sandbox=sandbox, passthrough=["contracts"])
    runner = runner_of(plugin, SandboxedWorkflowRunner())
    if sandbox:
        assert isinstance(runner, SandboxedWorkflowRunner)
        assert "contracts" in runner.restrictions.passthrough_modules
    else:
        assert isinstance(runner, UnsandboxedWorkflowRunner)
    own = OwnRunner()
    assert runner_of(plugin, own) is own
