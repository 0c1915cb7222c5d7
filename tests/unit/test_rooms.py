"""Who may import what and read which settings, as far as import-linter cannot see it, and that its rules are alive."""

import ast
import sys
import tomllib
from collections.abc import Callable, Collection
from typing import Any

import pytest

from config import Settings
from tests.unit.sources import ALL, ROOT, files, imports, name_of

SETTINGS = {name.upper() for name in Settings.model_fields}


def test_there_are_files_to_look_at() -> None:
    """The checks below see every room, and no file that others wrote."""
    rooms = {path.relative_to(ROOT).parts[0] for path in ALL}
    assert {"api.py", "worker.py", "config.py", "embedded.py", "contracts", "routes", "temporal_saga", "workflows"} <= rooms
    assert not rooms & {".venv", "var", "tests"}


# What a file imports.


def strangers(source: str, allowed: Collection[str]) -> set[str]:
    """Return what a file imports beyond the standard library and the allowed modules with all that is in them."""
    free = sys.stdlib_module_names
    known = tuple(f"{name}." for name in allowed)
    return {name for name in imports(source) if name.partition(".")[0] not in free and not f"{name}.".startswith(known)}


def test_imports_are_seen_in_every_form() -> None:
    """No form of import escapes the checks."""
    source = """
import api
import routes.orders as r
from participants import payment
from . import sibling
def late():
    import workflows.order
    importlib.import_module("worker")
"""
    seen = {"api", "routes.orders", "participants.payment", ".sibling", "workflows.order", "worker"}
    assert imports(source) == seen
    assert strangers(source, ["routes", "participants.pay", "api"]) == seen - {"api", "routes.orders"}
    assert strangers("import os, json.decoder\nfrom __future__ import annotations", []) == set()


def test_nothing_imports_a_front_door() -> None:
    """Only tests build the API or a worker from outside; everybody else starts them as processes."""
    imported = {(name_of(path), name) for path in ALL for name in imports(path.read_text())}
    assert not {(path, name) for path, name in imported if name.partition(".")[0] in ("api", "worker")}


API = (
    "config",
    "contracts",
    "participants.order",
    "routes",
    "temporal_saga.timeline",
    "fastapi",
    "starlette",
    "pydantic",
    "temporalio",
)
DOORS = {
    "config.py": ("pydantic", "pydantic_settings", "temporal_saga.policy", "temporalio"),
    "embedded.py": ("config", "contracts"),
    "worker.py": (
        "activities",
        "config",
        "contracts",
        "participants",
        "temporal_saga.database",
        "temporal_saga.policy",
        "workflows",
        "temporalio",
    ),
    "api.py": (*API, "temporal_saga.database", "uvicorn"),
    "routes/*.py": API,
    "contracts/*.py": ("contracts", "pydantic", "pydantic_core"),
    "temporal_saga/__init__.py": (),
}
"""What may be imported where; `api.py` opens the order service's database, which is wiring as in `worker.py`."""


@pytest.mark.parametrize("pattern", DOORS)
def test_a_front_door_imports_what_it_may(pattern: str) -> None:
    """Each front door, and each room behind it that is drawn too coarsely elsewhere, imports what the design lets it."""
    assert files(pattern)
    for path in files(pattern):
        allowed = (*DOORS[pattern], "temporalio") if path == ROOT / "contracts" / "stubs.py" else DOORS[pattern]
        assert strangers(path.read_text(), allowed) == set(), path


def test_the_core_imports_nothing_by_itself() -> None:
    """Importing `temporal_saga` costs a workflow nothing: the package itself imports not even the standard library."""
    assert imports((ROOT / "temporal_saga" / "__init__.py").read_text()) == set()


# Who reads the environment.


def environment_reads(source: str, *, may_copy: bool) -> list[str]:
    """Return where a file touches the environment; whoever starts processes may copy it whole, or read what is not a setting."""
    tree = ast.parse(source)
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    return [
        ast.unparse(above[node])
        for node in ast.walk(tree)
        if _is_environment(node) and not (may_copy and (_is_copied(node, above) or _is_foreign(node, above)))
    ]


def _is_environment(node: ast.AST) -> bool:
    names = {"environ", "environb", "getenv", "getenvb"}
    match node:
        case ast.alias(name="os", asname=str()):
            return True
        case ast.Attribute(value=ast.Name(id="os"), attr=name) | ast.alias(name=name):
            return name in names
    return False


def _is_copied(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    match above[node]:
        case ast.Attribute(attr="items" | "copy") | ast.BinOp(op=ast.BitOr()) | ast.keyword(arg=None):
            return True
        case ast.Call(func=ast.Name(id="dict")):
            return True
        case ast.Dict(keys=keys, values=values):
            return keys[values.index(node)] is None  # type: ignore[arg-type]  # a value of a dictionary is an expression
    return False


def _is_foreign(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    match above[node], above.get(above[node]):
        case ast.Subscript(slice=ast.Constant(value=name)), _:
            return name not in SETTINGS
        case ast.Attribute(attr="get"), ast.Call(args=[ast.Constant(value=name), *_]):
            return name not in SETTINGS
    return False


@pytest.mark.parametrize(
    ("source", "alone", "copying"),
    [
        ("os.environ['API_PORT']", 1, 1),
        ("os.environ.get('DATA_DIR', 'var')", 1, 1),
        ("os.getenv('DATA_DIR')", 1, 1),
        ("os.environ.get(name)", 1, 1),
        ("from os import environ", 1, 1),
        ("import os as system", 1, 1),
        ("for name in os.environ: pass", 1, 1),
        ("{'DATA_DIR': os.environ}", 1, 1),
        ("os.environ['PATH']", 1, 0),
        ("os.environ.get('PATH', os.defpath)", 1, 0),
        ("env = os.environ | {'DATA_DIR': 'var'}", 1, 0),
        ("env = {**os.environ, 'DATA_DIR': 'var'}", 1, 0),
        ("env = dict(os.environ, DATA_DIR='var')", 1, 0),
        ("env = {name: value for name, value in os.environ.items() if name != 'DATA_DIR'}", 1, 0),
        ("process.environ()", 0, 0),
        ("import os", 0, 0),
    ],
)
def test_reading_the_environment_is_seen(source: str, alone: int, copying: int) -> None:
    """A read of one of our variables is told from a copy for a child process."""
    assert len(environment_reads(source, may_copy=False)) == alone
    assert len(environment_reads(source, may_copy=True)) == copying


def test_only_the_settings_read_our_environment_variables() -> None:
    """No module but `config.py` reads settings; what starts processes may hand its environment on."""
    others = {name_of(path): path.read_text() for path in ALL if path != ROOT / "config.py"}
    reads = {name: environment_reads(source, may_copy=name.startswith("operations/")) for name, source in others.items()}
    assert {name: found for name, found in reads.items() if found} == {}
    assert not {name for name, source in others.items() if any(i.startswith("pydantic_settings") for i in imports(source))}


# That import-linter's rules speak of rooms that exist.


def unknown_rooms(linter: dict[str, Any], exists: Callable[[str], bool]) -> set[str]:
    """Return the modules of ours that import-linter's configuration names and that are not there."""
    rooms = set(linter["root_packages"])
    named = set(rooms)
    for rule in linter["contracts"]:
        for key in ("source_modules", "forbidden_modules", "modules", "layers", "ignore_imports"):
            named |= {name for entry in rule.get(key, ()) for name in entry.replace("->", " ").split()}
    return {name for name in named if name.partition(".")[0] in rooms and not exists(name)}


def unguarded_rooms(linter: dict[str, Any], packages: Collection[str]) -> set[str]:
    """Return the packages that import-linter does not look at, or that no rule of it speaks of as a source."""
    sources = {name.partition(".")[0] for rule in linter["contracts"] for name in rule.get("source_modules", ())}
    return set(packages) - (sources & set(linter["root_packages"]))


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_a_wrong_rule_is_seen() -> None:
    """A rule that names a room that is gone, and a room that no rule guards, are seen."""
    linter = {
        "root_packages": ["contracts", "gone", "routes"],
        "contracts": [
            {"source_modules": ["contracts"], "forbidden_modules": ["fastapi", "contracts.gone"]},
            {"modules": ["contracts.order", "contracts.lost"], "ignore_imports": ["contracts.stubs -> contracts.away"]},
        ],
    }
    assert unknown_rooms(linter, is_module) == {"gone", "contracts.gone", "contracts.lost", "contracts.away"}
    assert unguarded_rooms(linter, ["contracts", "routes", "new"]) == {"routes", "new"}


def test_every_rule_speaks_of_rooms_that_exist() -> None:
    """import-linter's rules name modules that are there: a rule about a room that is gone guards nothing."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert unknown_rooms(linter, is_module) == set()


def test_every_room_is_guarded() -> None:
    """Every package of ours has a rule about what it may import; operations stand on top and may import what they run."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {name_of(path).partition("/")[0] for path in files("*/__init__.py")}
    assert unguarded_rooms(linter, packages) <= {"operations"}
