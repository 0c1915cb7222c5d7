"""What machine this is, as far as it decides about the figures."""

import os
import platform
import statistics
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench.figures import MIB
from bench.processes import ROOT

WRITES = 100
PAGE = b"\0" * 4096


def facts(folder: Path) -> dict[str, Any]:
    """Return the machine's facts; `folder` is where the contestants' data will be."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_mib": round(psutil.virtual_memory().total / MIB),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "file_system": _file_system(folder),
        "fsync_ms": round(_fsync_milliseconds(folder), 2),
        "load_average": round(os.getloadavg()[0], 1),
    }


def _fsync_milliseconds(folder: Path) -> float:
    """Return the median time that the disk takes to make one page durable."""
    path = folder / "fsync"
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(WRITES):
            file.write(PAGE)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    path.unlink()
    return 1000 * statistics.median(times)


def _file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is on."""
    mounts = psutil.disk_partitions(all=True)
    above = [mount for mount in mounts if folder.resolve().is_relative_to(mount.mountpoint)]
    return max(above, key=lambda mount: len(mount.mountpoint)).fstype if above else "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """Return the commit that is measured, with a + when files differ from it."""
    result = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"],  # noqa: S607  # the one on the PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() or "unknown"
