import re
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import pytest
from temporalio.client import Client

from tests import temporal_server

pytest_plugins = ["tests.databases", "temporal_saga.pytest_plugin"]

LONG = re.compile(r"\bpytest\.mark\.long\b")
WHOLLY_LONG = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.long\b", re.MULTILINE)


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[Client]:
    """A real server, for all tests."""
    async with temporal_server.running() as client:
        yield client


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out a file of which `-m` takes no test: to import them all takes a process seconds."""
    if collection_path.suffix == ".py":
        text = read(collection_path)
        match config.getoption("markexpr"):
            case "long" if not LONG.search(text):
                return True
            case "not long" if WHOLLY_LONG.search(text):
                return True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See that a file with a long test says so in its text, by which it is chosen above."""
    paths = {item.path for item in items if item.get_closest_marker("long")}
    if silent := [str(path) for path in paths if not LONG.search(read(path))]:
        raise pytest.UsageError(f"no pytest.mark.long is written in {', '.join(silent)}")


@cache
def read(path: Path) -> str:
    """Return a file's text."""
    return path.read_text()
