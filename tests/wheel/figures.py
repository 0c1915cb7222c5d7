"""What the wheel costs, and how long a stranger needs: `python -m tests.wheel.figures`.

Nobody else should use the machine meanwhile; imports alone are told in CPU time.
"""

import asyncio
import importlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from temporalio.client import Client

from tests.repository.sources import ROOT
from tests.temporal_server import running
from tests.wheel.environments import build, constraints, run
from tests.wheel.page import FILES, FORTY_LINES

MODULES = ("workflow", "participant", "plugin", "testing")
IMPORTS = 7
EXTRAS = "workflow,participant"


def main() -> None:
    """Print all figures."""
    for name in (*FORTY_LINES, "book.py", "test_saga.py"):
        print(f"{name}: {lines_of(name)} lines")
    print(f"both halves: {sum(map(lines_of, FORTY_LINES))} lines")
    public = [importlib.import_module(f"temporal_saga.{module}").__all__ for module in MODULES]
    print(f"names: {sum(map(len, public))} in {len(MODULES)} modules")
    asyncio.run(follow())


def lines_of(name: str) -> int:
    """Return how many lines of a file of the page are not empty."""
    return sum(1 for line in FILES[name].splitlines() if line)


async def follow() -> None:
    """Follow the page to the first run that is taken back, with a server that is there."""
    async with running() as client:
        with TemporaryDirectory() as folder:
            await asyncio.to_thread(measure, Path(folder), client)


def measure(folder: Path, client: Client) -> None:
    """Build, install, import and run."""
    with stopwatch("build of the wheel"):
        wheel = build(ROOT, folder)
    print(f"wheel: {wheel.stat().st_size / 1000:.1f} KB")
    with stopwatch("venv"):
        run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    requirement = f"temporal-saga[{EXTRAS}] @ {wheel.as_uri()}"
    pip = (python, "-m", "pip", "install", "-q", "--constraint", constraints(folder), requirement)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    address = client.service_client.config.target_host
    with stopwatch("from `pip install` to the first compensated run"):
        with stopwatch("pip install"):
            run(*pip, cwd=folder)
        with stopwatch("first compensated run"):
            output = run(python, "book.py", "bob", "9900", cwd=folder, TEMPORAL_ADDRESS=address)
    assert output.startswith("not booked: CardDeclined"), output
    with stopwatch("first run that completes"):
        run(python, "book.py", "ann", "2500", cwd=folder, TEMPORAL_ADDRESS=address)
    for module in (*(f"temporal_saga.{module}" for module in MODULES), "temporalio", "sqlalchemy"):
        print(f"import {module}: {import_milliseconds(python, module, folder)}")


def import_milliseconds(python: Path, module: str, folder: Path) -> str:
    """Return the CPU time of an import: the median of some, each in a process of its own."""
    code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    figures = [float(run(python, "-c", code, cwd=folder)) * 1000 for _ in range(IMPORTS)]
    return f"{median(figures):.0f} ms of CPU ({min(figures):.0f} to {max(figures):.0f})"


@contextmanager
def stopwatch(what: str) -> Iterator[None]:
    """Print how long something takes."""
    before = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - before:.1f} s")


if __name__ == "__main__":
    main()
