"""Every limit of a saga, by name."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.worker import Interceptor, WorkflowInterceptorClassInput

MOST_REASON = 100
MOST_MESSAGE = 2_000
MOST_DETAILS = 200_000
"""Characters of a failure's reason, message and details (as JSON).

It stands in a search attribute and in the closing command.
"""

MOST_EVENTS_IN_A_STEP = 20_000
MOST_BYTES_IN_A_STEP = 16 * 2**20
"""Of a history, before a saga goes on in another run although a forward step is under way.

That step is sent again there. Wherever nothing is lost by it, a saga goes on when the server
suggests it (some 4,096 events or 4 MB); the server's end is at 51,200 events or 50 MB.
"""

MOST_CARRIED_OVER = 1_500_000
"""Bytes that a run starts the next one with, its own arguments included; Temporal takes 2 MiB.

With more to carry over, a saga stays in its run.
"""

LATE = timedelta(seconds=2)
"""A deadline that the saga notices so much later has passed while no worker was there."""

KEY_REUSED = "KeyReused"
ALREADY_COMPENSATED = "AlreadyCompensated"
"""The fence's errors by their types. Asking again helps with neither."""

_EXTERN_FUNCTION = "temporal_saga.policy"


@dataclass(frozen=True)
class Policy:
    """The limits of a worker's sagas.

    They bound and space tries and steer nothing else, so that another policy replays the same.

    Args:
        start_to_close: one try of one command. A participant that is still at work after this is
            tried again; the fence keeps it to one effect.
        local_try: the one try of a command that the orchestrator's own worker takes, its wait for
            a thread included. What is sent to the saga waits for all that follow one another.
        forward_step: a forward step with all its tries. Past it the outcome is unknown, and unknown
            is compensated.
        longest_pause: between two tries of a retriable call, which is never given up.
        stuck_attempts: a retriable call is stuck when so many tries failed, or when `stuck_after`
            has passed, whichever is first.
        stuck_after: a participant that is down makes no attempts, so time counts as well.

    Units: durations are `timedelta`s; `stuck_attempts` counts tries.
    Errors: none.
    Source: activity timeouts and retry policies of Temporal, docs.temporal.io.
    """

    start_to_close: timedelta = timedelta(seconds=10)
    local_try: timedelta = timedelta(seconds=2)
    forward_step: timedelta = timedelta(seconds=60)
    longest_pause: timedelta = timedelta(seconds=60)
    stuck_attempts: int = 10
    stuck_after: timedelta = timedelta(minutes=10)

    @property
    def forward_retry(self) -> RetryPolicy:
        """Tries of a forward step: soon at first, bounded by `forward_step`, not by number."""
        return RetryPolicy(
            initial_interval=timedelta(milliseconds=200),
            backoff_coefficient=2.0,
            maximum_interval=timedelta(seconds=5),
            non_retryable_error_types=[KEY_REUSED, ALREADY_COMPENSATED],
        )

    @property
    def first_round(self) -> RetryPolicy:
        """Tries of a retriable call, until it counts as stuck: ever rarer."""
        return RetryPolicy(
            initial_interval=min(timedelta(milliseconds=200), self.longest_pause),
            backoff_coefficient=2.0,
            maximum_interval=self.longest_pause,
            maximum_attempts=self.stuck_attempts,
        )

    @property
    def endless_round(self) -> RetryPolicy:
        """Tries of what is stuck: as rare as they get, never given up."""
        return RetryPolicy(
            initial_interval=self.longest_pause,
            backoff_coefficient=1.0,
            maximum_interval=self.longest_pause,
        )

    def pause(self, rounds: int) -> timedelta:
        """Return the pause after so many failed rounds: `longest_pause`, doubling up to an hour."""
        doublings = min(rounds - 1, 10)
        return min(
            self.longest_pause * (1 << doublings), max(self.longest_pause, timedelta(hours=1))
        )


class Apply(Interceptor):
    """Gives one worker's sagas their policy: `Worker(…, interceptors=[Apply(Policy(…))])`.

    Of several the first one holds: a worker's own comes before that of a plugin.
    """

    def __init__(self, policy: Policy) -> None:
        """Give `policy`."""
        self._policy = policy

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002  # the SDK's name
    ) -> None:
        """Hand the policy through the sandbox, as the values that it consists of."""
        values = asdict(self._policy)
        limits: Callable[[], dict[str, Any]] = lambda: values  # noqa: E731
        input.unsafe_extern_functions.setdefault(_EXTERN_FUNCTION, limits)


def current() -> Policy:
    """Return the policy that the worker was given, or the default one; for use in a workflow."""
    limits = workflow.extern_functions().get(_EXTERN_FUNCTION)
    return Policy(**limits()) if limits else Policy()
