"""The embedded Temporal server: its command line, and which `temporal` it runs."""

import os
import sys
from pathlib import Path

import pytest

from operations.up.temporal_server import main, server_command, temporal_binary

DATABASE = Path("/data/temporal.db")


def test_the_embedded_server_keeps_its_state_safely() -> None:
    """The server keeps its state in the file, with a write-ahead log and an fsync per commit."""
    command = server_command(DATABASE, 7233, 8233)
    assert command[:3] == [temporal_binary(), "server", "start-dev"]
    assert {"--db-filename=/data/temporal.db", "--port=7233", "--ip=127.0.0.1"} <= set(command)
    assert {"--sqlite-pragma=journal_mode=WAL", "--sqlite-pragma=synchronous=FULL"} <= set(command)
    assert "--dynamic-config-value=history.transferProcessorMaxPollRPS=100" in command


@pytest.mark.parametrize(
    "value",
    [
        "history.visibilityProcessorMaxPollRPS=1",
        "history.visibilityTaskBatchSize=1000",
        "system.forceSearchAttributesCacheRefreshOnRead=false",
    ],
)
def test_the_embedded_server_writes_and_reads_no_more_than_it_must(value: str) -> None:
    """What saves most of its CPU is set; docs/PERFORMANCE.md says how much each of it does."""
    assert f"--dynamic-config-value={value}" in server_command(DATABASE, 7233, None)


def test_a_batch_of_the_embedded_server_leaves_room_for_new_orders() -> None:
    """By default it wakes more sagas in a second than two cores finish."""
    assert "--dynamic-config-value=worker.batcherRPS=10" in server_command(DATABASE, 7233, None)


def test_the_embedded_server_knows_our_search_attributes() -> None:
    """Every search attribute is registered with its type: a saga that sets another stands still."""
    flags = [
        flag
        for flag in server_command(DATABASE, 7233, None)
        if flag.startswith("--search-attribute")
    ]
    assert flags == [
        "--search-attribute=SagaState=Keyword",
        "--search-attribute=CustomerId=Keyword",
        "--search-attribute=FailureReason=Keyword",
        "--search-attribute=NeedsAttention=Bool",
        "--search-attribute=OrderTotalMinor=Int",
    ]


@pytest.mark.parametrize(
    ("port", "flag", "absent_flag"),
    [(8233, "--ui-port=8233", "--headless"), (None, "--headless", "--ui-port")],
)
def test_the_embedded_server_shows_the_web_ui_where_there_is_a_port(
    port: int | None, flag: str, absent_flag: str
) -> None:
    """With a port for it there is a Web UI, and without one there is none."""
    command = server_command(DATABASE, 7233, port)
    assert flag in command
    assert not [flag for flag in command if flag.startswith(absent_flag)]


@pytest.mark.parametrize(
    ("shell", "value"), [({}, "200"), ({"GOGC": "100"}, "100")], ids=["default", "of-the-shell"]
)
def test_the_embedded_server_collects_garbage_less_often(
    shell: dict[str, str], value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The process becomes the server, with a GOGC of its own unless the shell has one."""
    monkeypatch.delenv("GOGC", raising=False)
    for name, setting in (shell | {"DATA_DIR": str(tmp_path)}).items():
        monkeypatch.setenv(name, setting)
    server = []
    monkeypatch.setattr(os, "execve", lambda *call: server.append(call))
    main()
    ((path, command, environment),) = server
    assert (path, command[0]) == (temporal_binary(), temporal_binary())
    assert environment["GOGC"] == value
    assert environment["DATA_DIR"] == str(tmp_path)


def test_the_temporal_command_is_the_one_beside_this_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command beside this Python goes before the PATH's; without any, the error helps."""
    beside = tmp_path / "venv" / "temporal"
    elsewhere = tmp_path / "path" / "temporal"
    for command in (beside, elsewhere):
        command.parent.mkdir()
        command.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(beside.with_name("python")))
    monkeypatch.setenv("PATH", str(elsewhere.parent))
    assert temporal_binary() == str(beside)
    beside.unlink()
    assert temporal_binary() == str(elsewhere)
    elsewhere.unlink()
    with pytest.raises(FileNotFoundError, match="`make` installs one"):
        temporal_binary()
