"""What must be true of a composed saga once it has ended.

Its plan, its history and its participants' databases say so.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from temporalio.api.history.v1 import HistoryEvent

from temporal_saga.keys import compensation_key, step_key
from tests.temporal_saga.composed.ledger import Ledger
from tests.temporal_saga.composed.participants import PlannedParticipants
from tests.temporal_saga.composed.plan import CLOSING, STUCK, UNANSWERED, Plan, number, put, take
from tests.temporal_saga.composed.recorded import Recorded

OVER = ("DONE", "SETTLED")
OVERLAPS = "done while compensated"
COMES_LATE = ("comes after its compensation", "comes after the end")

LATE = "a late arrival was turned away"
EMPTY = "a compensation of nothing"
ABSORBED = "a duplicate was absorbed"
UNKNOWN = "an unknown outcome"
OVERLAP = "a step was done while it was compensated"
TOGETHER = "a cancel in one workflow task with a success"
BOTH = "several branches failed"
STUCK_AND_DONE = "a stuck compensation was done after all"
SETTLED = "a stuck compensation was settled"
FINISH_STUCK = "a step after the pivot was stuck"
TOO_LATE = "a cancel after the pivot or in the rollback"
TWINS_DONE = "several steps had one activity"
TWINS_BACK = "several steps of one activity were taken back"
COMPLETED = "a saga completed"
ROLLED_BACK = "a saga rolled back"
RARE = frozenset(
    {
        *(LATE, EMPTY, ABSORBED, UNKNOWN, OVERLAP, TOGETHER, BOTH),
        *(STUCK_AND_DONE, SETTLED, FINISH_STUCK, TOO_LATE, COMPLETED, ROLLED_BACK),
        *(TWINS_DONE, TWINS_BACK),
    }
)
"""What a run must have seen to prove anything."""


class PromiseCheck:
    """Judges one saga: each method checks one promise, and raises an AssertionError if broken."""

    def __init__(
        self,
        plan: Plan,
        participants: PlannedParticipants,
        result: dict[str, Any],
        history: Sequence[HistoryEvent],
    ) -> None:
        """Take the plan, what the participants saw, the saga's result and the server's history."""
        self._plan = plan
        self._participants = participants
        self._record = Recorded.by(history)
        self._result = result
        self._moves = [(name, progress) for name, progress in result["moves"]]
        self._progress = {
            of: [progress for name, progress in self._moves if name == of] for of in plan.lasting
        }
        self._stop, self._steps_begun = self._story()
        self._finishes = (
            [] if self._stop else [put(step.number) for group in plan.finish for step in group]
        )
        self._compensations = self._reverse() if self._stop else []

    def check(self) -> set[str]:
        """Check everything; return which rare things were seen."""
        self.outcomes_are_as_planned()
        self.it_stops_where_it_must()
        self.compensations_are_the_reverse_of_what_may_have_been_done()
        self.progress_is_right()
        self.each_waits_for_the_one_before()
        self.what_comes_too_late_is_turned_away()
        for of, ledger in self._participants.ledgers.items():
            self.effects_are_right(of, ledger)
        return {name for name, is_seen in self._rare_things().items() if is_seen}

    def _story(self) -> tuple[tuple[str, str | None] | None, list[str]]:
        """Return why the saga must stop, and at which step, given how its steps ended.

        And the steps that it must have begun.
        """
        steps_begun: list[str] = []
        is_cancelled = "start" in self._participants.cancels.accepted_at
        for group in self._plan.groups:
            if is_cancelled:
                break
            names = [put(step.number) for step in group]
            steps_begun += names
            for name in names:
                if (outcome := self._record.outcomes.get(name)) != "done":
                    return (
                        "REFUSED" if outcome == "refused" else "STEP_UNAVAILABLE",
                        name,
                    ), steps_begun
            is_cancelled = not self._participants.cancels.accepted_at.isdisjoint(names)
        return (("CANCELLED", None) if is_cancelled else None), steps_begun

    def _reverse(self) -> list[str]:
        may_be_done = [
            number(name)
            for name in self._steps_begun
            if self._record.outcomes.get(name) != "refused"
        ]
        return [*map(take, reversed(may_be_done)), *([take(CLOSING)] if self._plan.closing else [])]

    def outcomes_are_as_planned(self) -> None:
        """Who was to refuse refused, and who was to say nothing was not heard.

        Where limits are short, others may be too slow.
        """
        for name, step in self._plan.steps.items():
            planned_outcome = {"refused": "refused"}.get(
                step.forward, "unknown" if step.forward in UNANSWERED else "done"
            )
            outcome = self._record.outcomes.get(name, planned_outcome)
            too_slow = self._plan.leaves_commands_unanswered and outcome == "unknown"
            assert outcome == planned_outcome or too_slow, f"{name} ended as {outcome}"

    def it_stops_where_it_must(self) -> None:
        """Every step before the stop began, in order, and none after it.

        The first who failed is the reason, or who cancelled.
        """
        assert (self._result["reason"], self._result["step"]) == (self._stop or (None, None))
        assert [name for name in self._record.outcomes if name.startswith("Put")] == [
            *self._steps_begun,
            *self._finishes,
        ]
        assert [name for name, _ in self._result["finishing"]] == self._finishes

    def compensations_are_the_reverse_of_what_may_have_been_done(self) -> None:
        """What was refused, never began or comes after the pivot is not compensated.

        The books close last.
        """
        assert [
            name for name in self._record.outcomes if name.startswith("Take")
        ] == self._compensations
        assert [name for name, _ in self._result["compensations"]] == self._compensations

    def progress_is_right(self) -> None:
        """Whatever must happen is done, or settled when a person said so.

        It was stuck before exactly when a round failed.
        """
        final_progress = dict([*self._result["compensations"], *self._result["finishing"]])
        for name, fares in self._plan.lasting.items():
            if name not in [*self._compensations, *self._finishes]:
                assert self._progress[name] == []
                assert final_progress.get(name, "WAITING") == "WAITING"
                continue
            running, *between, end = self._progress[name]
            assert (running, end) == (
                "RUNNING",
                "SETTLED" if fares == "stuck, then settled" else "DONE",
            )
            assert set(between) == ({"STUCK"} if name in self._record.failed_rounds else set())
            assert between or fares not in STUCK
            assert final_progress[name] == end

    def each_waits_for_the_one_before(self) -> None:
        """A compensation begins when the one before is over or stuck.

        The last begins when all others are over.
        """
        for before, after in pairwise(self._compensations):
            so_far = self._moves[: self._moves.index((after, "RUNNING"))]
            assert {(before, progress) for progress in ("STUCK", *OVER)} & set(so_far), (
                before,
                after,
            )
        if self._plan.closing and self._stop:
            so_far = self._moves[: self._moves.index((take(CLOSING), "RUNNING"))]
            assert {name for name, progress in so_far if progress in OVER} == set(
                self._compensations[:-1]
            )

    def what_comes_too_late_is_turned_away(self) -> None:
        """A try of a step that lands after its compensation, or after the end, meets the fence."""
        for name, step in self._plan.steps.items():
            if step.forward in COMES_LATE and self._ends_done(take(step.number)):
                assert self._participants.turned_away[name] == self._participants.tries[name]

    def effects_are_right(self, of: int, ledger: Ledger) -> None:
        """Before a completed end everything was done once.

        After a rollback nothing is left, except what a person settled.
        """
        forward = step_key(self._participants.saga_id, put(of))
        back = compensation_key(forward)
        effect = (forward, +1)
        reversal = (back, -1)
        if take(of) in self._compensations:
            is_settled = not self._ends_done(take(of))
            assert ledger.effects in ([], [effect] if is_settled else [effect, reversal])
            shut = ("COMPENSATED",) if ledger.effects else ("TOMBSTONE", "REFUSED")
            assert is_settled or (ledger.fence[forward] in shut and ledger.fence[back] == "APPLIED")
        elif (
            put(of) in [*self._steps_begun, *self._finishes]
            and self._record.outcomes[put(of)] != "refused"
        ):
            assert ledger.effects == ([effect] if self._record.outcomes[put(of)] == "done" else [])
        else:
            assert ledger.effects == []

    def _ends_done(self, name: str) -> bool:
        return self._progress[name][-1:] == ["DONE"]

    def _is_undone(self, name: str) -> bool:
        return len(self._participants.ledgers[number(name)].effects) > 1

    def _rare_things(self) -> dict[str, bool]:
        ledgers = self._participants.ledgers
        twins = set(self._plan.twins)
        outcomes = self._record.outcomes
        failed_steps = [name for name in self._steps_begun if outcomes[name] != "done"]
        stuck_calls = {name for name, progress in self._moves if progress == "STUCK"}
        return {
            LATE: bool(self._participants.turned_away),
            EMPTY: any(ledger.empty for ledger in ledgers.values()),
            ABSORBED: any(ledger.absorptions for ledger in ledgers.values()),
            UNKNOWN: "unknown" in (outcomes[name] for name in self._steps_begun),
            OVERLAP: any(
                self._plan.steps[name].forward == OVERLAPS and self._is_undone(name)
                for name in self._steps_begun
            ),
            TOGETHER: self._record.together,
            BOTH: len(failed_steps) > 1,
            STUCK_AND_DONE: any(
                self._ends_done(name) for name in stuck_calls & set(self._compensations)
            ),
            SETTLED: any((name, "SETTLED") in self._moves for name in self._compensations),
            FINISH_STUCK: bool(stuck_calls & set(self._finishes)),
            TOO_LATE: bool(
                self._participants.cancels.accepted_at & {*self._compensations, *self._finishes}
            ),
            TWINS_DONE: len(twins & set(map(number, self._finishes + self._steps_begun))) > 1,
            TWINS_BACK: len(twins & set(map(number, self._compensations))) > 1,
            COMPLETED: self._stop is None,
            ROLLED_BACK: self._stop is not None,
        }
