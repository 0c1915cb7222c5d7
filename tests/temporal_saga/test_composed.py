"""Composed sagas on the real server, with real databases: the promises are kept.

`HYPOTHESIS_PROFILE=long` composes `HYPOTHESIS_EXAMPLES` times as many as run at once, from a seed
that it prints when it fails; `HYPOTHESIS_SEED` gives the same ones again.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from temporalio.client import Client
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from temporal_saga.testing.participants import Participants
from tests.temporal_saga.composed.participants import PATIENCE_SECONDS, PlannedParticipants
from tests.temporal_saga.composed.plan import COMMANDS, QUEUE, Plan
from tests.temporal_saga.composed.promises import RARE, PromiseCheck
from tests.temporal_saga.composed.saga import Composed
from tests.temporal_saga.composed.strategies import plans

AT_ONCE = 15
"""Sagas that run at the same time."""

PROFILES = {
    # The same ones each time, reported as they are: to shrink one takes longer than a test may.
    "short": settings(max_examples=5, derandomize=True, phases=[Phase.explicit, Phase.generate]),
    "long": settings(max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "25"))),
}
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "short")
SEED = int(os.environ.get("HYPOTHESIS_SEED", random.SystemRandom().randrange(2**32)))

RUNNER = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(
        "tests.temporal_saga.composed.messages", "tests.temporal_saga.composed.plan"
    )
)
NUMBERS = count(1)


@pytest.fixture(scope="session")
async def ledgers(temporal: Client) -> AsyncIterator[Participants]:
    """Whoever a composed saga needs."""
    async with Participants(temporal, {QUEUE: list(COMMANDS.values())}) as players:
        yield players


@pytest.mark.long
@pytest.mark.timeout(3 * 3600 if PROFILE == "long" else 180)
async def test_composed_sagas_keep_their_promises(
    temporal: Client, ledgers: Participants, tmp_path: Path
) -> None:
    """Each takes back in reverse what was or may have been done, or keeps everything once.

    And every rare thing was seen.
    """
    loop = asyncio.get_running_loop()
    counts = Counter[str]()

    async def run_all(batch: Sequence[Plan]) -> None:
        runs = (_run(plan, temporal, ledgers, threads, tmp_path) for plan in batch)
        for rare in await asyncio.gather(*runs, return_exceptions=True):
            if isinstance(rare, BaseException):
                raise rare
            counts.update(rare)

    @settings(
        PROFILES[PROFILE], deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(plans(), min_size=AT_ONCE, max_size=AT_ONCE))
    def run(batch: Sequence[Plan]) -> None:
        asyncio.run_coroutine_threadsafe(run_all(batch), loop).result()

    if PROFILE == "long":
        run = seed(SEED)(run)
        # pytest shows it when the test fails, or with -s
        print(f"HYPOTHESIS_SEED={SEED}")  # noqa: T201
    with ThreadPoolExecutor(100) as threads:
        await asyncio.to_thread(run)
    print(f"seen: {dict(counts)}")  # noqa: T201
    assert set(counts) == RARE, f"this run proves little: {counts}"


async def _run(
    plan: Plan, client: Client, players: Participants, threads: ThreadPoolExecutor, folder: Path
) -> set[str]:
    """Run one saga; return the rare things that were seen.

    Raises:
        AssertionError: a promise was broken; a note says by which plan.
    """
    policy = Policy(longest_pause=timedelta(milliseconds=50), stuck_attempts=2)
    if plan.leaves_commands_unanswered:
        policy = replace(
            policy, start_to_close=timedelta(seconds=1), forward_step=timedelta(seconds=2)
        )
    saga_id = f"composed-{next(NUMBERS)}"
    try:
        async with Script(
            client,
            players,
            Composed,
            saga_id=saga_id,
            workflow_type="Composed",
            runner=RUNNER,
            policy=policy,
            patience=timedelta(seconds=PATIENCE_SECONDS),
        ) as script:
            participants = PlannedParticipants(plan, script, threads, folder)
            result = await participants.run()
        assert script.history is not None
        rare = PromiseCheck(plan, participants, result, script.history.events).check()
        for ledger in participants.ledgers.values():
            ledger.close()
    except Exception as error:
        error.add_note(f"run this saga again with @example([{plan!r}])")
        raise
    return rare
