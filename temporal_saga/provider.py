"""What a participant says of a provider: how an effect stands there, and how it is taken back.

A provider is a foreign API that has effects of its own and books of its own. `ProviderFence` calls
it; what these classes say is all that it knows of it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeAlias, TypeVar
from uuid import uuid4

from temporal_saga.fence_table import Answer
from temporal_saga.keys import compensation_key

E = TypeVar("E", bound=Answer)
R = TypeVar("R", bound=Answer)
P = TypeVar("P")
B = TypeVar("B", bound=Answer)
B_co = TypeVar("B_co", bound=Answer, covariant=True)


class StillInDoubt(Exception):
    """The outcome is not known yet: the command is to be sent again.

    After `retry_in_seconds` it can be known; before that it may be, when a call ends early.

    StillInDoubt
    ├── CallUnderWay
    ├── OutOfTime
    └── NotYetKnown
    """

    def __init__(self, key: str, retry_in_seconds: float = 0.0) -> None:
        super().__init__(f"{key}: {self.__doc__}")
        self.key = key
        self.retry_in_seconds = retry_in_seconds


class CallUnderWay(StillInDoubt):
    """another delivery of this command may be calling the provider right now."""


class OutOfTime(StillInDoubt):
    """the time for the call was over before it began, so the provider was not called."""


class NotYetKnown(StillInDoubt):
    """the provider knows nothing of this effect, which may still come, or is on record."""


@dataclass(frozen=True)
class Intent:
    """What a provider is called for, by one delivery of a command.

    Args:
        key: the forward command's key, of which the provider's own idempotency key is made.
        reference: the provider's name for what it made, once that is on record.
        attempt: which delivery of the forward command this is, of those that could call: 1 for the
            first on record, which need not be the first when a backup was restored. To a
            compensation, how many there were.
        ends_at: when the provider must have answered, by `clock`, in seconds.
        clock: of this process; it never goes back.
        caller: names the delivery.
    """

    key: str
    reference: str | None
    attempt: int
    ends_at: float
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    caller: str = field(default_factory=lambda: uuid4().hex, repr=False)

    @property
    def compensation_key(self) -> str:
        """The compensation's key, of which the provider's key for taking back is made."""
        return compensation_key(self.key)

    @property
    def seconds_left(self) -> float:
        """How long the provider may take from now on; 0 when the time is over."""
        return max(0.0, self.ends_at - self.clock())

    def in_time(self) -> Self:
        """Return this intent, if a call that begins now can still end in time.

        Raises:
            OutOfTime: it cannot.
        """
        if self.seconds_left <= 0:
            raise OutOfTime(self.key)
        return self


@dataclass(frozen=True)
class Prepared:
    """It is there and has no effect until it is confirmed by its `reference`.

    The fence records the reference before it calls again to confirm: a provider that works in two
    phases helps against every call that comes late.
    """

    reference: str


@dataclass(frozen=True)
class Pending(Generic[P]):
    """Somebody else must act before it takes effect, as a customer who must confirm a payment.

    It is no outcome: `answer` is not recorded, and the same command sent again asks anew.
    """

    answer: P
    reference: str | None = None


@dataclass(frozen=True)
class Done(Generic[E]):
    """It took effect; `answer` is the event, with what only the provider knows."""

    answer: E
    reference: str | None = None


@dataclass(frozen=True)
class Declined(Generic[R]):
    """It was refused, and can never take effect under this key any more."""

    answer: R
    reference: str | None = None


@dataclass(frozen=True)
class TakenBack:
    """It was taken back or closed: it has no effect, and can take none under this key any more."""

    reference: str | None = None


Outcome: TypeAlias = Prepared | Pending[P] | Done[E] | Declined[R] | TakenBack


class EffectAtProvider(Protocol[E, R, P, B_co]):
    """What one command does at a provider, and how it is taken back.

    Each method returns within `intent.seconds_left`, and raises whatever it likes when it has no
    answer: the outcome is then in doubt, and the command is to be sent again. No transaction of the
    participant's database is open meanwhile, and none may be left open.
    """

    def look_up(self, intent: Intent) -> Outcome[P, E, R] | None:
        """Ask what became of the call: by `intent.reference` if there is one, else by the key.

        Returns:
            None when the provider knows of none. It need not be true of what happened a moment
            ago: the fence does not believe it while a call may be under way.
        """
        ...

    def call(self, intent: Intent) -> Outcome[P, E, R]:
        """Do it, under an idempotency key that is made of `intent.key` alone.

        With `intent.reference`: confirm what was prepared under it.
        """
        ...

    def take_back(self, intent: Intent, outcome: Outcome[P, E, R] | None) -> B_co | None:
        """Take back what is left of it, under `intent.compensation_key`, and return the event.

        It may come more often than once, and when nothing is left: then it says what was taken
        back. What is prepared or pending is closed, so that it never takes effect. Of `None`, when
        the look-up knows of nothing, it closes the key if the provider can: a call that comes late
        must then fail.

        Returns:
            None when nothing is there and the key is not closed either.

        Raises:
            Refused: the provider does not take it back; everything there is as it was.
        """
        ...
