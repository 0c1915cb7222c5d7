"""The console's types: what the compiler finds, and how the API's types are made."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from routes.console import FOLDER
from tests.console.type_check import HERE, INSTALLED, TSC, TYPES, type_of, write_types

ERRORS = {
    "facts.js": (
        "money(view.total_minor, view.currency)",
        "money(view.total_pence, view.currency)",
        "Property 'total_pence' does not exist",
    ),
    "money.js": (
        'String(minor).padStart(digits + 1, "0")',
        "minor.padStart(digits + 1, 0)",
        "'padStart' does not exist on type",
    ),
    "times.js": ("hoursOrDays(minutes);", "hoursOrDay(minutes);", "Cannot find name 'hoursOrDay'"),
}
"""By module: what stands there, a slip in its place, and what the compiler says of that."""


def findings(console: Path) -> list[str]:
    """Return what the compiler says of the console's files there."""
    write_types()
    options = json.loads((HERE / "tsconfig.json").read_text())
    options["include"] = [str(console / "*.js"), str(TYPES), str(HERE / "served.d.ts")]
    project = console / "tsconfig.json"
    project.write_text(json.dumps(options))
    command = (TSC, "-p", project, "--pretty", "false")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return [line for line in result.stdout.splitlines() if not line.startswith(" ")]


def test_a_slip_is_found(tmp_path: Path) -> None:
    """A field that the API has not, a method of another type, a name that nobody has."""
    if not INSTALLED.exists():
        pytest.skip("TypeScript is not installed: `make javascript`, with npm and a network")
    for source in FOLDER.glob("*.js"):
        text = source.read_text()
        if slip := ERRORS.get(source.name):
            assert slip[0] in text
            text = text.replace(slip[0], slip[1], 1)
        (tmp_path / source.name).write_text(text)
    lines = findings(tmp_path)
    for name, (_, _, message) in ERRORS.items():
        assert any(name in line and message in line for line in lines), (name, lines)
    shutil.copy(FOLDER / "money.js", tmp_path)
    assert not [line for line in findings(tmp_path) if "money.js" in line]


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"$ref": "#/components/schemas/OrderView"}, "OrderView"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "number | null"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, '("a" | "b")[]'),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "Record<string, number>"),
        ({"type": "object", "additionalProperties": True}, "Record<string, unknown>"),
        ({"type": "object", "properties": {"a": {"const": 1}}}, '{ "a": 1; }'),
        (
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}},
                "required": ["a"],
            },
            '{ "a": string; "b"?: boolean; }',
        ),
        ({}, "unknown"),
    ],
)
def test_a_schema_becomes_a_type(schema: dict[str, object], text: str) -> None:
    """As tests/console/type_check.py says it to the compiler."""
    assert type_of(schema) == text
