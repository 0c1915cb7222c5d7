"""How commands, events and orders are written into Temporal's payloads: as pydantic writes them.

The SDK makes a payload converter for each run of a workflow and three for each of its tasks. The
one of `temporalio.contrib.pydantic` begins with nothing: it builds its serialiser, and then its
validator of each type, anew. Here all of them share one set, which is built once in a process.
"""

from functools import cache

from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    EncodingPayloadConverter,
)


class SharedPayloadConverter(CompositePayloadConverter):
    """Reads and writes the same payloads as `PydanticPayloadConverter`."""

    def __init__(self) -> None:
        """Take what the process has."""
        super().__init__(*_encodings())


@cache
def _encodings() -> tuple[EncodingPayloadConverter, ...]:
    return tuple(PydanticPayloadConverter().converters.values())


data_converter = DataConverter(payload_converter_class=SharedPayloadConverter)
