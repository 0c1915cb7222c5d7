"""Payloads are those of the SDK's own pydantic converter, and what reads them is built once."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter

from temporal_saga.payloads import data_converter


class Sum(BaseModel):
    """What a participant may answer."""

    minor: int
    at: datetime


class Word(str):
    """Counts how often somebody prepares to read it."""

    __slots__ = ()
    times_prepared: ClassVar[int] = 0

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type[Any], _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Count one more."""
        cls.times_prepared += 1
        return core_schema.str_schema()


VALUES = [
    None,
    b"\x00",
    True,
    "ü",
    {"a": [1, 2.5]},
    Sum(minor=1, at=datetime(2026, 1, 2, tzinfo=UTC)),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_releases_read_one_another(value: Any) -> None:
    """A payload is as the SDK's own converter writes it, so each reads what the other wrote."""
    ours = data_converter.payload_converter
    payloads = ours.to_payloads([value])
    assert payloads == pydantic_data_converter.payload_converter.to_payloads([value])
    assert ours.from_payloads(payloads, [type(value)]) == [value]
    assert ours.from_payloads(payloads, [RawValue]) == [RawValue(payloads[0])]


def test_a_type_is_prepared_once_for_all_runs() -> None:
    """However many converters the SDK makes, one for each run of a saga among them."""
    for _run in range(3):
        converter = replace(data_converter).payload_converter
        [payload] = converter.to_payloads(["tea"])
        assert converter.from_payload(payload, Word) == "tea"
    assert Word.times_prepared == 1
