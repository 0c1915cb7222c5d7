"""The processes of a system, found by an environment variable that each of them carries."""

import time
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "ORDER_SAGA_STACK"
"""The environment variable; its value is the system's data directory."""

END_SECONDS = 45
"""After SIGTERM a process gets this long, more than supervisord.conf gives a worker."""

POLL_SECONDS = 0.1


def end_leftovers(data_dir: Path) -> int:
    """End every process of this data directory's system, by force when need be; return how many.

    Only those whose parent is none of them get SIGTERM: supervisord then stops its own, in order.
    """
    ending: set[psutil.Process] = set()
    all_processes: set[psutil.Process] = set()
    start = time.monotonic()
    while processes := processes_of(data_dir):
        all_processes |= processes
        is_overdue = time.monotonic() - start >= END_SECONDS
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                if is_overdue:
                    process.kill()
                elif process.parent() not in processes and process not in ending:
                    process.terminate()
                    ending.add(process)
        time.sleep(POLL_SECONDS)
    return len(all_processes)


def processes_of(data_dir: Path) -> set[psutil.Process]:
    """Return the processes of this data directory's system, without our own and its parents."""
    mark = str(data_dir.resolve())
    ourselves = {process.pid for process in [psutil.Process(), *psutil.Process().parents()]}
    processes = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it ended meanwhile, or is another user's
            if process.environ().get(MARK) == mark and process.pid not in ourselves:
                processes.add(process)
    return processes
