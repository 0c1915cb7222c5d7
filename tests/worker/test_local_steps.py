"""Steps that the orchestrator's own process tries first, with the real participants."""

import re
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from activities.stock import StockActivities
from config import Settings
from contracts import stubs
from contracts.steps import ORCHESTRATOR, ROLES
from contracts.stock import DecreaseStockCommand, StockDecreasedEvent, StockDecreaseFailedEvent
from temporal_saga.local_marker import MARKER
from tests.operations.order_sagas import place
from tests.shop import CAP, Shop
from tests.worker.layouts import NUMBERS, TOO_MANY, activities_of, one_process
from worker import participant, why_not_local

on_sqlite = pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)


@pytest.fixture
def local_shop(empty_shop: Shop) -> Shop:
    """A shop whose steps are tried in the orchestrator's process."""
    empty_shop.settings = empty_shop.settings.model_copy(update={"local_activities": "on"})
    return empty_shop


class Slow:
    """A stock service whose first answer comes after the local try's time."""

    def __init__(self, shop: Shop) -> None:
        self._service = StockActivities(shop.stock)
        self._tries = 0
        self.may_go_on = threading.Event()

    @activity.defn(name="DecreaseStock", no_thread_cancel_exception=True)
    def decrease(
        self, command: DecreaseStockCommand
    ) -> StockDecreasedEvent | StockDecreaseFailedEvent:
        """Take the lines from stock, the first time late."""
        self._tries += 1
        if self._tries == 1:
            assert self.may_go_on.wait(60)
        event = self._service.decrease(command)
        self.may_go_on.set()
        return event


async def ways(saga: WorkflowHandle[Any, Any]) -> tuple[int, list[str]]:
    """Return how many local activities a saga's history has, and its ordinary ones."""
    events = (await saga.fetch_history()).events
    markers = [event.marker_recorded_event_attributes.marker_name for event in events]
    ordinary = [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    return markers.count(MARKER), ordinary


@on_sqlite
async def test_every_step_is_a_local_activity(temporal: Client, local_shop: Shop) -> None:
    """While compensations are ordinary ones: they must happen, whatever becomes of this process."""
    async with one_process(temporal, local_shop, activities_of(local_shop)):
        complete = await place(temporal, f"local-{next(NUMBERS)}", CAP)
        assert (await complete.result())["state"] == "COMPLETED"
        short = await place(temporal, f"local-{next(NUMBERS)}", TOO_MANY)
        with pytest.raises(WorkflowFailureError):
            await short.result()
    assert await ways(complete) == (4, [])
    assert await ways(short) == (3, ["RefundPayment", "CancelOrder"])


@on_sqlite
async def test_a_step_without_an_answer_in_time_is_sent_on_and_takes_effect_once(
    temporal: Client, local_shop: Shop
) -> None:
    """The local try goes on in its thread, meets the fence, and is not listened to."""
    slow = Slow(local_shop)
    local = activities_of(local_shop) | {stubs.STOCK_QUEUE: [slow.decrease]}
    async with one_process(temporal, local_shop, local):
        saga = await place(temporal, f"local-{next(NUMBERS)}", CAP)
        assert (await saga.result())["state"] == "COMPLETED"
        assert slow.may_go_on.is_set()
    assert await ways(saga) == (4, ["DecreaseStock"])  # the failed one has its marker


@on_sqlite
async def test_a_participant_that_is_not_served_here_gets_ordinary_activities(
    temporal: Client, local_shop: Shop
) -> None:
    """And the others go on locally."""
    local = activities_of(local_shop)
    stock = local.pop(stubs.STOCK_QUEUE)
    async with (
        one_process(temporal, local_shop, local),
        participant(temporal, local_shop.settings, stubs.STOCK_QUEUE, stock),
    ):
        saga = await place(temporal, f"local-{next(NUMBERS)}", CAP)
        assert (await saga.result())["state"] == "COMPLETED"
    assert await ways(saga) == (3, ["DecreaseStock"])


@pytest.mark.parametrize(
    ("roles", "setting", "is_refused"),
    [
        (ROLES, "on", False),
        ((ORCHESTRATOR,), "off", False),
        (("stock",), "on", False),
        ((ORCHESTRATOR,), "on", True),
        ((ORCHESTRATOR, "order", "payment"), "on", True),
    ],
)
def test_an_orchestrator_without_the_participants_refuses(
    roles: Sequence[str], setting: str, *, is_refused: bool
) -> None:
    """It says which are missing, and both ways out."""
    settings = Settings.model_validate({"local_activities": setting})
    sentence = why_not_local(roles, settings)
    assert (sentence is not None) is is_refused
    if sentence is not None:
        assert re.search(r"\bstock\b[^.]* would be missing", sentence)
        assert "LOCAL_ACTIVITIES=off" in sentence
