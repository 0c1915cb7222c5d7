"""Our own source files, for tests that read them."""

import ast
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_OURS = {"var", "tests", "node_modules", "build", "dist"}
IMPORTERS = {"import_module", "__import__", "run_module"}


def files(*patterns: str) -> list[Path]:
    """Return our Python files, tests aside, that match any of the patterns."""
    rooms = [
        path
        for path in ROOT.iterdir()
        if path.name not in NOT_OURS and not path.name.startswith(".")
    ]
    ours = {path for room in rooms for path in (room.rglob("*.py") if room.is_dir() else [room])}
    return sorted(
        path for path in ours if any(fnmatch(name_of(path), pattern) for pattern in patterns)
    )


def name_of(path: Path) -> str:
    """Return a file's path as people know it."""
    return path.relative_to(ROOT).as_posix()


ALL = files("*.py")


def imports(source: str) -> set[str]:
    """Return the full dotted names that a file imports, wherever in it and however."""
    module_names = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                module_names |= {alias.name for alias in names}
            case ast.ImportFrom(module=module, names=names, level=level):
                module_names |= {
                    "." * level + f"{module or ''}.{alias.name}".removeprefix(".")
                    for alias in names
                }
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if last(node) in IMPORTERS:
                module_names.add(name)
    return module_names


def last(call: ast.Call) -> str:
    """Return the name of what is called, without whose it is."""
    return ast.unparse(call.func).rpartition(".")[2]
