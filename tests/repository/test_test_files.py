"""The tests' own order: their map names files that are there, and no two files share a name."""

import re
from collections import Counter

from tests.repository.sources import ROOT

TESTS = ROOT / "tests"
ROOMS = (TESTS, ROOT)
FILES = sorted(TESTS.rglob("*.py"))
NAMED = re.compile(r"`([\w/]+(?:\.py|/))`")


def test_each_file_that_the_map_names_is_there() -> None:
    """A reader who follows tests/README.md finds it."""
    names = NAMED.findall((TESTS / "README.md").read_text())
    assert len(names) > 20
    assert [name for name in names if not any((room / name).exists() for room in ROOMS)] == []


def test_no_two_files_share_a_name() -> None:
    """A test is found by its file's name; pytest's own conftest.py is one of each room."""
    names = Counter(path.name for path in FILES if path.name != "conftest.py")
    assert [name for name, times in names.items() if times > 1] == []


def test_nobody_reaches_into_a_script() -> None:
    """Whoever uses `Script` finds what they need in its public surface."""
    inside = re.compile(r"\bscript\._(?!_)")
    assert [path.name for path in FILES if inside.search(path.read_text())] == []
