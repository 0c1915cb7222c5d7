"""Samples of stacks as py-spy writes them, and what they say as text."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

FRAME = re.compile(r"^.+ \(([^():]+)(?::\d+)?\)$")
"""A function, its file below the folder that it was imported from, and its line."""

OURS = {
    *("activities", "api", "application", "config", "contracts", "logs", "participants"),
    *("process", "routes", "temporal_saga", "worker", "workflows"),
}
MOST = 14
LEAST_SHARE = 0.01


class Sample(NamedTuple):
    """A stack, outermost frame first, and how often it was seen."""

    frames: tuple[str, ...]
    times: int


def read(raw: str) -> list[Sample]:
    """Return the samples of py-spy's raw format, without what it says of process and thread."""
    samples = []
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = tuple(frame for frame in stack.split(";") if FRAME.match(frame))
        if frames:
            samples.append(Sample(frames, int(count)))
    return samples


def package_of(frame: str) -> str:
    """Return whose code a frame is: a package of this repository, a library or of Python."""
    match = FRAME.match(frame)
    assert match is not None, "samples have frames alone"
    return match[1].partition("/")[0].removesuffix(".py")


def own_time(samples: Iterable[Sample]) -> list[str]:
    """Say which packages the innermost frames are of."""
    return _shares(samples, lambda frames: {package_of(frames[-1])})


def with_what_they_call(samples: Iterable[Sample]) -> list[str]:
    """Say which functions of this repository were at work, themselves or what they call."""
    return _shares(samples, lambda frames: {frame for frame in frames if package_of(frame) in OURS})


def _shares(
    samples: Iterable[Sample], names: Callable[[Sequence[str]], Iterable[str]]
) -> list[str]:
    """Return the most frequent names, each with its share of the samples."""
    counts: Counter[str] = Counter()
    total = 0
    for sample in samples:
        total += sample.times
        counts.update(dict.fromkeys(names(sample.frames), sample.times))
    return [
        f"{name} {100 * count / total:.0f} %"
        for name, count in counts.most_common(MOST)
        if count >= LEAST_SHARE * total
    ]
