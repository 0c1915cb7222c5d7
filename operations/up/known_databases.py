"""Which databases the participants serve from, written down for the next start.

They are registered in Temporal, which does not run yet when the shop is loaded: without this list a
deleted file would be made anew, with the sample shop in it.
"""

import asyncio
import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from config import Settings
from contracts.steps import PARTICIPANTS
from operations.up.preflight import CannotStart
from operations.up.temporal_server import temporal_command
from operations.up.terminal import clock_time
from temporal_saga.database import DATABASE_NOT_READY, open_database, plainly
from temporal_saga.identity import find_identity
from temporal_saga.registry import MEMO_IDENTITY, find_registered, setting_of, terminate_command

NAME = "databases.json"
"""The list, in the data directory: by participant, the identity of its database."""

CHECK_SECONDS = 5
REPEAT_SECONDS = 60
"""What a person must act on is said again after so long."""

CONTENTS = {
    "order": "orders",
    "payment": "wallets and payments",
    "stock": "stock and reservations",
}
"""By participant: what is lost with its database."""


def check_databases(settings: Settings) -> None:
    """Find that each file that is listed is there, and is the same database as before.

    Raises:
        CannotStart: one was deleted or replaced, or cannot be read.
    """
    path = settings.data_dir.absolute() / NAME
    if lost_files := _lost_files(settings, _read(path)):
        raise CannotStart(
            f"{_what_is_lost(lost_files)}, type: rm {shlex.quote(str(path))}; then start again, "
            f"and while the workers wait type: {_commands(settings, lost_files)}"
        )


async def watch_databases(settings: Settings, say: Callable[[str], None]) -> None:
    """Keep the list as the databases are registered, and say when a file is another database."""
    client = await Client.connect(f"127.0.0.1:{settings.temporal_port}", lazy=True)
    clock = asyncio.get_running_loop().time
    quiet_until = 0.0
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            identities = await _registered_identities(settings, client)
            lost_files = await asyncio.to_thread(_update, settings, identities)
        except (RPCError, RuntimeError, CannotStart, OSError):
            continue  # Temporal or the disk is away, which is said elsewhere
        if lost_files and clock() >= quiet_until:
            way_out = f"type: {_commands(settings, lost_files)}"
            say(f"{clock_time()} {_what_is_lost(lost_files)}, {way_out}")
            quiet_until = clock() + REPEAT_SECONDS


async def _registered_identities(settings: Settings, client: Client) -> dict[str, str]:
    """Return by participant with a file which database is registered, where one is."""
    memos = {name: await find_registered(client, name) for name in _files(settings)}
    return {name: str(memo[MEMO_IDENTITY]) for name, memo in memos.items() if memo}


def _update(settings: Settings, identities: dict[str, str]) -> dict[str, Path]:
    """Put what is known into the list; return the files that are not these databases.

    Raises:
        CannotStart, OSError: the list cannot be read or written, or a file cannot be read.
    """
    path = settings.data_dir / NAME
    before = _read(path)
    if before | identities != before:
        new = path.with_suffix(".new")
        new.write_text(json.dumps(before | identities, indent=2) + "\n")
        new.replace(path)
    return _lost_files(settings, identities)


def _read(path: Path) -> dict[str, str]:
    """Return the list, which is empty before a system ran.

    Raises:
        CannotStart: it is no such list.
    """
    try:
        identities: dict[str, str] = dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}
    except (TypeError, ValueError) as error:
        raise CannotStart(
            f"{path} is damaged: delete it, it is made again from what Temporal knows"
        ) from error
    return identities


def _lost_files(settings: Settings, identities: Mapping[str, str]) -> dict[str, Path]:
    """Return by participant the files that are not the databases that are known."""
    files = _files(settings)
    return {
        name: path
        for name, path in files.items()
        if name in identities and _identity(path) != identities[name]
    }


def _files(settings: Settings) -> dict[str, Path]:
    """Return by participant its file in the data directory; of those that have no URL."""
    return {
        name: settings.data_dir.absolute() / f"{name}.db"
        for name in PARTICIPANTS
        if not getattr(settings, setting_of(name).lower())
    }


def _identity(path: Path) -> str | None:
    """Return the identity of the database in a file, None when there is none; change nothing.

    Raises:
        CannotStart: it cannot be read.
    """
    engine = open_database(f"sqlite:///{path}", only_reads=True)
    try:
        identity = find_identity(engine, str(path))
    except DATABASE_NOT_READY as error:
        raise CannotStart(
            f"{path} cannot be read ({plainly(error)}): put it back from a backup"
        ) from error
    finally:
        engine.dispose()
    return identity.id if identity else None


def _what_is_lost(lost_files: Mapping[str, Path]) -> str:
    """Say which files are other databases than before, and begin to say how to go on without."""
    contents = ", ".join(CONTENTS.get(name, f"what {name} held") for name in lost_files)
    paths = ", ".join(map(str, lost_files.values()))
    return (
        f"deleted or replaced: {paths}. Stop the system, and put back from a backup what was "
        f"there. Or, to go on without what it held ({contents})"
    )


def _commands(settings: Settings, lost_files: Mapping[str, Path]) -> str:
    """Return what ends the registrations of the databases that are lost."""
    address = f"127.0.0.1:{settings.temporal_port}"
    return "; ".join(
        terminate_command(name, "default", address, temporal_command()) for name in lost_files
    )
