"""The cancels of one composed saga: each is sent once, when its plan says so."""

import asyncio

from temporal_saga.testing import Script
from tests.temporal_saga.composed.plan import Cancel, Plan


class Cancels:
    """Sends the cancels of a plan, and knows at which commands they were accepted."""

    def __init__(self, plan: Plan, script: Script) -> None:
        """Begin with none sent."""
        self._script = script
        self._to_come = list(plan.cancels)
        self.alone = asyncio.Lock()
        """Held while the orchestrator is away for a cancel."""
        self.accepted_at: set[str] = set()
        """The commands at which a cancel was accepted before the saga heard of their end."""

    def due(self, at: str, *, together: bool) -> list[Cancel]:
        """Return the cancels that are due at a command, and that no earlier call has returned.

        Whatever the server loses on its way is not cancelled again.
        """
        due = [cancel for cancel in self._to_come if (cancel.at, cancel.together) == (at, together)]
        self._to_come = [cancel for cancel in self._to_come if cancel not in due]
        return due

    async def send(self, *cancels: Cancel) -> None:
        """Send them, each as often as it says."""
        handle = self._script.handle
        for cancel in cancels:
            for _ in range(cancel.times):
                await (handle.signal("stop") if cancel.way == "signal" else handle.cancel())
            self.accepted_at.add(cancel.at)
