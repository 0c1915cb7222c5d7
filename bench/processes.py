"""A contestant's processes: started, stopped, and looked at through /proc."""

import asyncio
import os
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

import psutil

ROOT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 60
SAMPLE_SECONDS = 0.5
PARTICIPANTS = ("order.db", "payment.db", "stock.db")
LOGS = frozenset({"log"})


class DidNotStart(Exception):
    """A program ended or does not answer; the message has the end of what it printed."""


class Program:
    """A program that the bench started, with every process that it starts itself."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        """Start it in the repository's root, in a session of its own, printing to `log`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)  # what an earlier run printed would be taken for this one's
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                cwd=ROOT,
                env=plain_environment() | dict(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def output(self) -> str:
        """Return what it has printed so far."""
        return self._log.read_text(errors="replace")

    def check(self) -> None:
        """Find that it runs.

        Raises:
            DidNotStart: it has ended.
        """
        if (code := self._process.poll()) is not None:
            last_lines = " ".join(self.output().split("\n")[-6:]).strip()
            raise DidNotStart(f"{self._log.stem} ended with exit code {code}: {last_lines}")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it with this signal, and by force what is left of it after `STOP_SECONDS`."""
        processes = tree([self.pid])
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.to_thread(self._process.wait)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()


def plain_environment() -> dict[str, str]:
    """Return this shell's environment without what slows Python down, for every contestant alike.

    Nobody's modules are compiled anew at each start because a shell forbids to keep bytecode.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def tree(roots: Sequence[int]) -> list[psutil.Process]:
    """Return the processes of these ids that are alive, and all that they started."""
    processes = []
    for pid in roots:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            processes += [root, *root.children(recursive=True)]
    return processes


def name_of(command: Sequence[str]) -> str:
    """Return what people call a process: the script or module with its role, or the program."""
    if not command:
        return "?"
    program = command[0].split(":")[0]  # PostgreSQL's processes are called `postgres: writer`
    name = Path(program).name
    if not name.startswith("python"):
        return name
    words = [word for word in command[1:] if word != "-m" and not word.startswith("-")]
    roles = [word for word in words[1:] if word.isalpha()]
    return " ".join([Path(words[0]).name if words else name, *roles])


def cpu_seconds(processes: Sequence[psutil.Process]) -> dict[tuple[int, str], float]:
    """Return the CPU time that each process has used, by id and name."""
    seconds = {}
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            seconds[process.pid, name_of(process.cmdline())] = times.user + times.system
    return seconds


def cpu_by_name(
    before: Mapping[tuple[int, str], float], after: Mapping[tuple[int, str], float]
) -> dict[str, float]:
    """Return the CPU seconds used between two looks, by name; a new process began at 0."""
    total: defaultdict[str, float] = defaultdict(float)
    for key, seconds in after.items():
        total[key[1]] += seconds - before.get(key, 0.0)
    return dict(total)


class Memory(NamedTuple):
    """Bytes that a contestant's processes hold together.

    Args:
        proportional: each shared page counted once (PSS): what the machine would get back.
        resident: each process's own count added up (RSS), as `ps` shows it.
    """

    proportional: int
    resident: int


def memory(processes: Sequence[psutil.Process]) -> Memory:
    """Return what the processes hold now."""
    figures = []
    for process in processes:
        with suppress(psutil.Error):  # it ended meanwhile
            figures.append(process.memory_full_info())
    return Memory(
        proportional=sum(figure.pss for figure in figures),
        resident=sum(figure.rss for figure in figures),
    )


class MemoryWatch:
    """Looks at the memory of a contestant every half second, in a thread of its own."""

    def __init__(self, roots: Sequence[int]) -> None:
        """Look at these processes and all that they started."""
        self._roots = roots
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory")
        self.peak = Memory(0, 0)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, with a last look."""
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            now = memory(tree(self._roots))
            self.peak = Memory(*map(max, self.peak, now))
            if self._stop.wait(SAMPLE_SECONDS):
                return


class Disk(NamedTuple):
    """Bytes in a contestant's files: in the participants' databases, and in all others."""

    participants: int
    engine: int


def disk(*folders: Path) -> Disk:
    """Return the sizes of the files in a contestant's folders, its logs left out.

    Sizes, not blocks: RocksDB takes blocks before it needs them.
    """
    paths = {  # a set: one folder may be in another
        path
        for folder in folders
        for path in folder.rglob("*")
        if not LOGS & set(path.relative_to(folder).parts)
    }
    sizes = {True: 0, False: 0}
    for path in paths:
        with suppress(FileNotFoundError):
            if path.is_file():
                sizes[path.name.startswith(PARTICIPANTS)] += path.stat().st_size
    return Disk(participants=sizes[True], engine=sizes[False])
