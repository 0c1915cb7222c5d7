"""docs/API.md is true: every block in it is run."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from routes.access import NEEDED
from tests.stack import ROOT, Stack

PAGE = (ROOT / "docs" / "API.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
TELLS_STATUS = '#!/bin/sh\nexec {curl} -w "%{{stderr}}%{{http_code}}\\n" "$@"\n'


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system as `make up` starts it, with the customer and the product of the page."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env["REVIEW_THRESHOLD_MINOR"] = "100000"
    try:
        system.seed({"17850": 10**6}, {"85123A": 1_000})
        system.start_all()
        yield system
    finally:
        system.stop()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which curl tells the status of each answer as well."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl here")
    script = tmp_path / "curl"
    script.write_text(TELLS_STATUS.format(curl=curl))
    script.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[-1][:60])
def test_a_block_does_what_it_says(stack: Stack, path: str, tmp_path: Path, block: str) -> None:
    """Every call is answered with the status that stands above it."""
    [exit_line] = re.findall(r"^# → (.*)$", block, re.MULTILINE)
    script = block.replace("/tmp/", f"{tmp_path}/").replace("make shop", "make -s -o install shop")
    script = script.replace("localhost:8000", f"127.0.0.1:{stack.api_port}").replace(
        ".venv/bin/python", sys.executable
    )
    env = stack.env | {"PATH": path}
    process = subprocess.run(
        ["sh", "-eu", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr.split()) == (0, exit_line.split()), process.stdout


def test_every_call_has_its_example() -> None:
    """The page leaves out no call that the API answers."""
    paths = {path for block in BLOCKS for path in re.findall(r"localhost:8000(/[^\s'?]*)", block)}
    for route in NEEDED:
        path = re.sub(r"\{\w+\}", r"[^/]+", route.partition(" ")[2])
        assert [asked_path for asked_path in paths if re.fullmatch(path, asked_path)], route
