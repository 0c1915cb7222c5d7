"""A PostgreSQL server for one contestant, as it comes: an fsync per commit."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.contestants.contestant import Unavailable
from bench.processes import DidNotStart

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
SUPERUSER = DATABASE = "postgres"
SECONDS = 60


ON_DISK = "/var/tmp"  # noqa: S108  # everybody may enter it, and unlike /tmp it is on a disk


class Server(NamedTuple):
    """A server that runs: its database's URL, the id of its first process, where its files are."""

    url: str
    pid: int
    folder: Path


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
    return run(programs() / "initdb", "--version").split()[2]


@contextmanager
def running(parent: Path, port: int) -> Iterator[Server]:
    """Run a server on this port of this machine, with its files in a new folder in `parent`.

    Root runs it as another user. Where that one may not enter `parent`, the folder is elsewhere.
    """
    is_root = os.geteuid() == 0
    place = parent if not is_root or _everybody_enters(parent) else ON_DISK
    folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir=place))
    if is_root:
        os.chown(folder, *server_user())
    try:
        with _run_server(folder, port) as pid:
            url = f"postgresql://{SUPERUSER}@127.0.0.1:{port}/{DATABASE}"
            yield Server(url, pid, folder)
    finally:
        shutil.rmtree(folder)


@contextmanager
def _run_server(folder: Path, port: int) -> Iterator[int]:
    """Make a database and run its server; give the id of its first process."""
    data = folder / "data"
    control = programs() / "pg_ctl"
    sockets = f"-c unix_socket_directories={folder} -p {port}"
    run(programs() / "initdb", "-D", data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8")
    run(control, "start", "-w", "-D", data, "-l", folder / "postgresql.log", "-o", sockets)
    try:
        yield int((data / "postmaster.pid").read_text().split()[0])
    finally:
        run(control, "stop", "-w", "-m", "fast", "-D", data)


def _everybody_enters(folder: Path) -> bool:
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))


def server_user() -> tuple[int, int]:
    """Return the user and group that the server runs as when we are root, whom it refuses."""
    user = pwd.getpwnam("postgres")
    return user.pw_uid, user.pw_gid


def run(program: Path, *arguments: str | Path) -> str:
    """Run one of PostgreSQL's programs to its end, never as root; return what it prints.

    Raises:
        DidNotStart: it fails; with what it said.
    """
    user, group = server_user() if os.geteuid() == 0 else (None, None)
    result = subprocess.run(
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
    if result.returncode:
        raise DidNotStart(f"{program.name} failed: {result.stdout}{result.stderr}".strip())
    return result.stdout
