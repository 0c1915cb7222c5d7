"""The operator's page, followed from top to bottom on a fresh `make up`: it shows what happens.

A block `sh` is typed as it stands, and the block `text` behind it is all that it prints, where `…`
stands for anything; how much space there is makes no difference. A block `sh until` is typed again
until it prints that. A function that a block defines is there for those behind it, as in one
terminal. Nothing else happens to the system.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import ROOT, until
from tests.system.e2e.up import RUNNER, Up

PAGE = ROOT / "docs" / "OPERATING.md"
PART = re.compile(
    r"^<!-- test: (?P<stage>.+?) -->$"
    r"|^```sh(?P<again> until)?\n(?P<script>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
FUNCTION = re.compile(r"^\w+\(\) \{.*?\}$", re.MULTILINE | re.DOTALL)
BEGUN_WITH = re.compile(r"^(?P<settings>(?:\w+=\w+ (?:\\\n +)?)+)make up$", re.MULTILINE)
BLOCK_SECONDS = 60


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """A fresh system, begun as the page says."""
    system = Up(tmp_path)
    settings_line = BEGUN_WITH.search(PAGE.read_text())
    assert settings_line
    system.env |= dict(re.findall(r"(\w+)=(\w+)", settings_line["settings"]))
    try:
        system.start(*RUNNER)
        system.until_up()
        yield system
    finally:
        system.kill()


def type_in(up: Up, script: str) -> tuple[int, str]:
    """Run a block as a person would type it, and return its exit code and all that it prints."""
    terminal = {
        "API": up.url,
        "TEMPORAL_ADDRESS": f"127.0.0.1:{up.ports['TEMPORAL_PORT']}",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    process = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=ROOT,
        env=up.env | terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BLOCK_SECONDS,
        check=False,
    )
    return process.returncode, process.stdout


def shows(page: str | None, output: str) -> bool:
    """Tell whether what was printed is what the page shows."""
    if page is None:
        return True
    literally = [re.escape(" ".join(part.split())) for part in page.split("…")]
    return (
        re.fullmatch(
            ".*?".join(part.replace("\\ ", " ?") for part in literally),
            " ".join(output.split()),
            re.DOTALL,
        )
        is not None
    )


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_operators_page_tells_what_happens(up: Up) -> None:
    """Each block prints what stands behind it, with the exit code 0, in the order of the page."""
    functions: list[str] = []
    for part in PART.finditer(PAGE.read_text()):
        assert not part["stage"], "whoever reads the page cannot see what a test does beside it"
        script = "\n".join([*functions, part["script"]])
        functions += FUNCTION.findall(part["script"])
        output = ""

        def as_shown(part: re.Match[str] = part, script: str = script) -> bool:
            nonlocal output
            status, output = type_in(up, script)
            return status == 0 and shows(part["shown"], output)

        try:
            until(as_shown, "the page shows it", BLOCK_SECONDS if part["again"] else 0)
        except AssertionError:
            pytest.fail(
                f"the page has:\n{part['script']}\nand shows:\n{part['shown']}\n"
                f"but it prints:\n{output}"
            )
