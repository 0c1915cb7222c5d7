"""The check of the checks: `python -m tests.planted [--tests-passed] [name …]` plants known bugs.

It sees that each is caught by its named tests, and that these pass without a bug, unless they are
known to have passed. Each `*.patch` beside this file is a unified diff that breaks one promise. Its
first lines say which promise, what the bug is, the tests that must fail, and by which error if not
by an assertion. It is applied to a copy of the project, never to the project.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table

from tests.planted.fresh_process import ROOT, run_pytest

HERE = Path(__file__).parent
NOT_COPIED = shutil.ignore_patterns(".*", "var", "node_modules", "*.pyc.*")
AN_ASSERTION = ("AssertionError", "assert ", "Failed: DID NOT RAISE")
AT_ONCE = 4
"""More than a small machine has cores: many tests fail by waiting for what a bug keeps away."""

WIDE = 150

TESTS_PASSED = "--tests-passed"
"""Says that the tests have passed in this tree, as `make test` has run them a moment ago."""


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
        headers = [line.split(": ", 1) for line in lines if ": " in line]
        tests = tuple(value for name, value in headers if name == "caught by")
        error = dict(headers).get("fails with")
        return cls(
            patch,
            dict(headers)["promise"],
            dict(headers)["bug"],
            tests,
            (error,) if error else AN_ASSERTION,
        )

    def grow(self, copy: Path) -> str | None:
        """Plant the bug in a copy of the project and run its tests there.

        Return how it gets away, or None when it is caught.
        """
        application = run(copy, "git", "apply", str(self.patch))
        if application.returncode:
            return f"no longer applies, make it anew: {application.stderr.strip()}"
        results = Results.of(copy, self.tests)
        if results.trouble:
            return f"the tests did not run: {results.trouble}"
        for test in self.tests:
            error_messages = results.failures(test)
            if not error_messages:
                return f"not caught: {test} {'is skipped' if test in results.skips else 'passes'}"
            if otherwise := [
                message for message in error_messages if not message.startswith(self.errors)
            ]:
                return f"{test} fails by another error: {otherwise[0][:300]}"
        return None


@dataclass(frozen=True)
class Results:
    """What a run of tests came to.

    The error of each that failed, those that were skipped, and why it did not run at all.
    """

    messages: dict[str, str]
    trouble: str | None
    skips: frozenset[str] = frozenset()

    @classmethod
    def of(cls, copy: Path, tests: Iterable[str]) -> Self:
        """Run tests in a copy of the project."""
        with TemporaryDirectory(prefix=f"{copy.name}-", dir=copy.parent) as folder:
            report = Path(folder) / "report.xml"
            code, output = run_pytest(
                copy,
                Path(folder),
                "-q",
                "-p",
                "no:cacheprovider",
                f"--junitxml={report}",
                *tests,
            )
            if code not in (0, 1) or not report.exists():
                return cls({}, f"exit code {code}: {output[-2_000:]}")
            root = ET.parse(report)
        cases = [(name(case), case) for case in root.iter("testcase")]
        failures = {
            test: element.get("message", "")
            for test, case in cases
            if (element := case.find("failure")) is not None
        }
        errors = [
            f"{test}: {element.get('message')}"
            for test, case in cases
            if (element := case.find("error")) is not None
        ]
        # What a failed test leaves behind may well make its teardown fail, too.
        trouble = (
            "; ".join(error for error in errors if error.partition(": ")[0] not in failures) or None
        )
        return cls(
            failures,
            trouble,
            frozenset(test for test, case in cases if case.find("skipped") is not None),
        )

    def failures(self, test: str) -> list[str]:
        """Return the errors by which a test failed, in one of its cases or several."""
        return [
            message
            for failed_test, message in self.messages.items()
            if failed_test == test or failed_test.startswith(f"{test}[")
        ]


def name(case: ET.Element) -> str:
    """Return a test's id as pytest takes it."""
    return f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"


def copy_to(folder: Path) -> Path:
    """Copy the project."""
    return Path(shutil.copytree(ROOT, folder, ignore=NOT_COPIED))


def grow_in_copy(copy: Path, plant: Plant) -> str | None:
    """Grow a plant in a copy of a copy of the project, which exists meanwhile.

    It consists of links: `git` and Python put new files in the place of those that they change.
    """
    folder = copy.with_name(plant.patch.stem)
    shutil.copytree(copy, folder, ignore=NOT_COPIED, copy_function=os.link)
    verdict = plant.grow(folder)
    shutil.rmtree(folder)
    return verdict


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a copy of the project, with no way back into the project or a repository."""
    env = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def main(arguments: Sequence[str]) -> int:
    """Grow the named plants, or all; show what caught each; return the exit code."""
    names = [argument for argument in arguments if argument != TESTS_PASSED]
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    start = time.monotonic()
    patches = {patch.stem: patch for patch in sorted(HERE.glob("*.patch"))}
    if unknown_names := set(names) - patches.keys():
        console.print(
            f"there is no {', '.join(sorted(unknown_names))}; name some of: {', '.join(patches)}"
        )
        return 2
    plants = [Plant.read(patches[name]) for name in names or patches]
    tests = sorted({test for plant in plants for test in plant.tests})
    if TESTS_PASSED in arguments:
        tests = []
    with TemporaryDirectory(prefix="planted-") as folder, ThreadPoolExecutor(AT_ONCE) as gardeners:
        copy = copy_to(Path(folder) / "copy")
        # First, and in parts: they take longer than any plant does.
        parts = [part for number in range(AT_ONCE) if (part := tests[number::AT_ONCE])]
        clean = [gardeners.submit(Results.of, copy, part) for part in parts]
        verdicts = list(gardeners.map(partial(grow_in_copy, copy), plants))
        results = [part.result() for part in clean]
    table = Table("promise", "planted bug", "caught by")
    for plant, wrong in sorted(
        zip(plants, verdicts, strict=True), key=lambda pair: pair[0].promise
    ):
        test_names = "\n".join(test.rpartition("::")[2] for test in plant.tests)
        table.add_row(
            plant.promise,
            f"{plant.patch.stem}: {plant.bug}",
            f"[red]{wrong}" if wrong else test_names,
        )
    console.print(table)
    failures = [part.messages or part.trouble for part in results if part.messages or part.trouble]
    if failures:
        console.print(f"[red]without any bug planted, tests fail: {failures}")
    caught_all = not any(verdicts) and not failures
    console.print(
        f"{verdicts.count(None)} of {len(plants)} planted bugs caught "
        f"in {time.monotonic() - start:.0f} s"
    )
    return 0 if plants and caught_all else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
