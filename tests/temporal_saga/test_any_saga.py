"""What a saga of a second type has without code of its own: acts, states, its plan, its story."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from application.any_sagas import AnySagas
from application.errors import NotFound
from application.payloads import decoder
from contracts.saga_views import SagaView
from temporal_saga.history import project
from temporal_saga.memo import SagaMemo
from temporal_saga.plugin import SagaPlugin
from temporal_saga.state import FAILURE_REASON, NEEDS_ATTENTION
from temporal_saga.testing import Script
from temporal_saga.workflow import Policy
from tests.temporal_saga.attention import until_stuck
from tests.temporal_saga.parcel import (
    COMMANDS,
    QUEUE,
    REFUSALS,
    CardDeclined,
    CloseParcelCommand,
    Done,
    DropParcelCommand,
    OpenParcelCommand,
    PackParcelCommand,
    ParcelSaga,
    PayPostageCommand,
    RefundPostageCommand,
    UnpackParcelCommand,
)
from tests.temporal_server import with_plugin

NUMBERS = count(1)
QUICK = Policy(longest_pause=timedelta(hours=1), stuck_attempts=1)
WHY = {"by": "otto", "reason": "they moved"}
BROKEN = ApplicationError("the tape is gone", type="Broken", non_retryable=True)


@pytest.fixture
async def script(temporal: Client) -> AsyncIterator[Script]:
    """One parcel, which shows how it stands."""
    plugin = SagaPlugin(policy=QUICK, refusals=REFUSALS, search_attributes=True)
    client = with_plugin(temporal, plugin)
    saga_id = f"any-parcel-{next(NUMBERS)}"
    async with Script(client, {QUEUE: COMMANDS}, ParcelSaga, saga_id=saga_id) as script:
        await script.start("books")
        await script.expect(OpenParcelCommand)
        yield script


async def states(script: Script) -> list[str]:
    """Return the states that a saga has shown, in order."""
    history = await script.handle.fetch_history()
    moments = project(history.events, decoder(script.client))
    return [moment.name for moment in moments if moment.kind == "state"]


async def memo(script: Script) -> SagaMemo:
    """Return what the saga has decided."""
    return SagaMemo.of(await (await script.handle.describe()).memo())


def fates(view: SagaView) -> dict[str, tuple[str, str | None]]:
    """Return by step how far it and its compensation have come, in order."""
    return {
        step.step: (step.state, step.compensation.state if step.compensation else None)
        for step in view.steps
    }


async def test_a_saga_that_completes_shows_it(script: Script) -> None:
    """Its plan is known from the first step on, and its state costs one event."""
    status = await script.handle.query("status")
    assert [(row["step"], row["compensation"], row["after_pivot"]) for row in status["steps"]] == [
        ("OpenParcel", "DropParcel", False),
        ("PackParcel", "UnpackParcel", False),
        ("PayPostage", "RefundPostage", False),
        ("CloseParcel", None, True),
    ]
    script.answer(Done())
    for command in (PackParcelCommand, PayPostageCommand):
        await script.expect(command)
        script.answer(Done())
    await script.expect(CloseParcelCommand)
    assert (await AnySagas(script.client).view(script.saga_id)).acts == ()
    script.answer(Done())
    assert await script.completed() == "on its way"
    assert await states(script) == ["PENDING", "COMPLETED"]
    view = await AnySagas(script.client).view(script.saga_id)
    assert (view.state, view.status, view.acts) == ("COMPLETED", "COMPLETED", ())
    assert set(fates(view).values()) == {("DONE", None)}
    assert view.steps[-1].label == "Close parcel"
    assert script.history is not None
    upserts = [
        event
        for event in script.history.events
        if event.HasField("upsert_workflow_search_attributes_event_attributes")
    ]
    assert len(upserts) == 1


async def test_a_saga_is_cancelled(script: Script) -> None:
    """By an update; then it is too late, for a signal and for whoever asks again."""
    view = await AnySagas(script.client).view(script.saga_id)
    assert fates(view) == {
        "OpenParcel": ("RUNNING", None),
        "PackParcel": ("AHEAD", None),
        "PayPostage": ("AHEAD", None),
        "CloseParcel": ("AHEAD", None),
    }
    assert [act.signal for act in view.acts] == ["cancel"]
    script.answer(Done())
    await script.expect(PackParcelCommand)
    await script.handle.execute_update("request_cancel", WHY)
    script.answer(Done())
    await script.expect_compensation(UnpackParcelCommand, of=PackParcelCommand)
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await script.handle.execute_update("request_cancel", WHY)
    assert "it is too late to cancel" in str(refusal.value.cause)
    await script.handle.signal("cancel", WHY)
    await script.handle.signal("hurry", "please")
    await script.handle.signal("retry_step", "nonsense")
    script.answer(Done())
    await script.expect_compensation(DropParcelCommand, of=OpenParcelCommand)
    reasons = {signal.name: signal.ignored or "" for signal in (await memo(script)).signals}
    assert reasons["cancel"] == "it is too late to cancel: the saga fails already"
    assert reasons["hurry"] == "there is no such message"
    assert reasons["retry_step"].startswith("it cannot be read")
    script.answer(Done())
    failure = await script.failed()
    assert (failure.type, failure.message) == ("CANCELLED", "cancelled by otto: they moved")
    assert await states(script) == ["PENDING", "ROLLING_BACK", "FAILED"]


async def until_unpacking_is_stuck(script: Script) -> None:
    """Have the postage refused, and what takes the packing back fail."""
    script.answer(Done())
    await script.expect(PackParcelCommand)
    script.answer(Done())
    await script.expect(PayPostageCommand)
    script.fail(CardDeclined("ask your bank"))
    await script.expect_compensation(UnpackParcelCommand, of=PackParcelCommand)
    script.fail(BROKEN)
    await until_stuck(script)


async def test_a_stuck_saga_is_retried_and_settled(script: Script) -> None:
    """It says that it needs a person, and who has put it right."""
    await until_unpacking_is_stuck(script)
    view = await AnySagas(script.client).view(script.saga_id)
    assert (view.state, view.needs_attention) == ("ROLLBACK_STUCK", True)
    assert fates(view) == {
        "OpenParcel": ("DONE", "WAITING"),
        "PackParcel": ("DONE", "STUCK"),
        "PayPostage": ("REFUSED", None),
        "CloseParcel": ("SKIPPED", None),
    }
    assert view.steps[1].compensation is not None
    assert view.steps[1].compensation.message == "the tape is gone"
    assert view.steps[2].message == "ask your bank"
    assert [(act.signal, act.step) for act in view.acts] == [
        ("retry_step", "PackParcel"),
        ("settle_step", "PackParcel"),
    ]
    pack = WHY | {"step": "PackParcel"}
    await script.handle.execute_update("request_retry_step", pack)
    await script.expect_compensation(UnpackParcelCommand, of=PackParcelCommand)
    script.fail(BROKEN)
    await until_stuck(script)
    await script.handle.signal("settle_step", pack | {"evidence": "a photograph"})
    await script.expect_compensation(DropParcelCommand, of=OpenParcelCommand)
    script.answer(Done())
    assert (await script.failed()).type == "CardDeclined"
    assert await states(script) == [
        "PENDING",
        "ROLLING_BACK",
        "ROLLBACK_STUCK",
        "ROLLING_BACK",
        "FAILED",
    ]
    description = await script.handle.describe()
    assert description.typed_search_attributes.get(NEEDS_ATTENTION) is False
    assert description.typed_search_attributes.get(FAILURE_REASON) == "CardDeclined"
    view = await AnySagas(script.client).view(script.saga_id)
    assert fates(view)["PackParcel"] == ("DONE", "SETTLED")
    assert view.failure is not None
    assert view.failure.step == "PayPostage"
    names = [(entry.kind, entry.name) for entry in view.timeline]
    assert ("command", "UnpackParcelCommand") in names
    assert ("event", "CardDeclined") in names
    assert ("event", "PackParcel answered") in names
    assert [entry.detail["reason"] for entry in view.timeline if entry.name == "settle_step"] == [
        "they moved"
    ]
    settlements = [
        state.settlement for state in (await memo(script)).retriables if state.settlement
    ]
    assert [(settlement.by, settlement.evidence) for settlement in settlements] == [
        ("otto", "a photograph")
    ]


async def test_what_was_taken_back_by_hand_is_not_taken_again(script: Script) -> None:
    """A reset re-applies the settlement before the step: the saga stops there."""
    await until_unpacking_is_stuck(script)
    evidence = WHY | {"step": "PackParcel", "evidence": "a photograph"}
    await script.handle.execute_update("request_settle_step", evidence)
    await script.expect_compensation(DropParcelCommand, of=OpenParcelCommand)
    await script.reset(at=OpenParcelCommand)
    await script.expect(OpenParcelCommand)
    script.answer(Done(earlier_run="OPEN"))
    await script.expect(OpenParcelCommand)
    script.answer(Done(earlier_run="OPEN"))
    await script.expect_compensation(RefundPostageCommand, of=PayPostageCommand)
    script.answer(Done())
    await script.expect_compensation(DropParcelCommand, of=OpenParcelCommand)
    script.answer(Done())
    failure = await script.failed()
    assert failure.message == "otto had taken back PackParcel by hand: they moved"


@pytest.mark.parametrize("saga_id", ["no-saga", "..", "\0", "ü" * 501, "order-1/../../x"])
async def test_what_temporal_does_not_know_is_not_found(temporal: Client, saga_id: str) -> None:
    """Nobody is told of a saga that there is not, also where no workflow has such an id."""
    with pytest.raises(NotFound):
        await AnySagas(temporal).view(saga_id)


@pytest.mark.parametrize(
    ("workflow_type", "workflow_id", "what"),
    [
        ("ParticipantDatabase", "participant-any", "the registration of a participant's database"),
        ("BatchOperation", "batch-evening", "read at /batch-operations/evening"),
    ],
)
async def test_what_is_no_saga_is_none(
    workflow_type: str, workflow_id: str, what: str, temporal: Client
) -> None:
    """It shows no state and offers no act: whoever asks is told what it is."""
    handle = await temporal.start_workflow(workflow_type, id=workflow_id, task_queue="nobody's")
    with pytest.raises(NotFound, match=what):
        await AnySagas(temporal).view(workflow_id)
    await handle.terminate()
