"""A value of an enumeration says what it means."""

import ast
from collections.abc import Iterator

import pytest

from tests.repository.sources import files, name_of

FILES = files("application/*", "contracts/*", "temporal_saga/*")


def unexplained_values(source: str) -> Iterator[str]:
    """Yield the values that neither a line below nor the docstring of their class explains."""
    for enumeration in ast.walk(ast.parse(source)):
        if not isinstance(enumeration, ast.ClassDef):
            continue
        if not any(ast.unparse(base).endswith("Enum") for base in enumeration.bases):
            continue
        docstring = ast.get_docstring(enumeration) or ""
        body = enumeration.body
        for statement, below in zip(body, [*body[1:], None], strict=True):
            match statement, below:
                case _, ast.Expr(value=ast.Constant(value=str())):
                    pass
                case ast.Assign(
                    targets=[ast.Name(id=name)], value=ast.Constant(value=str(value))
                ), _:
                    if name not in docstring and f"`{value}`" not in docstring:
                        yield f"{enumeration.name}.{name}"


def test_each_value_of_ours_is_explained() -> None:
    """Where readers meet it: in what is said, in what the API serves, in the saga core."""
    assert FILES
    assert {
        name_of(path): names for path in FILES if (names := [*unexplained_values(path.read_text())])
    } == {}


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ('"""How."""\n A = "a"\n B = "b"', ["E.A", "E.B"]),
        ('A = "a"\n """So."""\n B = "b"', ["E.B"]),
        ('"""A: so."""\n A = "x"', []),
        ('"""`x`: so."""\n A = "x"', []),
    ],
)
def test_a_value_without_an_explanation_is_found(body: str, names: list[str]) -> None:
    """By a line below it, or by its class, under its name or as it is."""
    assert list(unexplained_values(f"class E(StrEnum):\n {body}")) == names
