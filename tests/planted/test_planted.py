"""The plants themselves: each names a promise and tests that are there, and still applies.

What gets away is told.
"""

import inspect
import re
import subprocess
from difflib import unified_diff
from pathlib import Path

import pytest

from temporal_saga.fence import Fence
from temporal_saga.saga import Saga
from tests.planted.__main__ import HERE, Plant, copy_to
from tests.planted.fresh_process import ROOT

PLANTS = [Plant.read(patch) for patch in sorted(HERE.glob("*.patch"))]

each_plant = pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.patch.stem)


@each_plant
def test_a_plant_still_applies(plant: Plant) -> None:
    """Whoever changes the lines that a bug is planted in makes its patch anew."""
    check = subprocess.run(
        ["git", "apply", "--check", plant.patch],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stderr


@each_plant
def test_a_plant_names_tests_that_are_there(plant: Plant) -> None:
    """Each by its file and its function."""
    assert plant.tests
    for test in plant.tests:
        file, _, function = test.partition("::")
        assert re.search(
            rf"^(async )?def {function.partition('[')[0]}\(",
            (ROOT / file).read_text(),
            re.MULTILINE,
        ), test


@pytest.mark.parametrize("of", [Saga, Fence], ids=lambda of: of.__name__)
def test_every_promise_is_broken_by_a_plant(of: type) -> None:
    """The promises are those that the docstring numbers."""
    promise_numbers = re.findall(r"^(\d)\. ", inspect.getdoc(of) or "", re.MULTILINE)
    assert len(promise_numbers) >= 6
    assert set(promise_numbers) == {
        match[1] for plant in PLANTS if (match := re.match(rf"{of.__name__} (\d): ", plant.promise))
    }


WORDS = "contracts/prose.py"
TEST = "tests/contracts/test_prose.py::test_an_order_is_told_in_one_line"


@pytest.mark.long
@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("MOST_LINES = 20", "MOST_LINES = 21", f"not caught: {TEST} passes"),
        ("MOST_LINES = 20", "raise ImportError", "the tests did not run"),
        ("Customer {order", "Client {order", None),
        ("order.customer_id}", "order.customer}", f"{TEST} fails by another error: AttributeError"),
    ],
)
def test_what_gets_away_is_told(tmp_path: Path, old: str, new: str, sentence: str | None) -> None:
    """A bug is only caught by an assertion of its own test."""
    before = (ROOT / WORDS).read_text()
    away = plant(tmp_path, before, before.replace(old, new)).grow(copy_to(tmp_path / "copy"))
    assert (away is None) if sentence is None else away and away.startswith(sentence)


def test_a_plant_that_no_longer_applies_is_told(tmp_path: Path) -> None:
    """Its lines have changed since."""
    away = plant(tmp_path, "as it was\n", "as it never was\n").grow(copy_to(tmp_path / "copy"))
    assert away is not None
    assert away.startswith(
        "no longer applies, make it anew: error: patch failed: contracts/prose.py:1"
    )


def plant(folder: Path, before: str, after: str) -> Plant:
    """Return a plant that changes one file of ours."""
    diff = "".join(
        unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"a/{WORDS}",
            f"b/{WORDS}",
        )
    )
    patch = folder / "plant.patch"
    patch.write_text(f"promise: none\nbug: none\ncaught by: {TEST}\n\n{diff}")
    return Plant.read(patch)
