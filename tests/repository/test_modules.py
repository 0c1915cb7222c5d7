"""What importing a module does, and what runs in workflows."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.sources import ALL, ROOT, files, imports, last, name_of

# What importing a module does.

WORK = {
    *(
        "Settings",
        "connect",
        "create_engine",
        "create_async_engine",
        "open_database",
        "create_tables",
    ),
    *(
        "FastAPI",
        "create_app",
        "Worker",
        "Orders",
        "OrderService",
        "PaymentService",
        "StockService",
    ),
    *(
        "basicConfig",
        "dictConfig",
        "Thread",
        "ThreadPoolExecutor",
        "Popen",
        "run",
        "open",
        "mkdir",
        "read_text",
        "write_text",
    ),
}


def done_on_import(source: str) -> set[str]:
    """Return the calls that a module makes while it is imported, and that do more than declare."""
    calls = (node for node in _nodes_on_import(ast.parse(source)) if isinstance(node, ast.Call))
    return {ast.unparse(call.func) for call in calls if last(call) in WORK}


def _nodes_on_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run on import.

    No bodies of functions, and nothing under `if __name__ == "__main__"`.
    """
    yield node
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            inner: list[ast.AST] = [*node.decorator_list, node.args]
        case ast.Lambda():
            inner = [node.args]
        case ast.If() if ast.unparse(node.test) == "__name__ == '__main__'":
            inner = [*node.orelse]
        case _:
            inner = list(ast.iter_child_nodes(node))
    for child in inner:
        yield from _nodes_on_import(child)


def test_work_on_import_is_seen() -> None:
    """Work at module level is seen in every corner, and work inside a function is none."""
    source = """
settings = Settings()
if settings: engine = sa.create_engine("sqlite://")
class A:
    client = [asyncio.run(Client.connect())]
def f(engine=open_database("sqlite://")): return FastAPI()
try: logging.basicConfig()
except OSError: pass
"""
    assert done_on_import(source) == {
        *(
            "Settings",
            "sa.create_engine",
            "asyncio.run",
            "Client.connect",
            "open_database",
            "logging.basicConfig",
        ),
    }
    harmless = """
router = APIRouter()
later = lambda: Settings()
async def main(): await Client.connect()
if __name__ == "__main__":
    asyncio.run(main())
"""
    assert done_on_import(harmless) == set()


def test_importing_does_nothing() -> None:
    """No engine, client, setting, app, thread or logging is set up by an import."""
    modules = [path for path in ALL if path.name != "__main__.py"]
    calls_on_import = {name_of(path): done_on_import(path.read_text()) for path in modules}
    assert {name: calls for name, calls in calls_on_import.items() if calls} == {}


# What runs in workflows.

CORE = (
    *("saga", "forward", "ending", "steering", "on_record", "reset", "continued"),
    *("retriable", "retriables", "call_state", "call", "failure", "memo", "memo_writer"),
    *("policy", "keys", "workflow"),
)
IN_WORKFLOWS = files(
    "workflows/*.py", "examples/*.py", *(f"temporal_saga/{name}.py" for name in CORE)
)
each_workflow_file = pytest.mark.parametrize("path", IN_WORKFLOWS, ids=name_of)


def pydantic_models(source: str) -> set[str]:
    """Return the classes of a file that are, or come from, a pydantic model or our contracts."""
    tree = ast.parse(source)
    origins = dict(_names_from(tree))
    models: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for parent in (*node.bases, *node.decorator_list):
                name = ast.unparse(parent).partition("[")[0].partition("(")[0]
                origin = origins.get(name.partition(".")[0], "")
                if origin.startswith(("pydantic", "contracts.")) or name in models:
                    models.add(node.name)
    return models


def _names_from(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each name that a file imports, with where it comes from."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (
                    ((alias.asname or alias.name.partition(".")[0]), alias.name) for alias in names
                )
            case ast.ImportFrom(module=module, names=names):
                yield from (
                    (alias.asname or alias.name, f"{module}.{alias.name}") for alias in names
                )


def test_a_pydantic_model_is_seen() -> None:
    """A model is seen however its base is imported."""
    source = """
import pydantic
from pydantic import BaseModel as Base, RootModel, dataclasses
from contracts.base import Event
class A(pydantic.BaseModel): ...
class B(Generic[T], Base): ...
class C(RootModel[int]): ...
@dataclasses.dataclass(frozen=True)
class D: ...
class E(Event): ...
class F(A): ...
class G(Exception): ...
@dataclass
class H: ...
"""
    assert pydantic_models(source) == set("ABCDEF")


@pytest.mark.parametrize(
    "path", [*IN_WORKFLOWS, ROOT / "temporal_saga" / "history.py"], ids=name_of
)
def test_what_runs_in_workflows_defines_no_pydantic_model(path: Path) -> None:
    """Building a validator in every workflow's sandbox would cost more than the workflow."""
    assert pydantic_models(path.read_text()) == set()


CHANCE = {
    "unsafe",
    "random",
    "time",
    "uuid",
    "uuid1",
    "uuid4",
    "secrets",
    "utcnow",
    "today",
    "imports_passed_through",
}


def chances(source: str) -> set[str]:
    """Return what a file uses that would differ in a replay, or that leaves the sandbox."""
    chance_imports = {name for name in imports(source) if set(name.split(".")) & CHANCE}
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=owner, attr="now") if ast.unparse(owner) != "workflow":
                chance_imports.add(ast.unparse(node))
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in CHANCE:
                chance_imports.add(ast.unparse(node))
    return chance_imports


@pytest.mark.parametrize(
    "source",
    [
        *(
            "import random",
            "import time as t",
            "from uuid import uuid4",
            "from time import sleep",
            "import secrets",
        ),
        *("datetime.now(UTC)", "datetime.datetime.now()", "datetime.utcnow()", "date.today()"),
        *(
            "workflow.unsafe.is_replaying()",
            "with workflow.unsafe.imports_passed_through(): import x",
            "workflow.uuid4()",
        ),
        *(
            "from temporalio.workflow import unsafe",
            "workflow.random().random()",
            "workflow.time()",
        ),
    ],
)
def test_chance_is_seen(source: str) -> None:
    """Clocks, randomness and ways out of the sandbox are seen in every form."""
    assert chances(source)


@pytest.mark.parametrize(
    "source",
    ["workflow.now()", "from datetime import timedelta", "workflow.info().workflow_start_time"],
)
def test_what_replays_is_no_chance(source: str) -> None:
    """The workflow's own clock is not mistaken for the machine's."""
    assert not chances(source)


@each_workflow_file
def test_a_workflow_leaves_nothing_to_chance(path: Path) -> None:
    """What runs in workflows uses no clock and no randomness, and no way out of the sandbox."""
    assert chances(path.read_text()) == set()
