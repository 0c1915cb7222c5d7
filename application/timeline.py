"""The timeline as people read it: who decided what, and what came to nothing and why. Pure, and told moment by moment."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from contracts.decisions import ACTS, Decision, StepDecision, act_of
from contracts.states import SagaState
from contracts.steps import STEPS, STUCK_AT
from contracts.text import ON_RECORD
from contracts.views import TimelineEntry
from temporal_saga.history import RESET, Moment

MOST_TOLD = 1_000
"""Characters (as JSON) that are repeated of a message that could not be read."""

CLOSING = frozenset(
    {SagaState.COMPLETED, SagaState.ROLLING_BACK, SagaState.ROLLBACK_STUCK, SagaState.FAILED}
)
FIRST = STEPS[0]
NEVER = -1
"""The number of no event."""


def tell(moments: Iterable[Moment]) -> tuple[TimelineEntry, ...]:
    """Return the timeline of a saga."""
    teller = Teller()
    return tuple(teller.tell(moment) for moment in moments)


class Teller:
    """Tells a saga's moments in order, and knows from those before which messages came to nothing, by the saga's own rules."""

    def __init__(self) -> None:
        """Begin at the saga's start."""
        self._closing = False
        self._review: str | None = None
        self._reset = False
        self._unanswered = False
        self._stuck: set[str] = set()
        self._over: set[str] = set()
        self._last_sent: dict[str, int | None] = {}

    def tell(self, moment: Moment) -> TimelineEntry:
        """Return the next entry."""
        if moment.kind == "decision":
            return self._decision(moment)
        if moment.kind in ("state", "command"):
            self._reset = False  # what the task in which it was reset came to
        if moment.kind == "state":
            self._closing = self._closing or moment.name in CLOSING
            self._review = "its review is over" if self._reviewed(moment) else self._review
        elif moment.name == "OrderRegisteredEvent" and moment.detail.get("review_seconds") is None:
            self._review = "it needs no review"
        self._follow(moment)
        self._reset = self._reset or (moment.kind, moment.name) == ("note", RESET)
        return _entry(moment)

    def _follow(self, moment: Moment) -> None:
        """Take down what is stuck, and what is over. The first step is asked again before a rollback, and may be stuck then."""
        asked = moment.command == FIRST.command
        step = FIRST.name if asked else STUCK_AT.get(moment.command or "")
        if step is None:
            return
        command = moment.command or ""
        if moment.kind == "command":
            self._last_sent[command] = moment.sent
        elif moment.kind == "note" and moment.sent == self._last_sent.get(
            command, moment.sent
        ):  # else nobody waits for it
            if self._closing or (asked and self._unanswered):
                self._stuck.add(step)
        elif moment.kind == "event":
            self._stuck.discard(step)
            self._over.update(() if asked else [step])
        self._unanswered = self._unanswered or (asked and moment.kind == "note")

    def _reviewed(self, moment: Moment) -> bool:
        """Tell whether a state says that there is, or will be, no review to decide."""
        past = moment.name not in (SagaState.PENDING, SagaState.AWAITING_REVIEW)
        return self._review is None and past

    def _decision(self, moment: Moment) -> TimelineEntry:
        name, through = act_of(moment.name), moment.detail.get("by")
        if through == "temporal":
            told = {"reason": moment.detail.get("reason"), "through": through}
            return (
                _ignored(moment, name, "it was too late", told)
                if self._closing
                else _entry(moment, name=name, detail=told)
            )
        if name not in ACTS:
            return _ignored(moment, name, "there is no such message", _as_sent(moment))
        if (decision := read(ACTS[name], moment.detail)) is None:
            return _ignored(moment, name, "it cannot be read", _as_sent(moment))
        told = decision.model_dump() | {"through": through}
        if through == "signal" and (why := self._why_not(name, decision)):
            return _ignored(moment, name, why, told)
        if name in ("approve", "reject"):
            self._review = f"{decision.by} decided already"
        if name == "settle_step" and isinstance(decision, StepDecision):
            self._settle(decision.step)
        return _entry(moment, name=name, detail=told)

    def _settle(self, name: str) -> None:
        """Take down that a step is settled: nobody waits any more for what was sent, though what closes the record is sent on."""
        self._stuck.discard(name)
        self._over.add(name)
        for step in STEPS:
            if step.name == name:
                self._last_sent |= dict.fromkeys(
                    (activity.command for activity in step.activities), NEVER
                )

    def _why_not(self, name: str, decision: Decision) -> str | None:
        """Return why the saga ignored a signal that it could read, or None."""
        if isinstance(decision, StepDecision):
            taken = decision.step in self._stuck
            if name == "settle_step":
                taken = (taken or self._reset) and decision.step not in self._over
            return None if taken else f"{decision.step} was not stuck"
        if name == "cancel":
            return "it was too late" if self._closing else None
        return self._review or ("its review is over" if self._closing else None)


def read(kind: type[Decision], detail: Mapping[str, Any]) -> Decision | None:
    """Return what a person said, or None when it cannot be read as that; of an update that it was taken is known."""
    try:
        [argument] = detail.get("arguments", [])
        return kind.model_validate(
            argument, context=ON_RECORD if detail.get("by") == "update" else None
        )
    except ValueError:
        return None


def _as_sent(moment: Moment) -> dict[str, Any]:
    """Return what was sent, as far as it is short enough to repeat."""
    arguments = moment.detail.get("arguments", [])
    sent = json.dumps(arguments)
    told = arguments if len(sent) <= MOST_TOLD else [f"{sent[:MOST_TOLD]} …"]
    return {"arguments": told, "through": moment.detail.get("by")}


def _ignored(moment: Moment, name: str, why: str, detail: dict[str, Any]) -> TimelineEntry:
    return _entry(moment, kind="note", name=f"{name[:64]} was ignored: {why}", detail=detail)


def _entry(moment: Moment, **told: Any) -> TimelineEntry:
    known = vars(moment) | told
    return TimelineEntry.model_validate({name: known[name] for name in TimelineEntry.model_fields})
