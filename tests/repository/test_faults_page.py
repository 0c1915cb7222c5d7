"""docs/FAULTS.md names tests that are there."""

import re
from pathlib import Path

from tests.repository.sources import ROOT

PAGE = (ROOT / "docs/FAULTS.md").read_text()
NAMED = re.compile(r"`(?:(?P<file>[\w/]+/test_\w+\.py))?(?:::(?P<test>test_\w+))?`")
CASES = range(1, 34)


def named_tests() -> list[tuple[Path, str]]:
    """Return each file that the page names, and the test in it; "" for the whole file."""
    named, file = [], ""
    for match in NAMED.finditer(PAGE):
        if match["file"] or match["test"]:
            file = match["file"] or file
            named.append((ROOT / "tests" / file, match["test"] or ""))
    return named


def test_each_test_that_the_page_names_is_there() -> None:
    """A reader who repeats a case finds what it names."""
    named = named_tests()
    assert len(named) > len(CASES)
    assert [
        (path.name, test) for path, test in named if f"def {test}" not in path.read_text()
    ] == []


def test_each_case_has_its_item() -> None:
    """None was left out."""
    assert sorted(map(int, re.findall(r"^- \*\*(\d+)\.\*\*", PAGE, re.MULTILINE))) == list(CASES)
