"""What `make up` says of what it cannot do, in one sentence each, and what it cannot go on with."""

import asyncio
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from operations.up import data_directory
from operations.up.command import main
from operations.up.control import main as control
from operations.up.data_directory import lock_data_dir, watch_data_dir
from operations.up.processes import processes_of
from operations.up.reports import report
from tests.every_story import only_with_every_story
from tests.stack import ROOT, until
from tests.system.e2e.up import RUNNER, UP_SECONDS, Up

pytestmark = pytest.mark.long

NO_SYSTEM = (
    "no `make up` runs on DATA_DIR={data_dir}: start it, or name the one that runs with DATA_DIR\n"
)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(words, NO_SYSTEM) for words in (("ps",), ("stop", "api"), ("start",))]
    + [(("logs",), "there is no log in {data_dir}/log: DATA_DIR says where to look\n")],
)
def test_a_system_that_does_not_run_is_said(
    words: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one sentence, and with no success."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.chdir(ROOT)
    assert control(words) == 1
    printed_text = capsys.readouterr()
    assert (printed_text.out, printed_text.err) == ("", sentence.format(data_dir=tmp_path))


@pytest.mark.parametrize("variable", ["TEMPORAL_PORT", "TEMPORAL_UI_PORT", "API_PORT"])
def test_a_taken_port_is_named(variable: str, tmp_path: Path) -> None:
    """A taken port is named together with the variable that changes it.

    The exit code is 1 and nothing was started.
    """
    other = Up(tmp_path)
    with socket.create_server(("127.0.0.1", other.ports[variable])):
        assert other.start(*RUNNER).wait(UP_SECONDS) == 1
    assert other.log_text() == (
        f"cannot start: port {other.ports[variable]} on 127.0.0.1 is taken:"
        f" free it, or choose another port with {variable}\n"
    )
    assert not processes_of(other.data_dir)
    assert not list(other.data_dir.glob("*.db"))


async def test_a_part_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    """A part that cannot be started is reported with the reason.

    One that supervisord gives up is reported with where to look.
    """
    sections = {
        "supervisord": ("nodaemon=true", "logfile=supervisord.log", "pidfile=supervisord.pid"),
        "program:ghost": ("command=/nowhere/ghost", "startretries=0"),
    }
    text = "\n".join(line for name, lines in sections.items() for line in (f"[{name}]", *lines))
    (tmp_path / "supervisord.conf").write_text(text)
    command = (
        sys.executable,
        "-m",
        "supervisor.supervisord",
        "-c",
        "supervisord.conf",
    )
    supervisord = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert supervisord.stdout is not None
    sentences: list[str] = []
    reporting = asyncio.create_task(
        report(supervisord.stdout, tmp_path, sentences.append, set(), lambda: False)
    )
    log = tmp_path / "supervisord.log"
    await asyncio.to_thread(
        until, lambda: log.exists() and "gave up" in log.read_text(), "supervisord gives up"
    )
    supervisord.terminate()
    await asyncio.gather(reporting, supervisord.wait())
    refusal, given_up = sentences
    assert refusal.endswith(
        "a part cannot be started, which is tried again: can't find command '/nowhere/ghost'"
    )
    assert given_up.endswith(
        f"ghost does not come up and is given up; its log is {tmp_path / 'ghost.log'}"
    )


async def test_a_data_directory_that_is_deleted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted or replaced, it is reported with what that means and what to do.

    Once it is put back, nothing more is reported.
    """
    monkeypatch.setattr(data_directory, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(data_directory, "REPEAT_SECONDS", 0.01)
    data_dir = tmp_path / "var"
    elsewhere = tmp_path / "elsewhere"
    sentences: list[str] = []
    with lock_data_dir(data_dir) as lock:
        looking = asyncio.create_task(watch_data_dir(lock, sentences.append))
        await asyncio.sleep(0.1)
        assert sentences == []
        data_dir.rename(elsewhere)
        await asyncio.to_thread(until, lambda: sentences, "it is told")
        data_dir.mkdir()
        (data_dir / "up.lock").touch()
        sentences.clear()
        await asyncio.to_thread(until, lambda: sentences, "it is told again")
        assert (
            f"DATA_DIR={data_dir} was deleted or replaced:"
            " what is taken now is lost when this stops"
        ) in sentences[0]
        shutil.rmtree(data_dir)
        elsewhere.rename(data_dir)
        await asyncio.sleep(0.1)
        sentences.clear()
        await asyncio.sleep(0.1)
        assert sentences == []
        looking.cancel()


def test_bad_settings_are_said_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong settings are named with their values and with what is allowed, in one line."""
    monkeypatch.setenv("API_PORT", "eighty")
    monkeypatch.setenv("TEMPORAL_PORT", "70000")
    assert main() == 1
    error_text = capsys.readouterr().err
    assert error_text.count("\n") == 1
    assert "API_PORT=eighty is invalid" in error_text
    assert "TEMPORAL_PORT=70000 is invalid" in error_text


def test_an_api_open_to_everybody_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An address beyond this machine is refused unless the network is said to be trusted."""
    monkeypatch.setenv("API_HOST", "0.0.0.0")
    assert main() == 1
    assert "API_HOST=0.0.0.0 would let anybody" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data_dir", "reason"),
    [
        ("file/var", "cannot be written (Not a directory)"),
        ("100%", "has a % in it, which database URLs cannot take"),
    ],
)
def test_a_data_dir_that_will_not_do_is_refused(
    data_dir: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A data directory that cannot be used is named together with the reason."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("DATA_DIR", str(tmp_path / data_dir))
    assert main() == 1
    error_text = capsys.readouterr().err
    assert f"DATA_DIR={tmp_path / data_dir}" in error_text
    assert reason in error_text


def test_a_missing_temporal_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a `temporal` command it says so, and how to get one."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main() == 1
    assert capsys.readouterr().err.startswith(
        "cannot start: there is no `temporal` command; `make` installs one"
    )


@pytest.mark.long
@only_with_every_story
def test_a_deleted_database_is_told_and_can_be_done_without(tmp_path: Path) -> None:
    """It does not start, and makes nothing anew; what it says to type has a new one served from."""
    other = Up(tmp_path)
    try:
        other.start(*RUNNER)
        other.until_up()
        databases = other.data_dir / "databases.json"
        until(
            lambda: databases.exists() and "payment" in databases.read_text(),
            "the database is listed",
        )
        other.kill()
        for file in other.data_dir.glob("payment.db*"):
            file.unlink()
        assert other.start(*RUNNER).wait(UP_SECONDS) == 1
        refusal = other.log_text()
        assert refusal.startswith("cannot start: deleted or replaced: ")
        assert not list(other.data_dir.glob("payment.db*"))
        remove, terminate = re.findall(r"type: (.*?)(?:;|\n)", refusal)
        subprocess.run(shlex.split(remove), check=True)
        other.start(*RUNNER)
        until(lambda: terminate in other.log_text(), "it is told again", UP_SECONDS)
        before = databases.read_text()
        subprocess.run(
            shlex.split(terminate), cwd=ROOT, env=other.env, check=True, capture_output=True
        )
        other.until_up()
        assert other.place_the_example()["state"] == "COMPLETED"
        until(lambda: databases.read_text() != before, "the new one is listed")
        other.kill()
        other.start(*RUNNER)
        other.until_up()
    finally:
        other.kill()
