"""What others build on is committed as the code has it: the OpenAPI document, the JSON Schema."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts.base import Contract
from contracts.decisions import ACTS
from contracts.steps import PARTICIPANTS, STEPS
from contracts.stock import StockDecreasedEvent, StockDecreaseFailedEvent
from tests import commands
from tests.repository.published import COMMAND, DOCS, documents
from tests.repository.sources import ROOT

OPENAPI = DOCS / "openapi.json"

Schemas = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def documents_now() -> dict[Path, str]:
    """Each document as the code has it."""
    return documents()


@pytest.fixture(scope="module")
def schemas(documents_now: dict[Path, str]) -> Schemas:
    """The contracts' schemas, by the name of the file."""
    return {path.stem: json.loads(text) for path, text in documents_now.items() if path != OPENAPI}


def test_what_is_published_is_what_the_code_has(documents_now: dict[Path, str]) -> None:
    """Whoever changes what others build on sees it in the diff; nothing that is gone stays."""
    committed_texts = {
        path: path.read_text() for path in (OPENAPI, *(DOCS / "contracts").glob("*.json"))
    }
    all_paths = committed_texts.keys() | documents_now.keys()
    different = [
        path.relative_to(ROOT).as_posix()
        for path in sorted(all_paths)
        if committed_texts.get(path) != documents_now.get(path)
    ]
    assert not different, (
        f"{', '.join(different)}: not what the code says any more. Run `{COMMAND}`, and look in "
        "the diff at what changes for those who build on it"
    )


def test_each_step_is_in_its_participants_schema(schemas: Schemas) -> None:
    """With its command, event, refusal and compensation, under its task queue."""
    for step in STEPS:
        schema = schemas[step.participant]
        activity = schema["x-activities"][step.forward.name]
        refusal = step.refusal and {"$ref": f"#/$defs/{step.refusal.__name__}"}
        assert schema["x-task-queue"] == step.participant
        assert activity["command"] == {"$ref": f"#/$defs/{step.command}"}
        assert step.event in schema["$defs"]
        assert activity.get("refusal") == refusal
        assert activity.get("compensation") == (step.compensation and step.compensation.name)
    assert schemas["order-saga"]["x-signals"].keys() == ACTS.keys()


def test_each_schema_is_valid(schemas: Schemas) -> None:
    """In its dialect; and what it refers to is in it."""
    assert schemas.keys() == {"order-saga", *PARTICIPANTS}
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
        assert {name.removeprefix("#/$defs/") for name in references(schema)} <= set(
            schema["$defs"]
        )


def references(value: Any) -> set[str]:
    """Return every `$ref` in a JSON value."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    here = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return here.union(*map(references, value.values()))


MESSAGES = (
    commands.ORDER,
    commands.register("o1"),
    commands.cancel("o1"),
    commands.confirm("o1"),
    commands.pay("o1", 1),
    commands.refund("o1", 1),
    commands.take("o1", ("A", 1)),
    commands.put_back("o1", ("A", 1)),
    StockDecreasedEvent(order_id="o1"),
    StockDecreaseFailedEvent(order_id="o1", reason="OUT_OF_STOCK", message="none left"),
)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_what_is_sent_fits_its_schema(schemas: Schemas, message: Contract) -> None:
    """As it stands on the wire; without any one of its required fields it does not fit."""
    name = type(message).__name__
    wire = message.model_dump(mode="json")
    definitions = [schema["$defs"] for schema in schemas.values() if name in schema["$defs"]]
    assert definitions
    for each in definitions:
        validator = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": each})
        validator.validate(wire)
        for field in each[name]["required"]:
            less = {key: value for key, value in wire.items() if key != field}
            assert not validator.is_valid(less), field
