"""The idempotent consumer of a participant whose effects are at a provider, which it calls.

No transaction spans a provider, so here a command is two of them with a call between: the intent is
committed (`intents.py`); the provider is asked, and called if it knows of nothing (`provider.py`);
the outcome is recorded in the fence's table, together with the participant's own rows.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import sqlalchemy as sa

from temporal_saga.database import open_with
from temporal_saga.fence_errors import AlreadyCompensated, Refused
from temporal_saga.fence_record import FenceRecord
from temporal_saga.fence_table import Command, fence_table
from temporal_saga.intents import CALL_SECONDS, MARGIN_SECONDS, Clock, Intents, intent_table
from temporal_saga.keys import compensated_key
from temporal_saga.provider import (
    B,
    Declined,
    Done,
    E,
    EffectAtProvider,
    Intent,
    NotYetKnown,
    Outcome,
    P,
    Pending,
    Prepared,
    R,
    TakenBack,
)
from temporal_saga.provider_words import ProviderWords


class ProviderFence(ProviderWords):
    """Takes each command once at its provider; the promises are those of `Fence`.

    1. The same key twice: the second call gets the first's recorded answer, a refusal included. As
       long as none is recorded, the provider is asked before it is called again.
    2. The same key with another payload: `KeyReused`, no effect.
    3. A compensation asks the provider, whatever is on record here. Of something that never
       happened it succeeds, and leaves a tombstone; but it believes that only when no call can be
       under way any more, and raises `NotYetKnown` until then.
    4. The forward command after its compensation began: `AlreadyCompensated`. A call that was under
       way then is not recorded, and what it did is taken back by whoever learns of it first.
    5. Two at once: one calls; the other raises `CallUnderWay`, and gets the answer when it is sent
       again. Nobody calls when the time is over that the intent gives.
    6. A refused compensation is not remembered: it did nothing and may be asked again.

    One thing only the provider can prevent. A worker, or its request, may stand still for longer
    than `call_seconds` and `margin_seconds`; if the call takes effect then, after the compensation
    ended, and the worker dies before it takes that back, it stays. Two phases (`Prepared`) prevent
    it, and a `take_back` that closes a key of which nothing is known.

    What a participant says of its provider is a class with the methods of `Effect`: handed an
    `Intent`, they say how it stands. These and the words for that are members of this class.

    Units: times are in seconds; one delivery has `call_seconds` for its calls.
    Errors: `FenceError`; every other one says to send the command again, as `StillInDoubt` does.
    Source: B. Leach, *Designing robust and predictable APIs with idempotency* (Stripe, 2017).
    """

    table = staticmethod(intent_table)

    @classmethod
    def open(cls, url: str, *tables: sa.Table, call_seconds: float = CALL_SECONDS) -> Self:
        """Open a database, and create what it lacks of these tables and the fence's two."""
        own = sa.MetaData()
        fence = fence_table(own)
        intents = intent_table(own)
        return cls(open_with(url, fence, *tables), fence, intents, call_seconds=call_seconds)

    def __init__(
        self,
        engine: sa.Engine,
        fence: sa.Table,
        intents: sa.Table,
        *,
        call_seconds: float = CALL_SECONDS,
        margin_seconds: float = MARGIN_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        """Guard `engine` by a `Fence.table` and a `table` of this class, in its database."""
        self._engine = engine
        self._record = FenceRecord(engine, fence)
        self._intents = Intents(engine, intents, clock or Clock(), call_seconds)
        self._doubt_seconds = call_seconds + margin_seconds

    def forward(
        self,
        command: Command,
        provider: EffectAtProvider[E, R, P, B],
        event: type[E],
        refusal: type[R],
        effect: Callable[[sa.Connection, E], None],
    ) -> E | R | P:
        """Let a command take effect once at its provider; return its answer, also to a duplicate.

        Args:
            command: what to do; its key and fingerprint tell whether it was done before.
            provider: does it.
            event: the type of what is answered when it is done.
            refusal: the type of what the provider may refuse with.
            effect: writes the participant's own rows, in the transaction that records the event.

        Returns:
            The event, the refusal, or what the provider is waiting for: then the outcome is open,
            and the command is to be sent again.

        Raises:
            KeyReused: the key names another command.
            AlreadyCompensated: the compensation came first, or the provider says so.
            StillInDoubt: send it again.
            Exception: whatever `provider` raised: send it again.
        """
        ends_at = self._intents.ends_at()
        with self._engine.begin() as connection:
            answer = self._record.answer(connection, command, event, refusal)
            if isinstance(answer, event):
                self._intents.check_open(connection, command.idempotency_key)
            if answer is not None:
                return answer
            intent = self._intents.claim(connection, command, ends_at)
        with self._intents.released_on_error(intent.key, intent):
            outcome = self._ask(provider, intent)
            with self._engine.begin() as connection:
                is_open = self._intents.end(connection, intent, outcome.reference)
                if is_open and isinstance(outcome, Pending):
                    return outcome.answer
                if is_open and isinstance(outcome, Done | Declined):
                    answer = self._record.answer(connection, command, event, refusal)
                    if answer is not None:
                        return answer
                    self._record.put(connection, command, outcome)
                    if isinstance(outcome, Done):
                        effect(connection, outcome.answer)
                    return outcome.answer
            raise self._leave_nothing(provider, intent, outcome)

    def compensate(
        self,
        command: Command,
        provider: EffectAtProvider[E, R, P, B],
        nothing: B,
        effect: Callable[[sa.Connection, bool, B], None],
    ) -> B:
        """Take back what the forward command did at the provider, and shut that command out.

        Args:
            command: the compensation; its key is the forward command's with `/compensation`.
            provider: takes it back, or refuses to.
            nothing: what to answer when there was nothing to take back.
            effect: writes the participant's own rows, in the transaction that records the answer.
                It gets the connection, whether `forward` had recorded its event, and with it what
                its effect wrote, and the answer.

        Raises:
            KeyReused: the key names another compensation.
            Refused: the provider refused.
            StillInDoubt: send it again.
            Exception: whatever `provider` raised: send it again.
        """
        ends_at = self._intents.ends_at()
        key = compensated_key(command.idempotency_key)
        with self._engine.begin() as connection:
            # The forward key first, as everywhere: two that meet never deadlock.
            shut_row = self._intents.shut(connection, key)
            answer = self._record.answer(connection, command, type(nothing), type(nothing))
            if answer is not None and shut_row.late_at is None:
                return answer
            claim = self._intents.claim(connection, command, ends_at)
            doubt_seconds = self._doubt_of_nothing(connection, shut_row)
        intent = replace(claim, key=key, reference=shut_row.reference, attempt=shut_row.attempts)
        with self._intents.released_on_error(command.idempotency_key, claim):
            event = self._take_back(command, provider, intent)
            if event is None and doubt_seconds > 0:
                raise NotYetKnown(key, doubt_seconds)
            event = nothing if event is None else event
            with self._engine.begin() as connection:
                if not self._intents.forget_late(connection, shut_row):
                    raise NotYetKnown(key)
                self._intents.release(connection, command.idempotency_key, claim)
                answer = self._record.answer(connection, command, type(nothing), type(nothing))
                if answer is not None:
                    return answer
                was_on_record = self._record.put_compensation(connection, command, event)
                effect(connection, was_on_record, event)
                return event

    def _ask(
        self, provider: EffectAtProvider[E, R, P, B], intent: Intent
    ) -> Pending[P] | Done[E] | Declined[R] | TakenBack:
        """Find out what became of the command, and call if the provider knows of nothing."""
        outcome = provider.look_up(intent)
        if outcome is None:
            outcome = provider.call(intent.in_time())
        if not isinstance(outcome, Prepared):
            return outcome
        with self._engine.begin() as connection:
            is_open = self._intents.refer(connection, intent, outcome.reference)
        if not is_open:
            raise self._leave_nothing(provider, intent, outcome)
        outcome = provider.call(replace(intent.in_time(), reference=outcome.reference))
        if isinstance(outcome, Prepared):
            message = f"{intent.key}: to confirm {outcome.reference} changed nothing"
            raise RuntimeError(message)  # noqa: TRY004  # a defect of the provider's class
        return outcome

    def _take_back(
        self, command: Command, provider: EffectAtProvider[E, R, P, B], intent: Intent
    ) -> B | None:
        """Ask, whatever is on record, and take back what is there; None when nothing is."""
        try:
            outcome = provider.look_up(intent)
            answer = provider.take_back(intent, outcome)
        except Refused:
            with self._engine.begin() as connection:
                self._intents.reopen(connection, command.idempotency_key, intent)
            raise
        if answer is None and outcome is not None:
            raise NotYetKnown(intent.key)
        return answer

    def _leave_nothing(
        self, provider: EffectAtProvider[E, R, P, B], intent: Intent, outcome: Outcome[P, E, R]
    ) -> AlreadyCompensated:
        """Take back what a call did that ended after the compensation began; return what to raise.

        Raises:
            Exception: it is still there. The compensation takes it back, also when it is repeated.
        """
        is_there = not isinstance(outcome, Declined | TakenBack)
        with self._engine.begin() as connection:
            row = self._intents.shut(connection, intent.key, outcome.reference, late=is_there)
        if is_there:
            intent = replace(intent, ends_at=self._intents.ends_at())
            if provider.take_back(intent, outcome) is None:
                raise NotYetKnown(intent.key)
            with self._engine.begin() as connection:
                self._intents.forget_late(connection, row)
        return AlreadyCompensated(intent.key)

    def _doubt_of_nothing(self, connection: sa.Connection, shut_row: sa.Row[Any]) -> float:
        """Return for how many seconds from now on "nothing is there" is not believed."""
        if self._record.is_applied(connection, shut_row.key):
            return self._doubt_seconds  # the provider forgot it, or this is another account
        return self._doubt_seconds - self._intents.seconds_since_shut(connection, shut_row)
