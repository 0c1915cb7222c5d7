"""The embedded Temporal server: the real one, set up to be fast and safe on one machine.

`python -m operations.up.temporal_server` becomes the server. Its flags:
https://docs.temporal.io/cli/server
"""

import os
import shlex
import shutil
import sys
from pathlib import Path

from config import read_settings
from contracts.stubs import SEARCH_ATTRIBUTES

SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL")
"""A commit is one sequential write and one fsync: three times as fast as the default journal, and
as safe."""

MOST_SIGNALS = 2_000
"""A run of a saga takes so many signals, and continues in a new run after as many events."""

DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=100",
    "history.visibilityProcessorMaxPollRPS=1",
    "history.visibilityTaskBatchSize=1000",
    "frontend.namespaceCount=20000",
    "frontend.namespaceRPS.visibility=100",
    "worker.batcherRPS=10",
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=3",
    f"history.maximumSignalsPerExecution={MOST_SIGNALS}",
    f"limit.historyCount.suggestContinueAsNew={MOST_SIGNALS}",
)
"""As deploy/temporal-dynamic-config.yaml, which has the reasons."""

DEFAULTS_OF_A_SERVER = ("system.forceSearchAttributesCacheRefreshOnRead=false",)
"""What every server but the development server has by default.

That one reads the search attributes and the namespace from the database for each start, upsert and
view, some 37 times for an order, so that an attribute created while it runs is known at once. Ours
are there before it starts.
"""

GARBAGE_COLLECTION = {"GOGC": "200"}
"""The server collects garbage when what it keeps has trebled, not doubled: some 5 % less CPU, and
50 MiB more under load, none when it is idle. A GOGC of the shell goes first."""


def temporal_binary() -> str:
    """Return the `temporal` command: the one installed beside this Python, or the one on the PATH.

    Raises:
        FileNotFoundError: there is neither.
    """
    beside = Path(sys.executable).with_name("temporal")
    path = str(beside) if beside.exists() else shutil.which("temporal")
    if path is None:
        raise FileNotFoundError(
            "there is no `temporal` command; `make` installs one, "
            "or see https://docs.temporal.io/cli"
        )
    return path


def temporal_command() -> str:
    """Return what a person in the current folder types for `temporal`."""
    return shlex.quote(temporal_binary().removeprefix(f"{Path.cwd()}{os.sep}"))


def search_attribute_flags() -> list[str]:
    """Return the flags that register our search attributes: a saga stands still without one."""
    return [
        f"--search-attribute={key.name}={key.indexed_value_type.name.title()}"
        for key in SEARCH_ATTRIBUTES
    ]


def server_command(database: Path, port: int, ui_port: int | None) -> list[str]:
    """Return the command line of a server with its state in `database`; `ui_port` may be None."""
    return [
        temporal_binary(),
        "server",
        "start-dev",
        "--ip=127.0.0.1",
        f"--port={port}",
        f"--db-filename={database}",
        *(f"--sqlite-pragma={pragma}" for pragma in SQLITE_PRAGMAS),
        *(f"--dynamic-config-value={value}" for value in (*DYNAMIC_CONFIG, *DEFAULTS_OF_A_SERVER)),
        *search_attribute_flags(),
        *([f"--ui-port={ui_port}", "--ui-disable-news-fetch"] if ui_port else ["--headless"]),
    ]


def main() -> None:
    """Become the server that the settings describe."""
    settings = read_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    command = server_command(
        settings.data_dir / "temporal.db", settings.temporal_port, settings.temporal_ui_port
    )
    # Our own command line, without a shell.
    os.execve(command[0], command, GARBAGE_COLLECTION | os.environ)  # noqa: S606


if __name__ == "__main__":
    main()
