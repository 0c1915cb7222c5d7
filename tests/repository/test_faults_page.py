"""docs/FAULTS.md names tests that are there."""

import re
from pathlib import Path

from tests.repository.sources import ROOT

PAGE = (ROOT / "docs/FAULTS.md").read_text()
NAMED = re.compile(r"`(?:(?P<file>[\w/]+/test_\w+\.py))?(?:::(?P<test>test_\w+))?`")
CASES = range(1, 34)


def named_tests() -> list[tuple[Path, str]]:
    """Return each file that the page names, and the test in it; "" for the whole file."""
    tests_on_page = []
    file = ""
    for match in NAMED.finditer(PAGE):
        if match["file"] or match["test"]:
            file = match["file"] or file
            tests_on_page.append((ROOT / "tests" / file, match["test"] or ""))
    return tests_on_page


def test_each_test_that_the_page_names_is_there() -> None:
    """A reader who repeats a case finds what it names."""
    tests_on_page = named_tests()
    assert len(tests_on_page) > len(CASES)
    assert [
        (path.name, test) for path, test in tests_on_page if f"def {test}" not in path.read_text()
    ] == []


def test_each_case_has_its_item() -> None:
    """None was left out."""
    assert sorted(map(int, re.findall(r"^- \*\*(\d+)\.\*\*", PAGE, re.MULTILINE))) == list(CASES)
