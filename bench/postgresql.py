"""A PostgreSQL server for one contestant, as it comes: an fsync per commit."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.contestants.contestant import Unavailable
from bench.processes import DidNotStart

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
SUPERUSER = DATABASE = "postgres"
SECONDS = 60


class Server(NamedTuple):
    """A server that runs: the URL of its database, and the id of its first process."""

    url: str
    pid: int


def programs() -> Path:
    """Return the folder of the newest server programs on this machine.

    Raises:
        Unavailable: there are none.
    """
    folders = [path.parent for path in DEBIAN_PROGRAMS.glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda folder: float(folder.parent.name))
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    raise Unavailable("PostgreSQL's server is not installed; on Debian: apt-get install postgresql")


def version() -> str:
    """Return the server's version."""
    return _run(programs() / "initdb", "--version").split()[2]


@contextmanager
def running(folder: Path, port: int) -> Iterator[Server]:
    """Run a server on this port of this machine, with its data in a folder of its own."""
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, *_unprivileged())
    data, control = folder / "data", programs() / "pg_ctl"
    sockets = f"-c unix_socket_directories={folder} -p {port}"
    _run(programs() / "initdb", "-D", data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8")
    _run(control, "start", "-w", "-D", data, "-l", folder / "postgresql.log", "-o", sockets)
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        yield Server(f"postgresql://{SUPERUSER}@127.0.0.1:{port}/{DATABASE}", pid)
    finally:
        _run(control, "stop", "-w", "-m", "fast", "-D", data)


def _unprivileged() -> tuple[int, int]:
    """Return the user and group that the server runs as when we are root, whom it refuses."""
    user = pwd.getpwnam("postgres")
    return user.pw_uid, user.pw_gid


def _run(program: Path, *arguments: str | Path) -> str:
    """Run one of PostgreSQL's programs to its end, never as root; return what it prints.

    Raises:
        DidNotStart: it fails; with what it said.
    """
    user, group = _unprivileged() if os.geteuid() == 0 else (None, None)
    done = subprocess.run(
        [program, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        timeout=SECONDS,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )
    if done.returncode:
        raise DidNotStart(f"{program.name} failed: {done.stdout}{done.stderr}".strip())
    return done.stdout
