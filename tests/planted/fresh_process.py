"""pytest in processes forked from one that has imported the libraries, and nothing of ours.

Of the CPU that a planted bug took, half went into importing the same libraries for each.
"""

import os
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {path.stem for path in ROOT.iterdir()} | {"__mp_main__"}
"""The first words of the names of our modules."""

LIBRARIES = (
    "fastapi",
    "httpx",
    "hypothesis",
    "limits",
    "psutil",
    "psycopg",
    "pydantic_settings",
    "pytest",
    "rich.console",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "stripe",
    "temporalio.contrib.pydantic",
    "temporalio.testing",
    "temporalio.worker",
    "uvicorn",
)

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload([*LIBRARIES])


def run_pytest(copy: Path, folder: Path, *arguments: str) -> tuple[int, str]:
    """Run pytest in a copy of the project; return its exit code and what it prints.

    Args:
        copy: where the project's modules are imported from.
        folder: for what the tests write.
        arguments: for pytest.
    """
    output = folder / "output"
    output.touch()
    arguments = (f"--basetemp={folder / 'tests'}", *arguments)
    process = PROCESSES.Process(target=_run_pytest, args=(copy, output, arguments))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode, output.read_text()


def _run_pytest(copy: Path, output: Path, arguments: Sequence[str]) -> None:
    """Do as `python -m pytest` in the copy does."""
    with output.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    for module in [module for module in sys.modules if module.partition(".")[0] in OURS]:
        del sys.modules[module]
    sys.path[:] = [str(copy), *(path for path in sys.path if not _is_ours(path))]
    os.chdir(copy)
    os.environ["GIT_CEILING_DIRECTORIES"] = str(copy.parent)  # no way back into a repository
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False  # what is not kept is compiled for each run of a saga
    # Its plugins are among what is imported already.
    code = pytest.main(["-W", "ignore::pytest.PytestAssertRewriteWarning", *arguments])
    sys.stdout.flush()
    os._exit(code)  # with threads of Temporal's library about, an interpreter's end may crash


def _is_ours(path: str) -> bool:
    """Tell whether the project's modules are found there, and not the libraries'."""
    return Path(path).absolute() in {ROOT, ROOT / "clients" / "python"}
