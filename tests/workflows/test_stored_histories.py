"""Histories of every release so far, replayed without a server.

The code of today understands the sagas of yesterday.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

from temporal_saga.history import project
from temporal_saga.local_activities import NOT_HERE, RUN_IS_LOCAL
from temporal_saga.moment import Moment
from temporal_saga.policy import Apply, Policy
from temporal_saga.testing.orchestrator import OTHER_LIMITS
from tests.workflows.order_scripts import replayer
from tests.workflows.record import HISTORIES, OF_THIS_MACHINE
from tests.workflows.stored_stories import CONTINUED, RECORDED
from tests.workflows.stored_timelines import TIMELINES

FILES = sorted(HISTORIES.glob("*/*.json"))


def read(path: Path) -> WorkflowHistory:
    """Return a stored history."""
    history = json.loads(path.read_text())
    return WorkflowHistory.from_json(
        history["events"][0]["workflowExecutionStartedEventAttributes"]["workflowId"], history
    )


def decode(payload: Payload) -> Any:
    """Return a payload's JSON value."""
    return json.loads(payload.data)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_a_stored_history_replays(path: Path) -> None:
    """Open sagas of its release go on when this code takes over, whatever limits it is given."""
    for limits in (Policy(), OTHER_LIMITS):
        await replayer(interceptors=[Apply(limits)]).replay_workflow(read(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_stored_history_tells_its_story(path: Path) -> None:
    """States, commands, events and decisions come in the order in which they happened."""
    assert [f"{moment.kind} {moment.name}" for moment in story(path)] == TIMELINES[path.stem]


def test_every_story_is_stored() -> None:
    """The first release recorded each of them."""
    assert {path.stem for path in FILES if path.parent.name == "0.1"} >= {
        *RECORDED,
        *(f"{name}_{number}" for name in CONTINUED for number in (1, 2)),
    }


def test_stored_histories_hold_what_only_local_activities_leave() -> None:
    """One that failed before its command was sent on, and a worker that could run none."""
    patches = {
        path.stem: [
            decode(event.marker_recorded_event_attributes.details["patch-data"].payloads[0])["id"]
            for event in read(path).events
            if event.marker_recorded_event_attributes.marker_name == "core_patch"
        ]
        for path in FILES
    }
    without_participants = [
        RUN_IS_LOCAL,
        *(f"{NOT_HERE}{name}" for name in ("DecreaseStock", "ConfirmOrder")),
    ]
    assert patches["participants_gone_locally"] == without_participants
    assert patches["payment_away_locally"] == [RUN_IS_LOCAL]


def test_a_story_says_who_took_what_and_in_how_many_tries() -> None:
    """A command names its participant and its summary, an answer its tries and what it said."""
    moments = {moment.name: moment for moment in story(HISTORIES / "0.1" / "out_of_stock.json")}
    command = moments["DecreaseStockCommand"]
    refusal = moments["StockDecreaseFailedEvent"]
    assert (command.participant, command.detail) == ("stock", {"summary": "Take 1 line from stock"})
    assert (refusal.participant, refusal.attempt, refusal.detail["reason"]) == (
        "stock",
        1,
        "OUT_OF_STOCK",
    )


def test_a_story_says_who_decided() -> None:
    """A signal's words are told, and that it was a signal."""
    decisions = [
        m for m in story(HISTORIES / "0.1" / "cancelled_by_signal.json") if m.kind == "decision"
    ]
    assert [m.detail for m in decisions] == [
        {"arguments": [{"by": "anna", "reason": "changed her mind"}], "by": "signal"}
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_stored_history_tells_nothing_of_the_machine_it_was_recorded_on(path: Path) -> None:
    """No stack trace, no identity, and no path, in clear or in a payload."""
    text = path.read_text()
    payloads = [
        base64.b64decode(line.split('"')[3]).decode()
        for line in text.splitlines()
        if '"data": "' in line
    ]
    assert not [word for word in OF_THIS_MACHINE if f'"{word}"' in text]
    assert not [
        text_on_record
        for text_on_record in [text, *payloads]
        if str(Path(__file__).parents[2]) in text_on_record
    ]


def story(path: Path) -> list[Moment]:
    """Return the story that a stored history tells."""
    return project(read(path).events, decode)
