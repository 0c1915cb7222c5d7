"""What is read from a run is what its saga told the order's record, for every stored history."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent

from application.order_view import view_of_run
from application.run import Run
from contracts.order import CancelOrderCommand, ConfirmOrderCommand
from contracts.states import SagaState
from contracts.views import FailureView, OrderView
from temporal_saga.history import memo_of, project
from temporal_saga.memo import SagaMemo
from tests.application.order_runs import CLOSED_AT, LINKS, STARTED
from tests.workflows.test_stored_histories import FILES, read

CLOSING: dict[str, type[CancelOrderCommand] | type[ConfirmOrderCommand]] = {
    "CancelOrder": CancelOrderCommand,
    "ConfirmOrder": ConfirmOrderCommand,
}

ONE_RUN = [path for path in FILES if not path.stem.startswith("continued")]
"""Those that tell all of a saga; several runs are read by `Chain`."""

LOCAL_TO_THE_END = ("completed_locally", "payment_away_locally")
WITH_CLOSING_COMMAND = [path for path in ONE_RUN if path.stem not in LOCAL_TO_THE_END]
"""The others: a history has no command of a local activity, only its answer."""


def decode(payload: Payload) -> Any:
    return json.loads(payload.data)


def order_view(events: Sequence[HistoryEvent], *, is_open: bool = False) -> OrderView:
    """Return the order as these events show it."""
    attributes: dict[str, Any] = {}
    memo = SagaMemo()
    for event in events:
        for event_attributes in (
            event.workflow_execution_started_event_attributes,
            event.upsert_workflow_search_attributes_event_attributes,
        ):
            fields = event_attributes.search_attributes.indexed_fields
            attributes |= {name: decode(fields[name]) for name in fields}
        modification = event.workflow_properties_modified_event_attributes
        memo = (
            memo_of(modification.upserted_memo, decode)
            if modification.HasField("upserted_memo")
            else memo
        )
    payloads = events[0].workflow_execution_started_event_attributes.input.payloads
    moments = project(events, decode)
    closed_at = None if is_open else CLOSED_AT
    return view_of_run(
        "7", Run(STARTED, closed_at, attributes, moments, decode(payloads[0]), memo), LINKS
    )


def closing_command(events: Sequence[HistoryEvent]) -> CancelOrderCommand | ConfirmOrderCommand:
    """Return the last command that closes the order's record."""
    schedulings = [event.activity_task_scheduled_event_attributes for event in events]
    [*_, last] = [
        scheduling for scheduling in schedulings if scheduling.activity_type.name in CLOSING
    ]
    return CLOSING[last.activity_type.name].model_validate(decode(last.input.payloads[0]))


@pytest.mark.parametrize("path", WITH_CLOSING_COMMAND, ids=lambda path: path.stem)
def test_an_order_is_read_as_its_saga_told_its_record(path: Path) -> None:
    """Why it failed, what was taken back, and who settled what, the last command said, too."""
    events = read(path).events
    command = closing_command(events)
    view = order_view(events)
    if isinstance(command, CancelOrderCommand):
        assert view.failure == FailureView.model_validate(command.failure)
    else:
        assert view.failure is None
    fields = {"step", "command", "state", "settled"}
    on_record = [c.model_dump(include=fields) for c in command.compensations]
    assert [c.model_dump(include=fields) for c in view.compensations] == on_record
    decisions = [entry.name for entry in view.timeline if entry.kind == "decision"]
    assert len(decisions) == len(command.decisions)


ASK_FIRST = ("earlier_run_found", "settled_before_a_reset")
"""In these it is sure why the saga fails before the rollback begins: the record is asked first."""


@pytest.mark.parametrize("path", ONE_RUN, ids=lambda path: path.stem)
def test_at_every_event_the_order_says_what_the_saga_says(path: Path) -> None:
    """A rollback tells why at once; what is stuck is told exactly while a person is needed."""
    events = read(path).events
    for number in range(1, len(events)):
        if not events[number].HasField("workflow_task_scheduled_event_attributes"):
            continue  # a task's own events are written at once
        view = order_view(events[:number], is_open=True)
        if view.state in (SagaState.ROLLING_BACK, SagaState.ROLLBACK_STUCK, SagaState.FAILED):
            assert view.failure is not None
        elif path.stem not in ASK_FIRST:
            assert view.failure is None
        is_stuck = any(c.state == "STUCK" for c in view.compensations)
        just_answered = "event" in {entry.kind for entry in view.timeline[-1:]}  # and not yet heard
        assert is_stuck is view.needs_attention or just_answered
        assert [act.step for act in view.acts if act.act == "retry"] == [
            c.step for c in view.compensations if c.state == "STUCK"
        ]
