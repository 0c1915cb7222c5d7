"""Checks the types of the console, `python -m tests.console.type_check`.

The console's JSDoc names what the API answers `Api.OrderView`, `Api.StockView` …: these types are
made of docs/openapi.json, so that a field that the API does not have is an error of the console.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.repository.sources import ROOT

HERE = Path(__file__).parent
TSC = HERE / "node_modules" / ".bin" / "tsc"
INSTALLED = HERE / "node_modules" / ".package-lock.json"
TYPES = ROOT / "var" / "console" / "api.d.ts"

Json = dict[str, Any]

KINDS = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def write_types() -> None:
    """Write the types of what the API takes and answers, where tsconfig.json looks for them."""
    schemas = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]
    lines = ["declare namespace Api {", *map(_declaration, schemas, schemas.values()), "}"]
    TYPES.parent.mkdir(parents=True, exist_ok=True)
    TYPES.write_text("\n".join([*lines, ""]))


def _declaration(name: str, schema: Json) -> str:
    return f"  type {name} = {type_of(schema)};"


def type_of(schema: Json) -> str:
    """Return a schema as a type of TypeScript."""
    if "$ref" in schema:
        name: str = schema["$ref"].rpartition("/")[2]
        return name
    if "enum" in schema or "const" in schema:
        return " | ".join(map(json.dumps, schema.get("enum", [schema.get("const")])))
    if "anyOf" in schema:
        return " | ".join(map(type_of, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"({type_of(schema['items'])})[]"
    if schema.get("type") == "object":
        return _object(schema)
    return KINDS.get(schema.get("type", ""), "unknown")


def _object(schema: Json) -> str:
    if "properties" in schema:
        return "{ " + " ".join(_fields(schema)) + " }"
    others = schema.get("additionalProperties")
    return f"Record<string, {type_of(others) if isinstance(others, dict) else 'unknown'}>"


def _fields(schema: Json) -> Iterator[str]:
    """Yield the fields; only a body that we send may leave out those that have a default."""
    is_body = schema.get("additionalProperties") is False
    for name, field in schema["properties"].items():
        may_be_missing = is_body and name not in schema.get("required", ())
        yield f"{json.dumps(name)}{'?' if may_be_missing else ''}: {type_of(field)};"


def main() -> int:
    """Return the compiler's status: 0 when nothing is wrong."""
    write_types()
    return subprocess.run([TSC, "-p", HERE, "--pretty", "false"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
