"""The check of the checks: `python -m tests.planted [name …]` plants known bugs.

It sees that each is caught by its named tests. Each `*.patch` beside this file is a unified diff
that breaks one promise. Its first lines say which promise, what the bug is, the tests that must
fail, and by which error if not by an assertion. It is applied to a copy of the project, never to
the project.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NOT_COPIED = shutil.ignore_patterns(".*", "var", "__pycache__", "node_modules")
AN_ASSERTION = ("AssertionError", "assert ", "Failed: DID NOT RAISE")
AT_ONCE = 2
WIDE = 150


@dataclass(frozen=True)
class Plant:
    """One bug: the patch that plants it, and what catches it."""

    patch: Path
    promise: str
    bug: str
    tests: tuple[str, ...]
    errors: tuple[str, ...]

    @classmethod
    def read(cls, patch: Path) -> Self:
        """Read a patch's first lines, `name: value` each, up to the diff."""
        lines = patch.read_text().partition("\n--- ")[0].splitlines()
        said = [line.split(": ", 1) for line in lines if ": " in line]
        tests = tuple(value for name, value in said if name == "caught by")
        error = dict(said).get("fails with")
        return cls(
            patch,
            dict(said)["promise"],
            dict(said)["bug"],
            tests,
            (error,) if error else AN_ASSERTION,
        )

    def grow(self, folder: Path) -> str | None:
        """Plant the bug in a copy of the project and run its tests there.

        Return how it gets away, or None when it is caught.
        """
        copy = copy_to(folder / self.patch.stem)
        applied = run(copy, "git", "apply", str(self.patch))
        if applied.returncode:
            return f"no longer applies, make it anew: {applied.stderr.strip()}"
        results = Results.of(copy, self.tests)
        if results.broken:
            return f"the tests did not run: {results.broken}"
        for test in self.tests:
            told = results.failures(test)
            if not told:
                return f"not caught: {test} {'is skipped' if test in results.skipped else 'passes'}"
            if otherwise := [message for message in told if not message.startswith(self.errors)]:
                return f"{test} fails by another error: {otherwise[0][:300]}"
        return None


@dataclass(frozen=True)
class Results:
    """What a run of tests came to.

    The error of each that failed, those that were skipped, and why it did not run at all.
    """

    told: dict[str, str]
    broken: str | None
    skipped: frozenset[str] = frozenset()

    @classmethod
    def of(cls, copy: Path, tests: Iterable[str]) -> Self:
        """Run tests in a copy of the project."""
        report = copy / "report.xml"
        done = run(
            copy,
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--junitxml={report}",
            *tests,
        )
        if done.returncode not in (0, 1):
            return cls({}, (done.stdout + done.stderr)[-2_000:])
        cases = [(name(case), case) for case in ET.parse(report).iter("testcase")]
        failures = {
            test: found.get("message", "")
            for test, case in cases
            if (found := case.find("failure")) is not None
        }
        errors = [
            f"{test}: {found.get('message')}"
            for test, case in cases
            if (found := case.find("error")) is not None
        ]
        # What a failed test leaves behind may well make its teardown fail, too.
        broken = (
            "; ".join(error for error in errors if error.partition(": ")[0] not in failures) or None
        )
        return cls(
            failures,
            broken,
            frozenset(test for test, case in cases if case.find("skipped") is not None),
        )

    def failures(self, test: str) -> list[str]:
        """Return the errors by which a test failed, in one of its cases or several."""
        return [
            told
            for failed, told in self.told.items()
            if failed == test or failed.startswith(f"{test}[")
        ]


def name(case: ET.Element) -> str:
    """Return a test's id as pytest takes it."""
    return f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"


def copy_to(folder: Path) -> Path:
    """Copy the project."""
    return Path(shutil.copytree(ROOT, folder, ignore=NOT_COPIED))


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a copy of the project, with no way back into the project or a repository."""
    env = os.environ | {
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def main(names: Sequence[str]) -> int:
    """Grow the named plants, or all; show what caught each; return the exit code."""
    console, begun = Console(width=None if sys.stdout.isatty() else WIDE), time.monotonic()
    patches = {patch.stem: patch for patch in sorted(HERE.glob("*.patch"))}
    if unknown := set(names) - patches.keys():
        console.print(
            f"there is no {', '.join(sorted(unknown))}; name some of: {', '.join(patches)}"
        )
        return 2
    plants = [Plant.read(patches[name]) for name in names or patches]
    tests = sorted({test for plant in plants for test in plant.tests})
    with TemporaryDirectory(prefix="planted-") as folder, ThreadPoolExecutor(AT_ONCE) as gardeners:
        clean = gardeners.submit(lambda: Results.of(copy_to(Path(folder) / "clean"), tests))
        verdicts = list(gardeners.map(lambda plant: plant.grow(Path(folder)), plants))
        healthy = clean.result()
    table = Table("promise", "planted bug", "caught by")
    for plant, wrong in sorted(
        zip(plants, verdicts, strict=True), key=lambda pair: pair[0].promise
    ):
        caught = "\n".join(test.rpartition("::")[2] for test in plant.tests)
        table.add_row(
            plant.promise, f"{plant.patch.stem}: {plant.bug}", f"[red]{wrong}" if wrong else caught
        )
    console.print(table)
    if healthy.told or healthy.broken:
        console.print(f"[red]without any bug planted, tests fail: {healthy.told or healthy.broken}")
    caught_all = not any(verdicts) and not healthy.told and not healthy.broken
    console.print(
        f"{verdicts.count(None)} of {len(plants)} planted bugs caught "
        f"in {time.monotonic() - begun:.0f} s"
    )
    return 0 if plants and caught_all else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
