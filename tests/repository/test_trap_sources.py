"""The traps of cancellation and rollback on Temporal that can be seen in our source files.

The others are tried on real sagas.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.repository.sources import ALL, files, name_of


def test_nobody_gives_a_saga_an_execution_timeout() -> None:
    """Neither of Temporal's two limits for a whole workflow is named anywhere in our code."""
    limits = {"execution_timeout", "run_timeout"}
    assert ALL
    assert not [
        name_of(path)
        for path in ALL
        for node in walk(path)
        if isinstance(node, ast.keyword) and node.arg in limits
    ]


def test_no_worker_takes_a_defect_for_a_failure_of_the_business() -> None:
    """With `workflow_failure_exception_types` a worker closes sagas too early.

    The next release could have healed them.
    """
    keyword_names = [
        node.arg for path in ALL for node in walk(path) if isinstance(node, ast.keyword)
    ]
    assert "workflow_runner" in keyword_names, "this is where a worker of ours would say so"
    assert not [name for name in keyword_names if name and name.endswith("failure_exception_types")]


def test_nothing_is_awaited_in_finally() -> None:
    """Nor where everything is caught: an eviction comes by there, too."""
    ours = files("workflows/*", "temporal_saga/*")
    assert ours
    for path in ours:
        for node in walk(path):
            if isinstance(node, ast.Try):
                late = [
                    *node.finalbody,
                    *(
                        h
                        for h in node.handlers
                        if h.type is None or "BaseException" in ast.unparse(h.type)
                    ),
                ]
                assert not [
                    n for part in late for n in ast.walk(part) if isinstance(n, ast.Await)
                ], name_of(path)


def walk(path: Path) -> Iterator[ast.AST]:
    """Yield all that stands in a file."""
    yield from ast.walk(ast.parse(path.read_text()))
