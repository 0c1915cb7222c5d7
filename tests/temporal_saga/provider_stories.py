"""One charge and its refund, delivered in every order, with everything that can go wrong at once.

A story is made of choices: whose turn it is, who is killed where, which request is lost or late,
and when time passes. It ends when nobody has anything left to do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import sqlalchemy as sa

from temporal_saga.fence import FenceError
from temporal_saga.intents import CALL_SECONDS, MARGIN_SECONDS
from temporal_saga.provider import StillInDoubt
from tests.temporal_saga.bank import Bank, Kind, Wire
from tests.temporal_saga.boundaries import with_boundaries
from tests.temporal_saga.card_charge import Charged
from tests.temporal_saga.charging_participant import DOUBT_IS_OVER, INTENTS, StandingClock, Till
from tests.temporal_saga.fenced_participant import KEY, Ask
from tests.temporal_saga.schedules import Actor, Choose, Killed

FAULTS = [Wire.ANSWERED, Wire.UNANSWERED, Wire.LATE, Wire.UNSENT]

TOO_MANY_STEPS = 200


@dataclass
class Limits:
    """How much may happen in one story; beyond that, actors go on until they cannot."""

    switches: int = 0
    kills: int = 0
    faults: int = 0
    jumps: int = 0


@dataclass
class Story:
    """The charge, its deliveries, and who is there."""

    engine: sa.Engine
    kind: Kind
    choose: Choose
    limits: Limits
    clock: StandingClock = field(default_factory=StandingClock)
    actors: list[Actor] = field(default_factory=list)
    on_turn: Actor | None = None
    charged_too_late: bool = False
    steps: int = 0

    def __post_init__(self) -> None:
        """Open the till on an empty database."""
        self.bank = Bank(self.kind, wire=self._wire)
        self.till = Till(with_boundaries(self.engine, self._pause), self.bank, self.clock)
        self.till.lose_database()
        self.refunder: Actor | None = None

    def charges(self) -> None:
        """Deliver the charge once."""

        def charge() -> None:
            try:
                self.till.charge(Ask())
            except (StillInDoubt, FenceError, OSError):
                return

        self.actors.append(Actor(f"charge {len(self.actors)}", charge))

    def refunds(self) -> None:
        """Deliver the refund until it is done, by another process when one is killed."""

        def refund() -> None:
            while True:
                try:
                    self._refund_until_done()
                except Killed:
                    actor.is_dead = False
                else:
                    return

        self.refunder = actor = Actor("refund", refund)
        self.actors.append(actor)

    def play(self) -> None:
        """Let everybody do what there is to do."""
        for actor in self.actors:
            actor.start()
        while options := self._options():
            net = self.bank.net
            options[self.choose(len(options))]()
            self.steps += 1
            assert self.steps < TOO_MANY_STEPS, "the story has no end"
            if self.bank.net > net and self._is_no_doubt():
                self.charged_too_late = True
        self.on_turn = None
        self.bank.land()

    def charge_again(self) -> Charged:
        """Deliver the charge until it is answered, as a saga does."""
        while True:
            self.clock.at += DOUBT_IS_OVER
            self.bank.land()
            try:
                event = self.till.charge(Ask())
            except OSError:
                continue
            assert isinstance(event, Charged)
            return event

    def _refund_until_done(self) -> None:
        while True:
            try:
                self.till.refund(Ask().taken_back())
            except StillInDoubt:
                self._pause(sleeps=True)
            except OSError:
                continue
            else:
                return

    def _is_no_doubt(self) -> bool:
        """Tell whether limit and margin are over since the charge was shut out."""
        with self.engine.connect() as connection:
            shut_at = connection.scalar(sa.select(INTENTS.c.shut_at).where(INTENTS.c.key == KEY))
            is_over = timedelta(seconds=CALL_SECONDS + MARGIN_SECONDS)
            return shut_at is not None and self.clock.now(connection) - shut_at >= is_over

    def _options(self) -> list[Callable[[], None]]:
        """Return what may happen next."""
        awake = [actor for actor in self.actors if not actor.is_over and not actor.sleeps]
        asleep = [actor for actor in self.actors if not actor.is_over and actor.sleeps]
        options: list[Callable[[], None]] = []
        if self.on_turn is not None and self.on_turn in awake:
            options.append(self.on_turn.step)
            if self.limits.kills:
                options.append(self._kill)
        if self.on_turn not in awake or self.limits.switches:
            options += [
                partial(self._switch, actor) for actor in awake if actor is not self.on_turn
            ]
        if self.bank.on_the_way:
            options.append(self.bank.land)
        if (asleep and not awake) or ((awake or asleep) and self.limits.jumps):
            options.append(self._jump)
        return options

    def _switch(self, actor: Actor) -> None:
        if self.on_turn is not None and not self.on_turn.is_over and not self.on_turn.sleeps:
            self.limits.switches -= 1
        self.on_turn = actor
        actor.step()

    def _kill(self) -> None:
        assert self.on_turn is not None
        self.limits.kills -= 1
        self.on_turn.kill()

    def _jump(self) -> None:
        """Let so much time pass that every doubt is over."""
        self.limits.jumps = max(0, self.limits.jumps - 1)
        self.clock.at += DOUBT_IS_OVER
        for actor in self.actors:
            actor.sleeps = False

    def _pause(self, *, sleeps: bool = False) -> None:
        if self.on_turn is not None:
            self.on_turn.pause(sleeps=sleeps)

    def _wire(self, _name: str) -> Wire:
        """Wait for the turn, and choose what becomes of the request."""
        self._pause()
        if self.on_turn is None or not self.limits.faults:
            return Wire.ANSWERED
        mode = FAULTS[self.choose(len(FAULTS))]
        self.limits.faults -= mode is not Wire.ANSWERED
        return mode
