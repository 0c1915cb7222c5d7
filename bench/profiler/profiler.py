"""py-spy beside a contestant: it looks at every Python process a hundred times a second.

It stops a process for each look, so a run with it says where the time goes, not how much there is.
"""

import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

from bench.environments import python_environment
from bench.processes import Program, name_of, tree
from bench.profiler.samples import own_time, read, with_what_they_call

HERE = Path(__file__).parent
RATE = "100"
SUFFIXES = str.maketrans("", "", "0123456789")

ThreadTimes = Mapping[int, tuple[str, float]]


class Profiler:
    """Collects what is seen of each process, as text."""

    def __init__(self, folder: Path) -> None:
        """Keep samples in a folder.

        Raises:
            Unavailable: py-spy cannot be installed.
        """
        self._program = python_environment(HERE).with_name("py-spy")
        self._folder = folder
        self.sections: list[str] = []

    @asynccontextmanager
    async def watch(self, roots: Sequence[int], title: str) -> AsyncIterator[None]:
        """Look at these processes and all that they started until the context ends."""
        processes = [
            (process, name_of(process.cmdline()), self._folder / f"{process.pid}.samples")
            for process in tree(roots)
            if process.name().startswith("python")
        ]
        programs = [self._look(process, samples) for process, _, samples in processes]
        before = {process.pid: thread_times(process) for process, _, _ in processes}
        try:
            yield
        finally:
            after = {process.pid: thread_times(process) for process, _, _ in processes}
            for program in programs:
                await program.stop(signal.SIGINT)
        for process, name, samples in processes:
            threads = by_thread(before[process.pid], after[process.pid])
            self.sections.append(_section(f"{title}, {name}", threads, samples))

    def _look(self, process: psutil.Process, samples: Path) -> Program:
        samples.parent.mkdir(parents=True, exist_ok=True)
        # Only threads that hold the interpreter: a thread that waits in C looks busy from outside.
        what = ("--pid", str(process.pid), "--rate", RATE, "--function", "--gil")
        where = ("--format", "raw", "--output", samples)
        return Program((self._program, "record", *what, *where), samples.with_suffix(".log"))


def thread_times(process: psutil.Process) -> ThreadTimes:
    """Return the name and the CPU seconds of each thread of a process, by id."""
    times = {}
    with suppress(psutil.Error):
        for thread in process.threads():
            with suppress(OSError):
                name = Path(f"/proc/{process.pid}/task/{thread.id}/comm").read_text().strip()
                kind = name.translate(SUFFIXES).rstrip("-_")
                times[thread.id] = (kind, thread.user_time + thread.system_time)
    return times


def by_thread(before: ThreadTimes, after: ThreadTimes) -> list[str]:
    """Say how the CPU time between two looks is shared by threads, by their names."""
    seconds_by_name: dict[str, float] = {}
    for id_, (name, seconds) in after.items():
        seconds_by_name[name] = (
            seconds_by_name.get(name, 0.0) + seconds - before.get(id_, (name, 0.0))[1]
        )
    total = sum(seconds_by_name.values()) or 1.0
    return [
        f"{name} {100 * seconds / total:.0f} %"
        for name, seconds in sorted(seconds_by_name.items(), key=lambda item: -item[1])
        if seconds >= total / 100
    ]


def _section(title: str, threads: Sequence[str], samples: Path) -> str:
    """Return what is known of one process."""
    stacks = read(samples.read_text()) if samples.exists() else []
    functions = "\n".join(f"    {line}" for line in with_what_they_call(stacks))
    return (
        f"{title}\n"
        f"  CPU by thread: {', '.join(threads) or 'none'}\n"
        f"  of its Python, by package, own time: {', '.join(own_time(stacks)) or 'nothing seen'}\n"
        f"  by function of this repository, with what it calls:\n{functions}\n"
    )
