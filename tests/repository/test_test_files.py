"""The tests' own order: pages name files that are there, and no two files share a name."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.repository.sources import ROOT

TESTS = ROOT / "tests"
FILES = sorted(TESTS.rglob("*.py"))
NAMED = re.compile(r"`([\w/.*]+(?:\.py|/))`")


def named_files(page: str) -> list[str]:
    """Return the test files and folders that a page names, from `tests/` on.

    A name without a folder is in the folder of the name before it.
    """
    names, folder = [], Path()
    for name in NAMED.findall((ROOT / page).read_text()):
        path = Path(name.removeprefix("tests/"))
        if name.startswith("tests/") or page.startswith("tests/"):
            folder = path if name.endswith("/") else path.parent
        elif len(path.parts) > 1 or not name.startswith("test_"):
            continue
        names.append(str(path if len(path.parts) > 1 or (TESTS / path).exists() else folder / path))
    return names


@pytest.mark.parametrize("page", ["tests/README.md", "docs/ARCHITECTURE.md"])
def test_each_file_that_a_page_names_is_there(page: str) -> None:
    """A reader who follows the page finds it."""
    names = named_files(page)
    assert len(names) > 20
    missing = [name for name in names if not list(TESTS.glob(name)) and not (ROOT / name).exists()]
    assert missing == []


def test_no_two_files_share_a_name() -> None:
    """A test is found by its file's name; pytest's own conftest.py is one of each room."""
    names = Counter(path.name for path in FILES if path.name != "conftest.py")
    assert [name for name, times in names.items() if times > 1] == []


def test_nobody_reaches_into_a_script() -> None:
    """Whoever uses `Script` finds what they need in its public surface."""
    inside = re.compile(r"\bscript\._(?!_)")
    assert [path.name for path in FILES if inside.search(path.read_text())] == []
