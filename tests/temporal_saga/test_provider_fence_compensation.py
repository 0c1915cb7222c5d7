"""`ProviderFence`, promise 3: a compensation asks the provider, and says when it is in doubt."""

import pytest
import sqlalchemy as sa

from temporal_saga.provider import NotYetKnown
from tests.temporal_saga.bank import Bank, Kind
from tests.temporal_saga.card_charge import MoneyBack
from tests.temporal_saga.charging_participant import DOUBT_IS_OVER, StandingClock, Till
from tests.temporal_saga.fenced_participant import KEY, Ask

BACK = Ask().taken_back()
BACK_KEY = BACK.idempotency_key


def test_3_a_compensation_takes_back_what_is_on_record(till: Till, bank: Bank) -> None:
    """The money goes back, and the participant's own rows say so."""
    till.charge(Ask())
    assert [till.refund(BACK) for _ in range(3)] == [MoneyBack(amount=7)] * 3
    assert (bank.net, till.receipts) == (0, [7, -7])
    assert till.outcomes == {KEY: "COMPENSATED", BACK_KEY: "APPLIED"}


def test_3_no_row_is_not_never_happened(till: Till, bank: Bank) -> None:
    """A database that lost its rows gives the money back all the same."""
    till.charge(Ask())
    till.lose_database()
    assert till.refund(BACK) == MoneyBack(amount=7)
    assert (bank.net, till.receipts) == (0, [])
    assert till.outcomes == {KEY: "TOMBSTONE", BACK_KEY: "APPLIED"}


def test_3_not_found_is_believed_when_no_call_can_be_under_way(
    till: Till, bank: Bank, clock: StandingClock
) -> None:
    """Until then a compensation is in doubt, and says when it will not be."""
    bank.kind = Kind.PLAIN
    with pytest.raises(NotYetKnown) as error_info:
        till.refund(BACK)
    assert error_info.value.retry_in_seconds == pytest.approx(DOUBT_IS_OVER - 1)
    clock.at = DOUBT_IS_OVER - 2
    with pytest.raises(NotYetKnown):
        till.refund(BACK)
    assert till.outcomes == {}
    clock.at = DOUBT_IS_OVER
    assert till.refund(BACK) == MoneyBack(amount=0)
    assert till.outcomes == {KEY: "TOMBSTONE", BACK_KEY: "APPLIED"}


@pytest.mark.parametrize("kind", [Kind.CLOSING, Kind.TWO_PHASE])
def test_3_a_provider_that_closes_keys_leaves_no_doubt(engine: sa.Engine, kind: Kind) -> None:
    """There a compensation of what never happened succeeds at once."""
    till = Till(engine, Bank(kind), StandingClock())
    till.create_tables()
    assert till.refund(BACK) == MoneyBack(amount=0)
    assert till.outcomes == {KEY: "TOMBSTONE", BACK_KEY: "APPLIED"}


def test_3_what_a_look_up_finds_late_is_taken_back(
    till: Till, bank: Bank, clock: StandingClock
) -> None:
    """A look-up that lies empty for a while leaves a doubt, not a charge."""
    till.charge(Ask())
    till.lose_database()
    bank.sees = False
    bank.kind = Kind.PLAIN
    for clock.at in (0.0, 10.0, 60.0):
        with pytest.raises(NotYetKnown):
            till.refund(BACK)
    bank.sees = True
    assert till.refund(BACK) == MoneyBack(amount=7)
    assert bank.net == 0


def test_3_what_is_on_record_as_done_is_never_believed_to_be_nothing(
    till: Till, bank: Bank, clock: StandingClock
) -> None:
    """A provider that does not know what it did is another account: a person must look."""
    till.charge(Ask())
    till.bank = Bank(Kind.PLAIN)
    for clock.at in (0.0, 1_000.0, 1_000_000.0):
        with pytest.raises(NotYetKnown):
            till.refund(BACK)
    till.bank = bank
    assert till.refund(BACK) == MoneyBack(amount=7)
    assert bank.net == 0


@pytest.mark.parametrize("verdict", ["DECLINED", "PENDING"])
def test_3_what_took_no_effect_can_take_none_after_its_compensation(
    till: Till, bank: Bank, verdict: str
) -> None:
    """A charge that its customer has not confirmed is canceled, and nobody can confirm it."""
    bank.verdict = verdict
    till.charge(Ask())
    assert till.refund(BACK) == MoneyBack(amount=0)
    bank.customer_acts()
    assert (bank.net, till.receipts) == (0, [])


def test_3_what_was_given_back_by_hand_is_not_given_back_twice(till: Till, bank: Bank) -> None:
    """What stands at the provider counts, not what is on record."""
    till.charge(Ask())
    bank.undo("ch_1", "by hand")
    assert till.refund(BACK) == MoneyBack(amount=7)
    assert bank.net == 0
