"""What a history has of a local activity: one marker, with its name and its outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import MarkerRecordedEventAttributes

MARKER = "core_local_activity"
"""The SDK's name for it."""


@dataclass(frozen=True)
class LocalActivity:
    """A local activity that has ended.

    Args:
        id: its id.
        name: its name.
        result: its result, empty when it failed.
        failure: how it failed; None when it did not.
    """

    id: str
    name: str
    result: Payloads
    failure: Failure | None


def local_activity(
    marker: MarkerRecordedEventAttributes, decode: Callable[[Payload], Any]
) -> LocalActivity | None:
    """Return the local activity that a marker stands for; None when it stands for something else.

    The SDK's core writes the marker, in a form that it promises nobody: what cannot be read is as
    if it were not there.
    """
    data = marker.details["data"].payloads if marker.marker_name == MARKER else ()
    description = decode(data[0]) if data else None
    if not isinstance(description, dict) or "activity_type" not in description:
        return None
    failure = marker.failure if marker.HasField("failure") else None
    return LocalActivity(
        str(description.get("activity_id", "")),
        str(description["activity_type"]),
        marker.details["result"],
        failure,
    )
