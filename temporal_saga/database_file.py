"""The file of a SQLite database: whether the one at its path is still the one that was read.

A process goes on writing into a file that was deleted, and what it writes is gone when it ends.
"""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa


@dataclass(frozen=True)
class DatabaseFile:
    """A file, and which one was at its path when the database was read."""

    path: Path
    number: tuple[int, int] | None
    """Device and inode; None when there was none any more."""

    def was_replaced(self) -> bool:
        """Tell whether the path has no file now, or another one."""
        try:
            return self.number is None or file_number(self.path) != self.number
        except OSError:  # nobody can tell now
            return False


def file_of(connection: sa.Connection) -> DatabaseFile | None:
    """Return the file behind a connection; None for a server's database, and for one in memory."""
    if connection.dialect.name != "sqlite":
        return None
    _, _, name = connection.exec_driver_sql("PRAGMA database_list").first() or (0, "", "")
    return DatabaseFile(Path(name), file_number(Path(name))) if name else None


def file_number(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of the file at a path; None when there is none.

    Raises:
        OSError: nobody can tell.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def is_missing(engine: sa.Engine) -> bool:
    """Tell whether a SQLite database's file is not there; connecting could make one."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name.startswith((":memory:", "file:")):
        return False
    try:
        return file_number(Path(name)) is None
    except OSError:  # SQLite says next what is wrong
        return False
