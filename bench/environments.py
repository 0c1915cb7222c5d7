"""An environment for each peer under var/bench/: what its requirements pin, and nothing else."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.contestants.contestant import Unavailable
from bench.processes import ROOT

PEERS = Path(__file__).parent / "peers"
ENVIRONMENTS = ROOT / "var" / "bench" / "environments"
INSTALL_SECONDS = 900


def python_environment(program: Path) -> Path:
    """Return the `python` of a program's environment; it is made when its requirements are new.

    Args:
        program: the folder that has its requirements.txt.

    Raises:
        Unavailable: it cannot be made.
    """
    requirements = program / "requirements.txt"
    folder = ENVIRONMENTS / f"{program.name}-{_digest(requirements)}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        uv = shutil.which("uv")
        if uv:
            _install(uv, "venv", "-q", "--clear", "--python", sys.executable, folder)
            tool: tuple[str | Path, ...] = (uv, "pip", "install", "-q", "--python", python)
            _install(*tool, "--compile-bytecode", "-r", requirements)
        else:
            _install(sys.executable, "-m", "venv", "--clear", folder)
            tool = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check")
            _install(*tool, "-r", requirements)
        (folder / "complete").touch()
    return python


def node_modules(program: Path) -> Path:
    """Return the folder of what a program's package.json names; it is made when that is new.

    Raises:
        Unavailable: it cannot be made.
    """
    manifest = program / "package.json"
    folder = ENVIRONMENTS / f"{program.name}-node-{_digest(manifest)}"
    if not (folder / "complete").exists():
        npm = shutil.which("npm")
        if npm is None:
            raise Unavailable(f"there is no `npm` here, which {program.name} is installed with")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(manifest, folder)
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock")
        _install(npm, "install", "--prefix", folder, *quiet)
        (folder / "complete").touch()
    return folder / "node_modules"


def pinned_versions(program: Path, *packages: str) -> dict[str, str]:
    """Return the versions that a program's requirements name for these packages."""
    lines = (program / "requirements.txt").read_text().splitlines()
    versions = dict(line.split("==") for line in lines if "==" in line)
    return {package: versions[package] for package in packages}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _install(*command: str | Path) -> None:
    """Run a command to its end.

    Raises:
        Unavailable: it fails, with the last line that it printed.
    """
    name = " ".join(Path(part).name for part in command[:3])
    # Without what this shell sets for our own environment: this is another one.
    env = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    try:
        result = subprocess.run(
            command,
            env=env,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{name}: {error}") from error
    if result.returncode:
        last_line = (result.stderr or result.stdout).strip().rpartition("\n")[2]
        raise Unavailable(f"{name} failed: {last_line}")
