"""A name says what it holds, and a statement gives one value."""

import ast
import re
from collections.abc import Collection, Iterator

import pytest

from tests.repository.sources import ALL, ROOT, name_of

TESTS = sorted((ROOT / "tests").rglob("*.py"))
PARTICIPLE = re.compile(
    r"_*(?!(?:expected|need|seed|succeed)$)"
    r"(?:[a-z]+ed|(?:fore|mis|over|re|un|with)?"
    r"(?:begun|bought|broken|brought|built|caught|chosen|done|drawn|driven|forgotten|found"
    r"|frozen|given|gone|grown|heard|held|hidden|kept|known|lost|made|met|paid|read|said|seen|sent"
    r"|shown|sold|spent|stuck|taken|thrown|told|won|written))"
)
"""What happened to a thing, not what it is; `expected` is what a test compares with."""

IMPERATIVES = {"read"}
"""What a function does, where a file defines or calls it, and not what happened to it."""

A_FIELD = "JSON has it, of the API or in histories, which are read for good"
THE_API_HAS_IT = "the field of the API that is made of it has this name"
MEMOS_HAVE_IT = "memos have a field of this name, and those in histories are read for good"
A_MOVE = "one of a story's moves, beside `rolling_back` and `rolled_back`"
THE_SCRIPT = "what a script expects, as its stories are called"
EXCEPTIONS = {
    ("bench/figures.py", "completed"): "the field of the results' JSON has this name",
    ("contracts/order.py", "known"): A_FIELD,
    ("contracts/payment.py", "opened"): A_FIELD,
    ("contracts/record.py", "settled"): A_FIELD,
    ("contracts/step_views.py", "paused"): A_FIELD,
    ("contracts/step_views.py", "settled"): A_FIELD,
    ("contracts/stock.py", "added"): A_FIELD,
    ("contracts/stock.py", "changed"): A_FIELD,
    ("contracts/stock.py", "restored"): A_FIELD,
    ("routes/access.py", "unauthorized"): "HTTP's own name of the status 401, beside `forbidden`",
    ("temporal_saga/call.py", "shielded"): "the word of asyncio.shield; it reads like `sorted`",
    ("temporal_saga/display.py", "completed"): A_MOVE,
    ("temporal_saga/memo.py", "ignored"): MEMOS_HAVE_IT,
    ("temporal_saga/moment.py", "ignored"): MEMOS_HAVE_IT,
    ("temporal_saga/story.py", "completed"): A_MOVE,
    ("temporal_saga/testing/conversation.py", "recorded"): THE_SCRIPT,
    ("temporal_saga/testing/script.py", "completed"): THE_SCRIPT,
    ("temporal_saga/testing/script.py", "failed"): THE_SCRIPT,
    ("temporal_saga/tries.py", "paused"): THE_API_HAS_IT,
    ("workflows/record.py", "completed"): A_MOVE,
}
"""By file and name: why production code has it all the same."""

STORIES = {"approved", "cancelled", "completed", "rejected", "settled"}
"""A story is called by its end, and so is its history in tests/workflows/histories."""


def names_given(tree: ast.AST, stories: Collection[str]) -> Iterator[str]:
    """Yield the names of variables, arguments, attributes and functions that a file gives.

    Functions that are called as one of the stories are left out.
    """
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=name, ctx=ast.Store())
                | ast.Attribute(attr=name, ctx=ast.Store())
                | ast.arg(arg=name)
                | ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
            ):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield from {name}.difference(stories)


def participles(source: str, stories: Collection[str] = ()) -> list[str]:
    """Return the names in a file that are a past participle and nothing more."""
    tree = ast.parse(source)
    imperatives = IMPERATIVES.intersection(functions(tree))
    names = [name for name in names_given(tree, stories) if PARTICIPLE.fullmatch(name)]
    return [name for name in names if name.lstrip("_") not in imperatives]


def functions(tree: ast.AST) -> Iterator[str]:
    """Yield the names of functions that a file defines or calls, whosever they are."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))
            ):
                yield name.lstrip("_")


def joint_assignments(source: str) -> list[str]:
    """Return the assignments of several values at once that swap nothing."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and any(_gives_each_its_own(node, t) for t in node.targets)
    ]


def _gives_each_its_own(node: ast.Assign, target: ast.expr) -> bool:
    match target, node.value:
        case (
            (ast.Tuple(elts=names) | ast.List(elts=names)),
            (ast.Tuple(elts=values) | ast.List(elts=values)),
        ):
            is_swap = sorted(map(ast.unparse, names)) == sorted(map(ast.unparse, values))
            return not is_swap and not any(isinstance(value, ast.Starred) for value in values)
    return False


def test_no_variable_of_a_test_is_a_participle() -> None:
    """Who reads `placed` or `told` has to look for what it holds: a response, an order, a text."""
    assert TESTS
    assert {
        name_of(path): names for path in TESTS if (names := participles(path.read_text(), STORIES))
    } == {}


def test_no_name_of_production_code_is_a_participle() -> None:
    """Nor in what the tests are about; an exception says why, and goes with the name."""
    assert ALL
    assert {
        (name_of(path), name) for path in ALL for name in participles(path.read_text())
    } == EXCEPTIONS.keys()


def test_a_statement_gives_one_value() -> None:
    """Tuples are assigned where values are swapped, or where one value is unpacked."""
    assert {
        name_of(path): lines
        for path in (*ALL, *TESTS)
        if (lines := joint_assignments(path.read_text()))
    } == {}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("placed = 1", ["placed"]),
        ("def told(_sent): ...", ["told", "_sent"]),
        ("for seen in []: ...", ["seen"]),
        ("self.asked = 0", ["asked"]),
        ("try: ...\nexcept E as caught: ...", ["caught"]),
        ("placed_order = expected = seed = need = 1", []),
        ("order.closed", []),
        ("async def completed(): ...", []),
        ("async def failed(): ...", ["failed"]),
        ("read = foreseen = unsent = misheard = 1", ["read", "foreseen", "unsent", "misheard"]),
        ("def read(): ...", []),
        ("def each(read): read()", []),
    ],
)
def test_a_participle_alone_is_found(source: str, names: list[str]) -> None:
    """A noun beside it makes it a name."""
    assert participles(source, {"completed"}) == names


@pytest.mark.parametrize(
    ("source", "is_joint"),
    [
        ("a, b = 1, 2", True),
        ("[a, b] = [1, 2]", True),
        ("a, b = b, 2", True),
        ("a = b, c = 1, 2", True),
        ("a, b = b, a", False),
        ("a, b = pair", False),
        ("a, *b = first, *others", False),
        ("a = 1, 2", False),
    ],
)
def test_a_joint_assignment_is_found(source: str, is_joint: bool) -> None:
    """A swap is none, nor is what takes one value apart."""
    assert bool(joint_assignments(source)) == is_joint
