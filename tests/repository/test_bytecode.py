"""Bytecode of our own code exists before the first process runs it, whatever the environment.

`PYTHONDONTWRITEBYTECODE` keeps a process from writing what it has compiled, so that the next
compiles it again; in the sandbox, so does each run of a saga.
"""

import os
import re
import shutil
import subprocess
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tests.repository.sources import ALL, ROOT, name_of

ENV = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of our code without bytecode, with the environment of this one."""
    for source in ALL:
        copy = tmp_path / name_of(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv").symlink_to((ROOT / ".venv").resolve())
    return tmp_path


def not_compiled(folder: Path) -> list[str]:
    """Return our files that have no bytecode there."""
    names = map(name_of, ALL)
    return [name for name in names if not Path(cache_from_source(str(folder / name))).exists()]


@pytest.mark.long
def test_make_compiles_our_code(checkout: Path) -> None:
    """`make up` and every other target that needs the environment do, by `make install`."""
    assert len(not_compiled(checkout)) == len(ALL)
    command = ("make", "-s", "-o", ".venv/installed", "install")
    subprocess.run(command, cwd=checkout, env=ENV, check=True)
    assert not_compiled(checkout) == []
    assert "\nup: install " in (ROOT / "Makefile").read_text()


@pytest.mark.long
def test_the_image_is_built_with_bytecode(checkout: Path) -> None:
    """Of our code, by the Dockerfile's own command, and of the libraries."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    [command] = re.findall(r"^RUN (chmod .* python -m compileall .*)$", dockerfile, re.MULTILINE)
    (checkout / ".venv").unlink()
    subprocess.run(command, shell=True, cwd=checkout, env=ENV, check=True)
    assert not_compiled(checkout) == []
    assert re.search(r"^RUN pip install .*--compile ", dockerfile, re.MULTILINE)


@pytest.mark.long
def test_a_checkout_that_cannot_be_written_does_without(checkout: Path) -> None:
    """`make` goes on."""
    for source in checkout.rglob("*.py"):
        folder = source.with_name("__pycache__")
        if not folder.exists():
            folder.write_text("in the way")
    command = ("make", "-s", "-o", ".venv/installed", "install")
    process = subprocess.run(command, cwd=checkout, env=ENV, check=True, capture_output=True)
    assert (process.stdout, process.stderr) == (b"", b"")
