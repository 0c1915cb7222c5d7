"""`make ps`, `stop`, `start`, `restart`, `logs`: looks at one part of the system that `make up` runs, and turns it off and on.

They ask supervisord, through its socket in DATA_DIR. Exit codes: 0 when it is done, 1 when it cannot
be, 2 when no part is of that name.
"""

import argparse
import http.client
import os
import socket
import sys
import time
import xmlrpc.client
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config import Settings
from operations.up.preflight import CannotStart, read_settings
from operations.up.system import PARTS

SOCKET = "supervisord.sock"
ADDRESS = "http://order-saga:order-saga@supervisord"
"""Name and password of operations/up/supervisord.conf; the host goes unread, as the connection is a socket of this machine."""

ANSWER_SECONDS = 60
"""Longer than any part takes to stop, by operations/up/supervisord.conf."""

STANDING = {
    "RUNNING": "runs",
    "STARTING": "starts",
    "STOPPING": "stops",
    "STOPPED": "stopped",
    "BACKOFF": "does not come up, and is tried again",
    "FATAL": "does not come up, and was given up",
    "EXITED": "died, and is started again",
}
"""By state of supervisord: how a part stands, in words."""

IS_SO_ALREADY = {"start": "ALREADY_STARTED", "stop": "NOT_RUNNING"}


class CannotDo(Exception):
    """The system is not there or does not do it; the message says which, and why."""


class _Transport(xmlrpc.client.Transport):
    """Reaches a server by a socket whose name is short enough: one in the current folder."""

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
    given = parser.parse_args(arguments)
    if problem := _problem(given.act, given.parts):
        print(problem, file=sys.stderr)
        return 2
    try:
        settings = read_settings()
        if given.act == "logs":
            logs(settings, given.parts or sorted(PARTS), follow=given.follow)
        supervisord = connect(settings.data_dir)
        if given.act == "ps":
            print("\n".join(described(supervisord.getAllProcessInfo())))
        else:
            for part in given.parts:
                print(change(supervisord, given.act, part))
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


def _problem(act: str, parts: Sequence[str]) -> str | None:
    """Return what is wrong with the parts that are named."""
    there_are = f"there are {', '.join(sorted(PARTS))}"
    if unknown := [part for part in parts if part not in PARTS]:
        return f"no part is called {', '.join(unknown)}: {there_are}"
    if not parts and act not in {"ps", "logs"}:
        return f"which part? make {act} PART=stock, for example; {there_are}"
    return None


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
            f"no `make up` runs on DATA_DIR={data_dir}: start it, or name the one that runs with DATA_DIR"
        ) from error
    return server.supervisor


def described(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each part: how it stands, for how long, its process, and why it does not come up."""
    now = time.time()
    lines = []
    for part in sorted(found, key=lambda part: part["name"]):
        state = part["statename"]
        since = part["start"] if state in {"RUNNING", "STARTING"} else part["stop"]
        lasted = f"for {_lasting(now - since)}" if since else ""
        process = f"process {part['pid']}" if part["pid"] else part["spawnerr"]
        lines.append(
            f"{part['name']:12}  {STANDING.get(state, state):8}  {lasted:12}  {process}".rstrip()
        )
    return lines


def _lasting(seconds: float) -> str:
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
    told = f"{part} runs"
    for step in ("stop", "start") if act == "restart" else (act,):
        call = supervisord.stopProcess if step == "stop" else supervisord.startProcess
        try:
            call(names[part])
            told = f"{part} is stopped" if step == "stop" else f"{part} runs"
        except xmlrpc.client.Fault as fault:
            if not fault.faultString.startswith(IS_SO_ALREADY[step]):
                raise CannotDo(
                    f"{part} does not {step}: {fault.faultString}; `make logs PART={part}` shows its log"
                ) from fault
            told = f"{part} was stopped already" if step == "stop" else f"{part} runs already"
    return told


def logs(settings: Settings, parts: Sequence[str], *, follow: bool) -> None:
    """Become `tail` of the parts' logs.

    Raises:
        CannotDo: there are none.
    """
    files = [settings.data_dir / "log" / f"{part}.log" for part in parts]
    if not any(file.exists() for file in files):
        raise CannotDo(
            f"there is no log in {settings.data_dir / 'log'}: DATA_DIR says where to look"
        )
    os.execvp("tail", ["tail", "-n", "50", *(["-F"] if follow else []), *map(str, files)])  # noqa: S606, S607  # no shell


if __name__ == "__main__":
    sys.exit(main())
