"""Wheels of the saga core, and empty environments that they are installed in."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.repository.sources import ROOT

UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
"""Ten times as fast as `venv` and `pip`, which install by the same standards."""

LOCK = ROOT / "requirements-dev.lock"
INSTALL_SECONDS = 300


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Run a command to its end, and return what it prints.

    Raises:
        AssertionError: it failed; the message has all that it printed.
    """
    process = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    assert process.returncode == 0, f"{command}:\n{process.stdout}\n{process.stderr}"
    return process.stdout


def build(checkout: Path, folder: Path) -> Path:
    """Return the wheel of a checkout, built into a folder."""
    run(UV, "build", "-q", "--wheel", "--out-dir", folder, checkout, cwd=folder)
    [wheel] = folder.glob("*.whl")
    return wheel


def constraints(folder: Path) -> Path:
    """Return a file with the versions of our lock, whose hashes would be asked for."""
    file = folder / "constraints.txt"
    lines = LOCK.read_text().splitlines()
    versions = [line.removesuffix("\\") for line in lines if line[0].isalnum()]
    file.write_text("\n".join(versions))
    return file


def environment(folder: Path, *requirements: str) -> Path:
    """Return the `python` of a new environment that has these requirements, in our versions."""
    run(UV, "venv", "-q", "--python", sys.executable, folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    pip = (UV, "pip", "install", "-q", "--python", python, "--constraint", constraints(folder))
    run(*pip, *requirements, cwd=folder)
    return python
