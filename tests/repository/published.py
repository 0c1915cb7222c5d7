"""The documents that others build on: the API's OpenAPI document, the contracts' JSON Schema.

`python -m tests.repository.published` writes them anew.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api import create_app
from config import Settings
from contracts import stubs
from contracts.base import KeyedCommand
from contracts.decisions import ACTS
from contracts.placing import PlaceOrder
from contracts.steps import PARTICIPANT_OF, STEPS
from tests.repository.sources import ROOT
from tests.tokens import AUTHENTICATION

DOCS = ROOT / "docs"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMMAND = "make schemas"

Json = dict[str, Any]

REFUSAL_OF = {step.forward.name: step.refusal for step in STEPS if step.refusal is not None}
COMPENSATION_OF = {
    step.forward.name: step.compensation.name for step in STEPS if step.compensation is not None
}


def documents() -> dict[Path, str]:
    """Return the text of each document, as the code has it now."""
    schemas = {"order-saga": saga_schema(), **participant_schemas()}
    app = create_app(Settings.model_validate(AUTHENTICATION))
    return {
        DOCS / "openapi.json": _text(app.openapi()),
        **{DOCS / "contracts" / f"{name}.json": _text(schema) for name, schema in schemas.items()},
    }


def saga_schema() -> Json:
    """Return the schema of what the workflow is started with, and of its signals."""
    return {
        **_head("order-saga", "What the order saga is started with, and its signals."),
        "x-task-queue": stubs.ORCHESTRATOR_QUEUE,
        "x-workflow": {"type": stubs.WORKFLOW_TYPE, "input": _reference(PlaceOrder)},
        "x-signals": {name: _reference(body) for name, body in ACTS.items()},
        "$defs": _definitions(PlaceOrder, *ACTS.values()),
    }


def participant_schemas() -> dict[str, Json]:
    """Return by participant the schema of what it is told and answers, activity by activity."""
    activities = defaultdict[str, dict[str, Json]](dict)
    models = defaultdict[str, list[type[BaseModel]]](list)
    for activity in _activities():
        [command] = activity.arg_types
        name = activity.name
        queue = PARTICIPANT_OF.get(name) or _participant_by_module(command)
        answers = list(get_args(activity.ret_type) or (activity.ret_type,))
        row: Json = {"command": _reference(command), "answer": _one_of(answers)}
        if refusal := REFUSAL_OF.get(name):
            row["refusal"] = _reference(refusal)
            answers.append(refusal)
        if compensation := COMPENSATION_OF.get(name):
            row["compensation"] = compensation
        activities[queue][name] = row
        models[queue] += [command, *answers]
    return {
        queue: {
            **_head(queue, f"What the participant `{queue}` is told, and what it answers."),
            "x-task-queue": queue,
            "x-activities": activities[queue],
            "$defs": _definitions(*models[queue]),
        }
        for queue in activities
    }


def _activities() -> Iterator[Any]:
    """Yield what Temporal knows of each activity stub."""
    for value in vars(stubs).values():
        if definition := getattr(value, "__temporal_activity_definition", None):
            yield definition


def _participant_by_module(command: type[KeyedCommand]) -> str:
    """Return who takes a command of no saga: the contracts of each participant are one module."""
    return command.__module__.rpartition(".")[2]


def _head(name: str, title: str) -> Json:
    return {"$schema": DIALECT, "$id": f"{name}.json", "title": title}


def _reference(model: type[BaseModel]) -> Json:
    return {"$ref": f"#/$defs/{model.__name__}"}


def _one_of(answers: list[type[BaseModel]]) -> Json:
    references = [_reference(model) for model in answers]
    return references[0] if len(references) == 1 else {"anyOf": references}


def _definitions(*models: type[BaseModel]) -> Json:
    """Return the schemas by name: what a reader accepts, so fields with defaults may be missing."""
    unique_models = list(dict.fromkeys(models))
    _, schema = models_json_schema([(model, "validation") for model in unique_models])
    definitions: Json = schema["$defs"]
    return definitions


def _text(document: Json) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Write each document that differs, and say which."""
    for path, text in documents().items():
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print("wrote", path.relative_to(ROOT))  # noqa: T201  # it is a command's output


if __name__ == "__main__":
    write()
