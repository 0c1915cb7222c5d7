"""What stands in Temporal's payloads, as JSON values."""

from collections.abc import Callable
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import Client

UNREADABLE = {"unreadable": True}
"""The value of a payload that holds no JSON, or none that can be read."""

JSON = frozenset({b"json/plain", b"binary/null"})

Decode = Callable[[Payload], Any]


def decoder(client: Client) -> Decode:
    """Return what reads payloads as the client does; whoever wrote one, it raises nothing."""
    converter = client.data_converter.payload_converter

    def decode(payload: Payload) -> Any:
        if payload.metadata.get("encoding") not in JSON:
            return UNREADABLE
        try:
            return converter.from_payload(payload)
        except Exception:  # noqa: BLE001  # a converter may raise anything
            return UNREADABLE

    return decode
