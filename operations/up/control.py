"""`make ps`, `stop`, `start`, `restart`, `logs`: control of the parts that `make up` runs.

They ask supervisord, through its socket in DATA_DIR, and know the parts from it: which there are
depends on how the system was started. Exit codes: 0 when it is done, 1 when it cannot be, 2 when
there is no part of that name.
"""

import argparse
import http.client
import os
import socket
import sys
import time
import xmlrpc.client
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from operations.up.preflight import CannotStart, read_settings

SOCKET = "supervisord.sock"
RUNNER_LOG = "supervisord.log"
ADDRESS = "http://order-saga:order-saga@supervisord"
"""Name and password of supervisord.conf; the host is unused: the connection is a local socket."""

ANSWER_SECONDS = 60
"""Longer than any part takes to stop, by supervisord.conf."""

STATES = {
    "RUNNING": "runs",
    "STARTING": "starts",
    "STOPPING": "stops",
    "STOPPED": "stopped",
    "BACKOFF": "does not come up, and is tried again",
    "FATAL": "does not come up, and was given up",
    "EXITED": "died, and is started again",
}
"""By state of supervisord: the state of a part, in words."""

ALREADY_SO = {"start": "ALREADY_STARTED", "stop": "NOT_RUNNING"}


class CannotDo(Exception):
    """There is no system, or it does not do what is asked; the message says why."""


class NoSuchPart(Exception):
    """What is named is no part; the message says which there are."""


class _Transport(xmlrpc.client.Transport):
    """Reaches a server by a socket in the current folder, whose name is short enough for one."""

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """Connect."""
        _, self._extra_headers, _ = self.get_host_info(host)
        connection = http.client.HTTPConnection("supervisord")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(ANSWER_SECONDS)
        try:
            connection.sock.connect(SOCKET)
        except OSError:
            connection.close()
            raise
        return connection


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="make", description="Look at the parts of a running system."
    )
    parser.add_argument("act", choices=["ps", "stop", "start", "restart", "logs"])
    parser.add_argument("parts", metavar="part", nargs="*")
    parser.add_argument("--follow", action="store_true", help="of logs: show also what comes")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings()
        if options.act == "logs":
            logs(settings.data_dir, options.parts, follow=options.follow)
        supervisord = connect(settings.data_dir)
        if options.act == "ps":
            print("\n".join(describe(supervisord.getAllProcessInfo())))
        else:
            check_parts(options.act, options.parts, running_parts(supervisord))
            for part in options.parts:
                print(change(supervisord, options.act, part))
    except NoSuchPart as reason:
        print(reason, file=sys.stderr)
        return 2
    except CannotStart as reason:
        print(f"cannot look: {reason}", file=sys.stderr)
    except CannotDo as reason:
        print(reason, file=sys.stderr)
    except OSError as error:
        print(
            f"the process runner on DATA_DIR={settings.data_dir} does not answer ({error})",
            file=sys.stderr,
        )
    else:
        return 0
    return 1


def running_parts(supervisord: Any) -> list[str]:
    """Return the names of the parts that the running system has, whatever is set here."""
    return sorted(info["name"] for info in supervisord.getAllProcessInfo())


def check_parts(act: str, names: Sequence[str], parts: Sequence[str]) -> None:
    """Find that parts are named, and that there are parts of these names.

    Raises:
        NoSuchPart: there are none.
    """
    there_are = f"there are {', '.join(parts)}"
    if unknown_parts := [name for name in names if name not in parts]:
        raise NoSuchPart(f"no part is called {', '.join(unknown_parts)}: {there_are}")
    if not names and act != "logs":
        raise NoSuchPart(f"which part? make {act} PART={parts[-1]}, for example; {there_are}")


def connect(data_dir: Path) -> Any:
    """Return supervisord's own remote interface.

    Raises:
        CannotDo: no system runs on this data directory.
    """
    try:
        os.chdir(data_dir)  # as a socket's name may have 107 bytes, and a data directory's more
        server = xmlrpc.client.ServerProxy(ADDRESS, transport=_Transport())
        server.supervisor.getState()
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
        raise CannotDo(
            f"no `make up` runs on DATA_DIR={data_dir}: start it, "
            "or name the one that runs with DATA_DIR"
        ) from error
    return server.supervisor


def describe(processes: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each part: its state, for how long, its process or why there is none."""
    now = time.time()
    lines = []
    for part in sorted(processes, key=lambda part: part["name"]):
        state = part["statename"]
        since = part["start"] if state in {"RUNNING", "STARTING"} else part["stop"]
        duration = f"for {_duration(now - since)}" if since else ""
        process = f"process {part['pid']}" if part["pid"] else part["spawnerr"]
        lines.append(
            f"{part['name']:12}  {STATES.get(state, state):8}  {duration:12}  {process}".rstrip()
        )
    return lines


def _duration(seconds: float) -> str:
    if seconds < 2 * 60:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.0f} h"


def change(supervisord: Any, act: str, part: str) -> str:
    """Stop, start or restart a part, wait until that is done, and return a line that says so.

    Raises:
        CannotDo: it does not come up, with what supervisord knows of why.
    """
    names = {
        info["name"]: f"{info['group']}:{info['name']}" for info in supervisord.getAllProcessInfo()
    }
    result = f"{part} runs"
    for step in ("stop", "start") if act == "restart" else (act,):
        call = supervisord.stopProcess if step == "stop" else supervisord.startProcess
        try:
            call(names[part])
            result = f"{part} is stopped" if step == "stop" else f"{part} runs"
        except xmlrpc.client.Fault as fault:
            if not fault.faultString.startswith(ALREADY_SO[step]):
                raise CannotDo(
                    f"{part} does not {step}: {fault.faultString}; "
                    f"`make logs PART={part}` shows its log"
                ) from fault
            result = f"{part} was stopped already" if step == "stop" else f"{part} runs already"
    return result


def logs(data_dir: Path, names: Sequence[str], *, follow: bool) -> None:
    """Become `tail` of the logs of these parts; of all, when none is named.

    The parts are those of the running system; where none runs, those that have left a log.

    Raises:
        CannotDo: there are no logs.
        NoSuchPart: there is no part of that name.
    """
    folder = data_dir.absolute() / "log"
    parts = sorted(path.stem for path in folder.glob("*.log") if path.name != RUNNER_LOG)
    if not parts:
        raise CannotDo(f"there is no log in {data_dir / 'log'}: DATA_DIR says where to look")
    with suppress(CannotDo):
        parts = running_parts(connect(data_dir))
    check_parts("logs", names, parts)
    files = [str(folder / f"{name}.log") for name in names or parts]
    command = ["tail", "-n", "50", *(["-F"] if follow else []), *files]
    os.execvp(command[0], command)  # noqa: S606  # no shell is needed


if __name__ == "__main__":
    sys.exit(main())
