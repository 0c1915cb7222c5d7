"""The promises of `ProviderFence` to those who come one after the other."""

from typing import NoReturn

import pytest

from temporal_saga.fence import AlreadyCompensated, KeyReused, Refused
from temporal_saga.provider import OutOfTime
from tests.temporal_saga.bank import Bank, DisputeOpen, Wire
from tests.temporal_saga.card_charge import CardDeclined, Charged, CustomerMustAct, MoneyBack
from tests.temporal_saga.charging_participant import (
    CALL_IS_OVER,
    StandingClock,
    Till,
)
from tests.temporal_saga.fenced_participant import KEY, Ask

BACK = Ask().taken_back()
BACK_KEY = BACK.idempotency_key


# Promise 1: the same key twice.


def test_1_a_repeated_command_gets_the_recorded_answer_and_asks_nobody(
    till: Till, bank: Bank
) -> None:
    """The answer carries what only the bank knows; the second time it comes from the record."""
    first = till.charge(Ask())
    assert first == Charged(charge_id="ch_1", amount=7)
    requests = list(bank.requests)
    assert [till.charge(Ask()) for _ in range(3)] == [first] * 3
    assert bank.requests == requests
    assert (bank.net, till.receipts) == (7, [7])


def test_1_another_key_is_another_charge(till: Till, bank: Bank) -> None:
    """Two keys are two charges, also when they ask for the same."""
    till.charge(Ask(idempotency_key="saga-1/Put"))
    till.charge(Ask(idempotency_key="saga-2/Put"))
    assert (bank.net, till.receipts) == (14, [7, 7])


def test_1_a_refusal_of_the_provider_stands(till: Till, bank: Bank) -> None:
    """A decline is recorded as a refusal, and the same command is declined for good."""
    bank.verdict = "DECLINED"
    assert till.charge(Ask()) == CardDeclined()
    bank.verdict = "CHARGED"
    assert till.charge(Ask()) == CardDeclined()
    assert (bank.net, till.receipts, till.outcomes) == (0, [], {KEY: "REFUSED"})


def test_1_what_waits_for_a_customer_is_no_outcome(till: Till, bank: Bank) -> None:
    """It is answered as often as the command comes, and then the command gets its event."""
    bank.verdict = "PENDING"
    assert [till.charge(Ask()) for _ in range(2)] == [CustomerMustAct(charge_id="ch_1")] * 2
    assert (bank.net, till.receipts, till.outcomes) == (0, [], {})
    bank.customer_acts()
    assert till.charge(Ask()) == Charged(charge_id="ch_1", amount=7)
    assert (bank.net, till.receipts) == (7, [7])


def test_1_the_provider_is_asked_before_it_is_called_again(till: Till, bank: Bank) -> None:
    """What happened already is recorded, and nothing is sent that could happen again."""
    till.charge(Ask())
    till.lose_database()
    bank.forget_keys()  # the bank would charge again
    assert till.charge(Ask()) == Charged(charge_id="ch_1", amount=7)
    assert (bank.net, till.receipts) == (7, [7])


# Promise 2: the same key with another payload.


def test_2_another_payload_under_the_same_key_is_an_error_without_effect(
    till: Till, bank: Bank
) -> None:
    """Nobody asks the bank for what belongs to another command."""
    till.charge(Ask(count=7))
    requests = list(bank.requests)
    with pytest.raises(KeyReused):
        till.charge(Ask(count=8))
    assert bank.requests == requests


def test_2_another_payload_of_what_has_no_outcome_yet_is_an_error(till: Till, bank: Bank) -> None:
    """The key is the first command's from its intent on."""
    bank.verdict = "PENDING"
    till.charge(Ask(count=7))
    requests = list(bank.requests)
    with pytest.raises(KeyReused):
        till.charge(Ask(count=8))
    assert bank.requests == requests


def test_2_another_payload_of_a_compensation_is_an_error(till: Till, bank: Bank) -> None:
    """A compensation's key, too, belongs to its first payload."""
    till.charge(Ask())
    till.refund(BACK)
    requests = list(bank.requests)
    with pytest.raises(KeyReused):
        till.refund(Ask(count=8).taken_back())
    assert bank.requests == requests


# Promise 4: the forward command after its compensation.


def test_4_a_command_after_its_compensation_calls_nobody(
    till: Till, bank: Bank, clock: StandingClock
) -> None:
    """Whether it had taken effect or not, it is too late now."""
    till.charge(Ask())
    till.refund(BACK)
    requests = list(bank.requests)
    for _ in range(2):
        with pytest.raises(AlreadyCompensated):
            till.charge(Ask())
    assert bank.requests == requests
    assert bank.net == 0
    assert clock.at == 0


@pytest.mark.parametrize("was_charged", [True, False])
def test_4_a_command_is_too_late_as_soon_as_its_compensation_has_begun(
    till: Till, bank: Bank, was_charged: bool
) -> None:
    """Its success on record is none any more, though the money is still there."""
    if was_charged:
        till.charge(Ask())
    bank.wire = _down
    with pytest.raises(ConnectionError):
        till.refund(BACK)
    bank.wire = Bank.wire
    for _ in range(2):
        with pytest.raises(AlreadyCompensated):
            till.charge(Ask())


def test_4_a_refusal_stands_after_its_compensation(till: Till, bank: Bank) -> None:
    """There was nothing to take back, and the answer is the one that was given."""
    bank.verdict = "DECLINED"
    till.charge(Ask())
    till.refund(BACK)
    assert till.charge(Ask()) == CardDeclined()


def test_4_the_provider_may_be_the_only_one_who_knows(till: Till, bank: Bank) -> None:
    """A database that lost its rows does not charge again what was given back."""
    till.charge(Ask())
    till.refund(BACK)
    till.lose_database()
    bank.forget_keys()
    for _ in range(2):
        with pytest.raises(AlreadyCompensated):
            till.charge(Ask())
    assert (bank.net, len(bank.charges)) == (0, 1)


# Promise 6: a refused compensation is not remembered.


def test_6_a_refused_compensation_leaves_no_trace_and_may_be_asked_again(
    till: Till, bank: Bank
) -> None:
    """The charge stands, is told as such, and can be given back later, by another payload too."""
    event = till.charge(Ask())
    bank.refunds = False
    for _ in range(2):
        with pytest.raises(Refused) as error_info:
            till.refund(BACK)
        assert error_info.value.answer == DisputeOpen()
    assert till.charge(Ask()) == event
    assert (bank.net, till.receipts, till.outcomes) == (7, [7], {KEY: "APPLIED"})
    bank.refunds = True
    assert till.refund(Ask(count=8).taken_back()) == MoneyBack(amount=7)
    assert (bank.net, till.receipts) == (0, [7, -7])


def test_6_a_command_may_come_after_a_refused_compensation(till: Till, bank: Bank) -> None:
    """What the bank would not give back is recorded when its command comes again."""
    till.charge(Ask())
    till.lose_database()
    bank.refunds = False
    with pytest.raises(Refused):
        till.refund(BACK)
    assert till.charge(Ask()) == Charged(charge_id="ch_1", amount=7)
    assert (bank.net, till.receipts) == (7, [7])


# The time of a call.


def test_a_call_has_a_limit(till: Till, bank: Bank, clock: StandingClock) -> None:
    """Whoever has waited too long for the look-up does not call any more."""

    def is_slow(name: str) -> Wire:
        clock.at += CALL_IS_OVER
        return Bank.wire(name)

    bank.wire = is_slow
    with pytest.raises(OutOfTime):
        till.charge(Ask())
    assert bank.requests == ["find"]


def _down(_name: str) -> NoReturn:
    raise ConnectionRefusedError
