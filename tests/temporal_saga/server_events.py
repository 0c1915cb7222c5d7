"""Events of a saga's history, as Temporal's server writes them."""

import json
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.history.v1 import HistoryEvent

from temporal_saga.history import project

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def payload(value: Any) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


def payloads(*values: Any) -> Payloads:
    return Payloads(payloads=[payload(value) for value in values])


def decode(raw_payload: Payload) -> Any:
    return json.loads(raw_payload.data)


def event(number: int, kind: str, summary: str | None = None, **attributes: Any) -> HistoryEvent:
    """Return one event of a history, as Temporal's server writes it."""
    at = Timestamp()
    at.FromDatetime(NOW)
    fields: dict[str, Any] = {f"{kind}_event_attributes": attributes}
    if summary is not None:
        fields["user_metadata"] = {"summary": payload(summary)}
    return HistoryEvent(event_id=number, event_time=at, **fields)


def state(name: str) -> dict[str, Any]:
    return {"indexed_fields": {"SagaState": payload(name), "CustomerId": payload("17850")}}


def command_event(number: int, activity: str, participant: str) -> HistoryEvent:
    kind = {"name": activity}
    return event(
        number,
        "activity_task_scheduled",
        f"do {activity}",
        activity_type=kind,
        task_queue={"name": participant},
    )


def rows_of(*history: HistoryEvent) -> list[tuple[str, str, dict[str, Any]]]:
    return [(moment.kind, moment.name, moment.detail) for moment in project(history, decode)]
