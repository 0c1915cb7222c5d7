"""P1, the invariant of intents: an honest till keeps it, and what is corrupted is told."""

from contextlib import suppress
from functools import partial
from itertools import product

import pytest
import sqlalchemy as sa

from operations.audit.invariants import OF_THE_FENCE, Invariant, _parse, snapshot, violations
from temporal_saga.provider import NotYetKnown
from tests.temporal_saga.bank import Bank, Kind, Wire
from tests.temporal_saga.card_charge import MoneyBack
from tests.temporal_saga.charging_participant import DOUBT_IS_OVER, StandingClock, Till
from tests.temporal_saga.fenced_participant import KEY, Ask

OF_PROVIDERS = OF_THE_FENCE.parent / "provider_invariants"
OTHER = Ask(idempotency_key="saga-2/Put")


def invariants() -> list[Invariant]:
    """Return what holds in the database of every participant of a provider."""
    paths = [*OF_THE_FENCE.glob("*.sql"), *OF_PROVIDERS.glob("*.sql")]
    return [_parse(path.read_text()) for path in sorted(paths)]


def problems(engine: sa.Engine) -> list[str]:
    """Return what is wrong."""
    with snapshot(engine) as connection:
        return [
            f"{invariant.id} {line.partition(':')[0]}"
            for invariant in invariants()
            for line in violations(connection, invariant)
        ]


@pytest.fixture
def bank() -> Bank:
    """Give a bank that does not help."""
    return Bank(Kind.PLAIN)


@pytest.fixture
def till(till: Till) -> Till:
    """Give a till with a charge that was refunded."""
    till.charge(Ask())
    till.refund(Ask().taken_back())
    return till


def test_an_honest_till_breaks_no_invariant(till: Till, bank: Bank) -> None:
    """Charges that were made, declined, refunded, are pending, in doubt or never came."""
    ways = product(["CHARGED", "DECLINED", "PENDING"], Wire)
    for number, (verdict, mode) in enumerate(ways):
        command = Ask(idempotency_key=f"saga-{number + 2}/Put")
        bank.verdict = verdict
        bank.wire = partial(of_a_creation, mode)
        with suppress(OSError):
            till.charge(command)
        assert problems(till.engine) == []
        with suppress(NotYetKnown):
            till.refund(command.taken_back())
        assert problems(till.engine) == []
    assert set(till.outcomes.values()) == {"APPLIED", "COMPENSATED", "REFUSED", "TOMBSTONE"}


def of_a_creation(mode: Wire, name: str) -> Wire:
    """Return what becomes of a request, if it creates a charge; all others are answered."""
    return mode if name == "create" else Wire.ANSWERED


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            f"UPDATE intents SET late_at = shut_at WHERE key = '{KEY}'",
            "P1 a call ended after its compensation, and what it did is not taken back",
        ),
        (
            f"UPDATE intents SET shut_at = NULL WHERE key = '{KEY}'",
            "P1 a compensation did not shut out the calls of its command",
        ),
        (
            f"DELETE FROM fence WHERE key = '{KEY}'",
            "P1 an intent was compensated, and has no outcome",
        ),
    ],
    ids=["late", "open", "no outcome"],
)
def test_what_is_corrupted_is_told(till: Till, statement: str, problem: str) -> None:
    """Each query finds something."""
    assert problems(till.engine) == []
    with till.engine.begin() as connection:
        connection.execute(sa.text(statement))
    assert problem in problems(till.engine)


def test_a_charge_that_came_too_late_is_told_until_it_is_taken_back(
    till: Till, bank: Bank, clock: StandingClock
) -> None:
    """The process that learns of it writes it down first; the refund, repeated, takes it back."""
    back = OTHER.taken_back()

    def stand_still(name: str) -> Wire:
        if name == "create":
            bank.wire = lambda name: Wire.UNSENT if name.startswith("undo") else Wire.ANSWERED
            with pytest.raises(NotYetKnown):
                till.refund(back)
            clock.at += DOUBT_IS_OVER
            assert till.refund(back) == MoneyBack(amount=0)
        return Wire.ANSWERED

    bank.wire = stand_still
    with pytest.raises(ConnectionRefusedError):
        till.charge(OTHER)
    assert bank.net == 7
    assert problems(till.engine) == [
        "P1 a call ended after its compensation, and what it did is not taken back"
    ]
    bank.wire = Bank.wire
    assert [till.refund(back) for _ in range(2)] == [MoneyBack(amount=0)] * 2
    assert bank.net == 0
    assert problems(till.engine) == []
