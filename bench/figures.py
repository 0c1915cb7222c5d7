"""What is measured of a contestant, and what is made of several rounds of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.load import Load
from operations.demo.load_generator import percentile

MIB = 2**20


@dataclass(frozen=True)
class Measurement:
    """One contestant, one number of orders in flight, one round.

    Args:
        completed: how many orders were.
        errors: what was said of each of the others.
        rate: orders completed in a second.
        p50_ms: the time from the request to the answer that half of the orders kept within.
        p95_ms: and 95 in 100.
        p99_ms: and 99 in 100.
        cpu_ms: milliseconds of CPU for each completed order, by the name of the process.
        load_cpu_ms: the same of the process that places the orders.
        peak_mib: the most memory that the contestant's processes held, shared pages counted once.
        others_share: of the machine's CPU that went to neither, from 0 to 1.
    """

    completed: int
    errors: tuple[str, ...]
    rate: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    cpu_ms: Mapping[str, float]
    load_cpu_ms: float
    peak_mib: float
    others_share: float

    @property
    def all_cpu_ms(self) -> float:
        """Milliseconds of CPU for each order, in all processes of the contestant."""
        return sum(self.cpu_ms.values())


@dataclass(frozen=True)
class Use:
    """What a contestant used in a stretch of time.

    Args:
        cpu: seconds, by the name of the process.
        load_cpu: seconds, of the process that places the orders.
        machine_cpu: seconds, of all processes of the machine.
        capacity: seconds that all its cores have in that time.
        peak_bytes: of memory.
    """

    cpu: Mapping[str, float]
    load_cpu: float
    machine_cpu: float
    capacity: float
    peak_bytes: int


def measurement(load: Load, use: Use) -> Measurement:
    """Return the figures of a load."""
    count = len(load.completed_ids)
    per_order = 1000 / max(count, 1)
    others = use.machine_cpu - use.load_cpu - sum(use.cpu.values())
    return Measurement(
        completed=count,
        errors=load.errors,
        rate=load.rate,
        p50_ms=milliseconds(load.latencies, 0.50),
        p95_ms=milliseconds(load.latencies, 0.95),
        p99_ms=milliseconds(load.latencies, 0.99),
        cpu_ms={name: seconds * per_order for name, seconds in use.cpu.items()},
        load_cpu_ms=use.load_cpu * per_order,
        peak_mib=use.peak_bytes / MIB,
        others_share=max(others, 0) / use.capacity,
    )


def milliseconds(latencies: Sequence[float], share: float) -> float | None:
    """Return a percentile of latencies in seconds as milliseconds, and None without any."""
    return 1000 * percentile(latencies, share) if latencies else None


@dataclass
class Session:
    """One contestant in one round, from its start to its end.

    Args:
        idle_mib: the memory that it held before the first order, each shared page counted once.
        idle_resident_mib: the same, with each process's own count added up, as `ps` shows it.
        by_in_flight: the measurements, by the number of orders in flight.
        engine_bytes: that an order left on the disk beside the participants' databases.
        participant_bytes: that it left in these.
        problems: what is not as it must be: the run of a contestant with one counts for nothing.
    """

    idle_mib: float = 0.0
    idle_resident_mib: float = 0.0
    by_in_flight: dict[int, Measurement] = field(default_factory=dict)
    engine_bytes: float = 0.0
    participant_bytes: float = 0.0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Summary:
    """One contestant at one number of orders in flight: the medians over the rounds.

    Args:
        rates: the rate of each round.
    """

    rates: tuple[float, ...]
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    cpu_ms: Mapping[str, float]
    all_cpu_ms: float
    load_cpu_ms: float
    peak_mib: float
    others_share: float
    completed: int
    errors: int

    @property
    def rate(self) -> float:
        """Orders completed in a second."""
        return median(self.rates)


def summary(rounds: Sequence[Measurement]) -> Summary:
    """Return the medians of at least one round, and the sums of what was completed and was not."""

    def of(figure: Callable[[Measurement], float | None]) -> float | None:
        values = [value for value in map(figure, rounds) if value is not None]
        return median(values) if values else None

    names = {name for one in rounds for name in one.cpu_ms}
    return Summary(
        rates=tuple(one.rate for one in rounds),
        p50_ms=of(lambda one: one.p50_ms),
        p95_ms=of(lambda one: one.p95_ms),
        p99_ms=of(lambda one: one.p99_ms),
        cpu_ms={
            name: median(one.cpu_ms.get(name, 0.0) for one in rounds) for name in sorted(names)
        },
        all_cpu_ms=median(one.all_cpu_ms for one in rounds),
        load_cpu_ms=median(one.load_cpu_ms for one in rounds),
        peak_mib=median(one.peak_mib for one in rounds),
        others_share=median(one.others_share for one in rounds),
        completed=sum(one.completed for one in rounds),
        errors=sum(len(one.errors) for one in rounds),
    )


def ratios(values: Mapping[str, float | None]) -> dict[str, dict[str, float]]:
    """Return each value as a share of each other: `ratios[of][to]`; those without a value, none."""
    positive = {name: value for name, value in values.items() if value}
    return {of: {to: value / positive[to] for to in positive} for of, value in positive.items()}


def middle(values: Iterable[float]) -> float:
    """Return the median, or 0 when there is nothing."""
    return median(list(values) or [0.0])
