"""A cancel at every point at which a story waits: invariants hold, and the end is legal."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import product
from typing import Any, get_args

import pytest
from temporalio.worker import UnsandboxedWorkflowRunner

from contracts.states import LEGAL_MOVES, SagaState
from contracts.steps import REFUSALS, STEPS
from temporal_saga.call import all_ended
from temporal_saga.moment import Moment
from temporal_saga.testing import Script
from tests.workflows import orders
from tests.workflows.conftest import Play
from tests.workflows.history_events import History, moments, tasks
from tests.workflows.history_replay import Cancel, Replay, Way, When

Story = Callable[[Script], Awaitable[None]]

POINTS: dict[Story, int] = {
    orders.completed: 5,
    orders.completed_over_http: 5,
    orders.payment_refused: 4,
    orders.out_of_stock: 6,
    orders.cancelled_by_signal: 6,
    orders.cancelled_by_temporal: 6,
    orders.invalid_start: 2,
    orders.step_unavailable: 7,
    orders.approved: 6,
    orders.rejected: 4,
    orders.review_expired: 4,
    orders.settled: 7,
    orders.stuck_and_retried: 8,
    orders.confirm_stuck_and_settled: 7,
    orders.cancel_stuck_and_settled: 8,
    orders.earlier_run_found: 6,
}
"""At how many points each story waits: recounted in each run, so none is lost unseen."""

MOST = os.environ.get("EVERY_CANCEL", "")
"""Which cancels are tried.

`1`, as in `make verify`: at each point every way in every company, and the number so that each way
and each company comes once and twice; where it comes once, it comes twice at the next point. `all`:
every one. Otherwise every eleventh, in turn.
"""

AT_ONCE = 8
UNDER_LOAD = timedelta(seconds=45)
"""So long a story waits for what comes next: a server that has many to serve may hand out a task
only when it tries it again.
"""

CLOSED_BY = ("RegisterOrderCommand", "CancelOrderCommand")
OPEN = {"PENDING", "AWAITING_REVIEW", "PAYMENT_COMPLETED"}
COMPENSATION = {step.command: step.compensation and step.compensation.command for step in STEPS}
UNDOING = {step.compensation.command for step in STEPS if step.compensation}
OF_THE_CLOCK = {"REVIEW_EXPIRED"}


def cancels(points: int) -> list[Cancel]:
    """Return the cancels of a story: at each point by each way.

    Once and twice, alone and together with what comes next.
    """
    whens = get_args(When)
    ways = get_args(Way)
    every = [
        Cancel(point, way, times, when)
        for point, when, times, way in product(range(points), whens, (1, 2), ways)
    ]
    if MOST == "1":
        return [
            cancel
            for cancel in every
            if (cancel.point + whens.index(cancel.when) + cancel.times + ways.index(cancel.way)) % 2
        ]
    return every if MOST == "all" else every[::11]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("story", "points"),
    POINTS.items(),
    ids=[f"{story.__name__}-{points}_points" for story, points in POINTS.items()],
)
@pytest.mark.long
async def test_a_cancel_at_every_point(play: Play, story: Story, points: int) -> None:
    """Before the pivot all that was or may have been done is taken back, in reverse.

    Afterwards a cancel changes nothing.
    """
    history = await record(play, story)
    turns = asyncio.Semaphore(AT_ONCE)

    async def tell(cancel: Cancel | None) -> int:
        async with turns, play(runner=UnsandboxedWorkflowRunner(), patience=UNDER_LOAD) as script:
            try:
                return await tell_again(script, history, cancel)
            except Exception as error:
                error.add_note(f"{story.__name__}, {cancel}")
                raise

    points_without_cancel, *_ = await all_ended(map(tell, [None, *cancels(points)]))
    assert points_without_cancel == points


def test_every_story_is_cancelled() -> None:
    """A new story is cancelled at every point, too."""
    assert set(POINTS) == set(orders.STORIES)


async def record(play: Play, story: Story) -> History:
    """Let a story tell itself, and return its history."""
    async with play(runner=UnsandboxedWorkflowRunner(), patience=UNDER_LOAD) as script:
        await story(script)
        assert script.history is not None
        return script.history.events


async def tell_again(script: Script, history: History, cancel: Cancel | None) -> int:
    """Tell a story with a cancel in it, and see that it ends as it must.

    Return at how many points it waited.
    """
    replay = Replay(script, history)
    events = await replay.tell(cancel)
    story = moments(events)
    await (script.completed() if names_of(story, "state")[-1] == "COMPLETED" else script.failed())
    assert_whole(story)
    compensations = (await script.handle.query("status"))["compensations"]
    assert {compensation["state"] for compensation in compensations} <= {"DONE", "SETTLED"}
    if cancel is not None and {*names_of(replay.before, "state")[-1:]} <= OPEN:
        assert_stopped(replay, story, cancel, failure(events), failure(history))
    else:
        assert plot(story) == plot(moments(history))
        assert all(replay.refusals), "a cancel that comes too late is refused"
    return tasks(events)


def assert_whole(story: list[Moment]) -> None:
    """Check that every move is legal, and that in the end all is kept, or undone in reverse."""
    states = names_of(story, "state")
    assert all(
        SagaState(after) in LEGAL_MOVES[before]
        for before, after in zip([None, *map(SagaState, states)], states, strict=False)
    )
    commands = list(dict.fromkeys(names_of(story, "command")))
    compensations = [command for command in commands if command in UNDOING]
    steps = [command for command in commands if command not in UNDOING]
    if states[-1] == "COMPLETED":
        of_all = [step.command for step in STEPS if not step.is_optional]
        assert (steps, compensations) == (of_all, [])
        return
    if any(
        moment.name == "OrderRegisteredEvent" and moment.detail["known"] == "PENDING"
        for moment in story
    ):
        steps = [
            step.command for step in STEPS if step.compensation
        ]  # or may have been, by an earlier run
    refusals = {refusal.__name__ for refusal in REFUSALS}
    refused_commands = {moment.command for moment in story if moment.name in refusals}
    expected = [
        COMPENSATION[command]
        for command in reversed(steps)
        if command not in {*refused_commands, CLOSED_BY[0]}
    ]
    assert (states[-1], compensations) == ("FAILED", [*expected, CLOSED_BY[1]])


def assert_stopped(
    replay: Replay, story: list[Moment], cancel: Cancel, why: Any, otherwise: Any
) -> None:
    """Check that no step began after the cancel, and what the saga failed for.

    It is the cancel, or what the step under way came to.
    """
    reasons = {"CANCELLED"}
    before = {*names_of(replay.before, "command"), CLOSED_BY[0]}
    steps = {
        command for command in names_of(story, "command") if command not in {*UNDOING, *before}
    }
    first_heard = (
        cancel.way == "temporal" and replay.beside_words
    )  # Temporal tells a saga what people said before its cancel
    assert len(steps) <= first_heard
    if otherwise and said_by(otherwise) in (
        replay.under_way,
        STEPS[0].name,
    ):  # the first step is taken in any case
        reasons = {otherwise["reason"]}
    elif otherwise and (first_heard or otherwise["reason"] in OF_THE_CLOCK):
        reasons |= {otherwise["reason"]}
    assert why["reason"] in reasons
    # Without an answer to its first step a saga fails for sure; it goes on asking how an earlier
    # run ended. A local try, whose command and outcome are one event, may fail before that.
    fails_already = any(
        moment.name == f"{STEPS[0].command} failed" and moment.command_event != moment.event
        for moment in replay.before
    )
    for is_refused in replay.refusals[:1]:
        assert why["reason"] in OF_THE_CLOCK or is_refused is fails_already, (
            "a cancel in time is accepted, and no other"
        )


def said_by(why: Any) -> str | None:
    """Return the step that a failure came from; None for the start, otherwise no step's name."""
    return None if why["reason"] == "INVALID_ORDER" else why["step"] or "no step"


def failure(events: History) -> Any:
    """Return why a saga failed; None when it completed."""
    details = events[
        -1
    ].workflow_execution_failed_event_attributes.failure.application_failure_info.details.payloads
    return json.loads(details[0].data) if details else None


def names_of(story: list[Moment], kind: str) -> list[str]:
    """Return the names of the moments of one kind, in order."""
    return [moment.name for moment in story if moment.kind == kind]


def plot(story: list[Moment]) -> list[tuple[str, str]]:
    """Return what happened, without what people said and what is noted about it."""
    return [
        (moment.kind, moment.name)
        for moment in story
        if moment.kind in ("state", "command", "event")
    ]
