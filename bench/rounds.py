"""The run: every contestant in turn, alone on the machine, and that several times."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil

from bench import processes
from bench.contestants.contestant import Contestant, Running, Unavailable
from bench.figures import MIB, Measurement, Session, Use, measurement
from bench.load import Load, place_all
from bench.processes import DidNotStart, MemoryWatch
from bench.profiler.profiler import Profiler
from bench.verification import discrepancies
from bench.workload import open_shop, orders
from contracts.placing import PlaceOrder

WARM_UP_ORDERS = 20
WARM_UP_IN_FLIGHT = 5
SETTLE_SECONDS = 1
"""What an engine does after its last answer belongs to these orders."""

ONE_AT_A_TIME_SHARE = 4
"""One at a time takes long: so many times fewer orders are placed then."""

Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Args:
        rounds: how often.
        orders: placed at each number in flight, more where they are fewer than twice that number.
        in_flight: the numbers of orders in flight.
        folder: where each contestant keeps its data while it runs.
        profiler: looks at the contestants' processes meanwhile, which slows them down.
    """

    rounds: int
    orders: int
    in_flight: tuple[int, ...]
    folder: Path
    profiler: Profiler | None = None

    def count(self, in_flight: int) -> int:
        """Return how many orders are placed at this number in flight."""
        if in_flight == 1:
            return max(self.orders // ONE_AT_A_TIME_SHARE, 1)
        return max(self.orders, 2 * in_flight)


@dataclass
class Result:
    """What is known of one contestant.

    Args:
        contestant: who.
        unavailable: why it did not take part; None when it did.
        versions: of what it is made of.
        sessions: one for each round.
    """

    contestant: Contestant
    unavailable: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)


async def run(contestants: Sequence[Contestant], plan: Plan, say: Say) -> list[Result]:
    """Measure the contestants: in each round all of them, each round beginning with another."""
    results = [_prepare(contestant, say) for contestant in contestants]
    present = [result for result in results if result.unavailable is None]
    for number in range(plan.rounds):
        for result in turn(present, number):
            say(f"round {number + 1} of {plan.rounds}: {_title(result.contestant)}")
            result.sessions.append(await _session(result.contestant, plan, say))
    return results


def turn(all_: Sequence[T], number: int) -> Sequence[T]:
    """Return the sequence of a round: all of them, each round beginning with another."""
    shift = number % max(len(all_), 1)
    return (*all_[shift:], *all_[:shift])


def _title(contestant: Contestant) -> str:
    return f"{contestant.name}, {contestant.title}"


def _prepare(contestant: Contestant, say: Say) -> Result:
    """Install what a contestant needs."""
    say(f"preparing {_title(contestant)}")
    try:
        return Result(contestant, versions=contestant.prepare())
    except Unavailable as error:
        say(f"  not available: {error}")
        return Result(contestant, unavailable=str(error))


async def _session(contestant: Contestant, plan: Plan, say: Say) -> Session:
    """Run one contestant from its start to its end on an empty folder, which is then deleted."""
    session = Session()
    folder = plan.folder / contestant.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    open_shop(folder)
    try:
        async with contestant.run(folder) as running:
            idle = processes.memory(processes.tree(running.roots))
            session.idle_mib = idle.proportional / MIB
            session.idle_resident_mib = idle.resident / MIB
            await _measure(session, running, contestant.name, plan, say)
    except DidNotStart as error:
        session.problems.append(str(error))
    for problem in session.problems:
        say(f"  WRONG: {problem}")
    if not session.problems:
        shutil.rmtree(folder)
    return session


async def _measure(session: Session, running: Running, name: str, plan: Plan, say: Say) -> None:
    """Place all orders of a session, and find whether the databases hold what was answered."""
    folder = plan.folder / name
    before = processes.disk(folder, *running.folders)
    all_orders = orders("warm-up", WARM_UP_ORDERS)
    loads = [await place_all(running.door, all_orders, WARM_UP_IN_FLIGHT)]
    for in_flight in plan.in_flight:
        batch = orders(f"at-{in_flight}", plan.count(in_flight))
        all_orders += batch
        async with _profile(plan.profiler, running, f"{name}, {in_flight} in flight"):
            load, figures = await place_and_measure(running, batch, in_flight)
        loads.append(load)
        session.by_in_flight[in_flight] = figures
        say(f"  {in_flight:>3} in flight: {_line(figures)}")
    after = processes.disk(folder, *running.folders)
    count = len(all_orders)
    session.engine_bytes = (after.engine - before.engine) / count
    session.participant_bytes = (after.participants - before.participants) / count
    completed_ids = {id_ for load in loads for id_ in load.completed_ids}
    session.problems += await running.problems(len(completed_ids))
    if running.uses_services:
        session.problems += discrepancies(folder, all_orders, completed_ids)


def _profile(
    profiler: Profiler | None, running: Running, title: str
) -> AbstractAsyncContextManager[None]:
    return nullcontext() if profiler is None else profiler.watch(running.roots, title)


async def place_and_measure(
    running: Running, batch: Sequence[PlaceOrder], in_flight: int
) -> tuple[Load, Measurement]:
    """Place orders, and look at the contestant's processes meanwhile."""
    ourselves = psutil.Process(os.getpid())
    cores = psutil.cpu_count() or 1
    cpu_before = processes.cpu_seconds(processes.tree(running.roots))
    load_before = _own_cpu(ourselves)
    machine_before = _machine_cpu()
    start = time.monotonic()
    with MemoryWatch(running.roots) as memory:
        load = await place_all(running.door, batch, in_flight)
        await asyncio.sleep(SETTLE_SECONDS)
    use = Use(
        cpu=processes.cpu_by_name(cpu_before, processes.cpu_seconds(processes.tree(running.roots))),
        load_cpu=_own_cpu(ourselves) - load_before,
        machine_cpu=_machine_cpu() - machine_before,
        capacity=cores * (time.monotonic() - start),
        peak_bytes=memory.peak.proportional,
    )
    return load, measurement(load, use)


def _own_cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _machine_cpu() -> float:
    """Return the CPU seconds that all processes of the machine have used."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


def _line(figures: Measurement) -> str:
    p50 = f"{figures.p50_ms:.0f}" if figures.p50_ms is not None else "–"
    errors = f", {len(figures.errors)} errors, like {figures.errors[0]}" if figures.errors else ""
    return (
        f"{figures.rate:.1f} orders/s, p50 {p50} ms, {figures.all_cpu_ms:.0f} ms of CPU "
        f"an order{errors}"
    )
