"""The order saga's scripts: the orchestrator in its sandbox, and its participants' task queues.

With `LOCAL_ACTIVITIES=on` in the environment each call is tried as a local activity first, and
fails there: what is sent to a saga waits for a local activity, so that a test could not say what
happens while a participant is at work.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import Any, NamedTuple

from temporalio.client import Client
from temporalio.worker import Replayer

from contracts import stubs
from contracts.steps import PARTICIPANTS, STEPS
from temporal_saga.plugin import SagaPlugin
from temporal_saga.testing import Script
from temporal_saga.testing.participants import Participants
from tests import temporal_server
from workflows.order import OrderSaga

COMMANDS: dict[str, tuple[type, ...]] = {
    participant: tuple(
        activity.command_type
        for step in STEPS
        if step.participant == participant
        for activity in step.activities
    )
    for participant in PARTICIPANTS
}
"""By a participant's task queue: the commands that come there."""

LOCALLY = timedelta() if os.environ.get("LOCAL_ACTIVITIES") == "on" else None

NUMBERS = count(1)


@asynccontextmanager
async def participants(client: Client) -> AsyncIterator[Participants]:
    """Run the workers that play order, payment and stock."""
    async with Participants(client, COMMANDS) as players:
        yield players


def script(client: Client, players: Participants, saga_id: str, **how: Any) -> Script:
    """Prepare the story of one order; `how` is what else a `Script` takes."""
    options: dict[str, Any] = {"locally": LOCALLY} | how
    workflow_type = stubs.WORKFLOW_TYPE
    return Script(
        client, players, OrderSaga, saga_id=saga_id, workflow_type=workflow_type, **options
    )


class Stage(NamedTuple):
    """A server of a test file's own, with order, payment and stock on it."""

    client: Client
    players: Participants

    def script(self, **how: Any) -> Script:
        """Prepare the story of one more order."""
        return script(self.client, self.players, f"order-{next(NUMBERS)}", **how)


@asynccontextmanager
async def stage(*settings: str) -> AsyncIterator[Stage]:
    """Run a server with these settings, and the participants there."""
    async with temporal_server.running(*settings) as client, participants(client) as players:
        yield Stage(client, players)


def replayer(
    workflow: type = OrderSaga, plugin: SagaPlugin = temporal_server.PLUGIN, **how: Any
) -> Replayer:
    """Return what replays histories with this release of the saga, `how` a `Replayer` does."""
    return Replayer(workflows=[workflow], plugins=[plugin], **how)
