"""What a workflow reset re-applies, and how a saga tells it from what is new.

After a reset the server writes the signals and updates of the run before into the history again,
before the task in which the new run begins. Temporal tells a workflow of its reset by a new random
seed, and only after it was given those messages.
"""

import asyncio
from collections.abc import Callable

from temporalio import workflow

FIRST_TASK_HISTORY_LENGTH = 3
"""Events up to a workflow's first task, without signals: started, scheduled, started."""


class Resets:
    """Whether one run was reset, and the messages that came too early for a run that was not."""

    def __init__(self, *, was_reset: bool) -> None:
        """Begin a run; `was_reset` is what the run before it knew."""
        self._began_in = workflow.info().get_current_history_length()
        self._reset_in: int | None = None
        self._messages: dict[int, list[Callable[[], None]]] = {}
        self._loop = asyncio.get_running_loop()
        self.was_reset = was_reset
        """Whether it is known that the workflow was reset, so that an earlier run may have gone
        further than this one has come. A reset to the first task may stay unknown."""
        workflow.register_random_seed_callback(self._note_reset)

    def under_way(self) -> bool:
        """Tell whether the task under way is the one in which the reset callback fired."""
        return workflow.info().get_current_history_length() == self._reset_in

    def may_be_under_way(self) -> bool:
        """Tell whether the task under way may be that one, before the reset callback fires.

        For validators and answers to people: ids of runs do not replay, so nothing that the saga
        does may rest on it.
        """
        if self._reset_in is not None:
            return self.under_way()
        # A run that was reset has not the id it began with; one that began with a plain task gets
        # its reset callback later.
        info = workflow.info()
        began_elsewhere = info.run_id != info.original_execution_run_id
        task = info.get_current_history_length()
        return began_elsewhere and self._began_in in (task, FIRST_TASK_HISTORY_LENGTH)

    def buffer(self, apply: Callable[[], None]) -> None:
        """Apply a message later in this task, if the reset callback fires in it; else never."""
        task = workflow.info().get_current_history_length()
        self._messages = {task: [*self._messages.get(task, []), apply]}

    def _note_reset(self, _seed: int) -> None:
        self.was_reset = True
        # Not at once: Temporal calls this outside the workflow's own time.
        self._loop.call_soon(self._apply_buffered)

    def _apply_buffered(self) -> None:
        self._reset_in = workflow.info().get_current_history_length()
        for apply in self._messages.get(self._reset_in, []):
            apply()
