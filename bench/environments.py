"""An environment for each peer under var/bench/: its requirements as they are pinned, no others."""

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


def python_environment(peer: str) -> Path:
    """Return the `python` of a peer's environment; it is made when its requirements are new.

    Raises:
        Unavailable: it cannot be made.
    """
    requirements = PEERS / peer / "requirements.txt"
    folder = ENVIRONMENTS / f"{peer}-{_digest(requirements)}"
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


def node_modules(peer: str) -> Path:
    """Return the folder of what a peer's package.json names; it is made when that is new.

    Raises:
        Unavailable: it cannot be made.
    """
    manifest = PEERS / peer / "package.json"
    folder = ENVIRONMENTS / f"{peer}-node-{_digest(manifest)}"
    if not (folder / "complete").exists():
        npm = shutil.which("npm")
        if npm is None:
            raise Unavailable(f"there is no `npm` here, which {peer} is installed with")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(manifest, folder)
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock")
        _install(npm, "install", "--prefix", folder, *quiet)
        (folder / "complete").touch()
    return folder / "node_modules"


def pinned(peer: str, *packages: str) -> dict[str, str]:
    """Return the versions that a peer's requirements name for these packages."""
    lines = (PEERS / peer / "requirements.txt").read_text().splitlines()
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
        done = subprocess.run(
            command,
            env=env,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{name}: {error}") from error
    if done.returncode:
        last_line = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise Unavailable(f"{name} failed: {last_line}")
