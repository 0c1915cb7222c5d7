"""The results as JSON: everything that was measured, and what the table and the chart show."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.figures import Summary, middle, ratios, summary
from bench.rounds import Plan, Result


@dataclass(frozen=True)
class Row:
    """One contestant over all rounds.

    Args:
        name: in CONTESTANTS.
        title: what it is.
        problems: of all rounds; with one, its figures count for nothing.
        unavailable: why it did not take part; None when it did.
        summaries: by the number of orders in flight; none when it has a problem.
        idle_mib: of memory before the first order, shared pages counted once.
        engine_bytes: of an order on the disk, beside the participants' databases.
        participant_bytes: in these.
    """

    name: str
    title: str
    problems: tuple[str, ...]
    unavailable: str | None
    summaries: Mapping[int, Summary]
    idle_mib: float
    engine_bytes: float
    participant_bytes: float

    @property
    def note(self) -> str | None:
        """Say why there are no figures; None when there are."""
        if self.unavailable is not None:
            return f"not available: {self.unavailable}"
        return f"WRONG: {self.problems[0]}" if self.problems else None


def others_share(rows: Sequence[Row]) -> float:
    """Return the greatest share of the machine's CPU that others had while one was measured."""
    return max(
        (figures.others_share for row in rows for figures in row.summaries.values()), default=0.0
    )


def row(result: Result, in_flight: Sequence[int]) -> Row:
    """Return what several rounds say of a contestant."""
    problems = tuple(problem for session in result.sessions for problem in session.problems)
    whole = [] if problems else result.sessions
    return Row(
        name=result.contestant.name,
        title=result.contestant.title,
        problems=problems,
        unavailable=result.unavailable,
        summaries={
            number: summary([session.by_in_flight[number] for session in whole])
            for number in in_flight
            if whole
        },
        idle_mib=middle(session.idle_mib for session in whole),
        engine_bytes=middle(session.engine_bytes for session in whole),
        participant_bytes=middle(session.participant_bytes for session in whole),
    )


def document(
    results: Sequence[Result], rows: Sequence[Row], plan: Plan, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return everything as one JSON document."""
    return {
        "machine": dict(facts),
        "parameters": {
            "rounds": plan.rounds,
            "orders": {number: plan.count(number) for number in plan.in_flight},
        },
        "contestants": {
            row.name: {
                "title": row.title,
                "versions": dict(result.versions),
                "unavailable": row.unavailable,
                "problems": list(row.problems),
                "idle_mib": row.idle_mib,
                "engine_bytes_per_order": row.engine_bytes,
                "participant_bytes_per_order": row.participant_bytes,
                "medians": {
                    number: {"rate": figures.rate, **asdict(figures)}
                    for number, figures in row.summaries.items()
                },
                "rounds": [asdict(session) for session in result.sessions],
            }
            for result, row in zip(results, rows, strict=True)
        },
        "ratios": {
            number: {
                "rate": ratios({row.name: row.summaries[number].rate for row in whole}),
                "p50_ms": ratios({row.name: row.summaries[number].p50_ms for row in whole}),
                "cpu_ms": ratios({row.name: row.summaries[number].all_cpu_ms for row in whole}),
            }
            for number in plan.in_flight
            if (whole := [row for row in rows if number in row.summaries])
        },
    }
