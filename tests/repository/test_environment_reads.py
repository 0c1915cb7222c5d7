"""Who reads the environment: the settings alone, and whoever hands it on to a process."""

import ast

import pytest

from config import Settings
from tests.repository.sources import ALL, ROOT, imports, name_of

SETTINGS = {name.upper() for name in Settings.model_fields}


def environment_reads(source: str, *, may_copy: bool) -> list[str]:
    """Return where a file touches the environment.

    Whoever starts processes may copy it whole, or read what is not a setting.
    """
    tree = ast.parse(source)
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    return [
        ast.unparse(above[node])
        for node in ast.walk(tree)
        if _is_environment(node)
        and not (may_copy and (_is_copied(node, above) or _is_foreign(node, above)))
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
        case (
            ast.Attribute(attr="items" | "copy") | ast.BinOp(op=ast.BitOr()) | ast.keyword(arg=None)
        ):
            return True
        case ast.Call(func=ast.Name(id="dict")):
            return True
        case ast.Dict(keys=keys, values=values):
            # A value of a dictionary is an expression.
            return keys[values.index(node)] is None  # type: ignore[arg-type]
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
    """No room but `config/` reads settings; what starts processes may hand its environment on.

    A client is no process of ours.
    """
    others = {
        name_of(path): path.read_text()
        for path in ALL
        if not {ROOT / "config", ROOT / "clients"} & set(path.parents)
    }
    reads = {
        name: environment_reads(source, may_copy=name.startswith(("operations/", "bench/")))
        for name, source in others.items()
    }
    assert {name: names_read for name, names_read in reads.items() if names_read} == {}
    assert not {
        name
        for name, source in others.items()
        if any(i.startswith("pydantic_settings") for i in imports(source))
    }
