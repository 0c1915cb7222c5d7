"""`ProviderFence`, promise 5: of those who come at once, one calls the provider."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from temporal_saga.fence import AlreadyCompensated, KeyReused
from temporal_saga.provider import CallUnderWay, NotYetKnown, StillInDoubt
from tests.concurrency import at_once
from tests.temporal_saga.bank import Bank, Kind, Wire
from tests.temporal_saga.boundaries import BoundedBank
from tests.temporal_saga.card_charge import Charged, MoneyBack
from tests.temporal_saga.charging_participant import (
    CALL_IS_OVER,
    DOUBT_IS_OVER,
    StandingClock,
    Till,
)
from tests.temporal_saga.fenced_participant import Ask

RIVALS = 8
ROUNDS = 10
WAIT_SECONDS = 30
BACK = Ask().taken_back()
OF_THE_CHARGE_AND_TWO_REFUNDS = 3
PAUSE_SECONDS = 0.02


class HeldRequest:
    """Holds the first request of a name until it is let go; all others are answered."""

    def __init__(self, bank: Bank, name: str) -> None:
        self._name = name
        self._is_there = threading.Event()
        self._may_go = threading.Event()
        bank.wire = self._hold

    def wait(self) -> None:
        """Wait until it is there."""
        assert self._is_there.wait(WAIT_SECONDS)

    def let_go(self) -> None:
        """Let it take effect."""
        self._may_go.set()

    def _hold(self, name: str) -> Wire:
        if name == self._name and not self._is_there.is_set():
            self._is_there.set()
            assert self._may_go.wait(WAIT_SECONDS)
        return Wire.ANSWERED


def until_known(act: Callable[[Ask], Any], command: Ask) -> Any:
    """Deliver a command until its outcome is known."""
    while True:
        try:
            return act(command)
        except StillInDoubt as error:
            time.sleep(min(error.retry_in_seconds, PAUSE_SECONDS))
        except (AlreadyCompensated, KeyReused) as error:
            return type(error)


def test_5_while_one_calls_another_does_not(till: Till, bank: Bank) -> None:
    """The second delivery is told to come again, and then it gets the first one's answer."""
    with ThreadPoolExecutor() as pool:
        request = HeldRequest(bank, "create")
        first = pool.submit(till.charge, Ask())
        request.wait()
        with pytest.raises(CallUnderWay):
            till.charge(Ask())
        request.let_go()
        event = first.result()
    assert till.charge(Ask()) == event
    assert bank.requests.count("create") == 1


def test_5_many_at_once_are_one_charge(engine: sa.Engine, bank: Bank) -> None:
    """However many deliver a command at once: one call, one receipt, one answer."""
    till = Till(engine, bank)
    till.create_tables()
    answers = at_once([lambda: until_known(till.charge, Ask())] * RIVALS)
    assert answers == [Charged(charge_id="ch_1", amount=7)] * RIVALS
    assert bank.requests.count("create") == 1
    assert till.receipts == [7]


def test_5_many_refunds_at_once_are_one(engine: sa.Engine, bank: Bank) -> None:
    """However many deliver a compensation at once: one refund, one receipt, one answer."""
    till = Till(engine, bank)
    till.create_tables()
    till.charge(Ask())
    answers = at_once([lambda: until_known(till.refund, BACK)] * RIVALS)
    assert answers == [MoneyBack(amount=7)] * RIVALS
    assert len([name for name in bank.requests if name.startswith("undo")]) == 1
    assert till.receipts == [7, -7]


def test_5_of_different_payloads_at_once_one_calls(engine: sa.Engine, bank: Bank) -> None:
    """The key belongs to whoever commits the first intent."""
    till = Till(engine, bank)
    till.create_tables()
    answers = at_once(
        [partial(until_known, till.charge, Ask(count=count)) for count in range(1, RIVALS + 1)]
    )
    assert answers.count(KeyReused) == RIVALS - 1
    assert [bank.net] == till.receipts


def test_5_a_refund_while_the_charge_is_on_its_way_is_in_doubt(engine: sa.Engine) -> None:
    """And the charge, when it has come, takes itself back: it is too late."""
    till = Till(engine, Bank(Kind.PLAIN), StandingClock())
    till.create_tables()
    with ThreadPoolExecutor() as pool:
        request = HeldRequest(till.bank, "create")
        charge = pool.submit(till.charge, Ask())
        request.wait()
        with pytest.raises(NotYetKnown):
            till.refund(BACK)
        request.let_go()
        assert isinstance(charge.exception(), AlreadyCompensated)
    assert (till.bank.net, till.receipts) == (0, [])
    assert till.refund(BACK) == MoneyBack(amount=7)


@pytest.mark.parametrize("kind", [Kind.CLOSING, Kind.TWO_PHASE])
def test_5_a_closed_key_stops_the_charge_that_is_on_its_way(engine: sa.Engine, kind: Kind) -> None:
    """The refund ends at once, and what comes later has no effect."""
    till = Till(engine, Bank(kind), StandingClock())
    till.create_tables()
    with ThreadPoolExecutor() as pool:
        request = HeldRequest(till.bank, "create")
        charge = pool.submit(till.charge, Ask())
        request.wait()
        assert till.refund(BACK) == MoneyBack(amount=0)
        request.let_go()
        assert isinstance(charge.exception(), AlreadyCompensated | ConnectionRefusedError)
    assert (till.bank.net, till.receipts) == (0, [])
    with pytest.raises(AlreadyCompensated):
        till.charge(Ask())


def test_5_a_prepared_charge_that_was_canceled_cannot_be_confirmed(engine: sa.Engine) -> None:
    """Its reference is on record before it is confirmed: the refund cancels it by that."""
    till = Till(engine, Bank(Kind.TWO_PHASE), StandingClock())
    till.create_tables()
    with ThreadPoolExecutor() as pool:
        request = HeldRequest(till.bank, "confirm")
        charge = pool.submit(till.charge, Ask())
        request.wait()
        till.bank.sees = False
        till.bank.forget_keys()
        assert till.refund(BACK) == MoneyBack(amount=0)
        request.let_go()
        assert isinstance(charge.exception(), ConnectionRefusedError)
    assert [charge.status for charge in till.bank.charges.values()] == ["CANCELED"]


def test_5_nothing_stands_after_a_refund_that_raced_its_charge(
    engine: sa.Engine, bank: Bank
) -> None:
    """When both are delivered at once, each several times, charge and refund are even."""
    till = Till(engine, bank, call_seconds=0.1, margin_seconds=0.05)
    till.create_tables()
    for number in range(ROUNDS):
        command = Ask(idempotency_key=f"saga-{number}/Put")
        charge = partial(until_known, till.charge, command)
        refund = partial(until_known, till.refund, command.taken_back())
        answers = at_once([charge, refund] * 2)
        assert answers[1] == answers[3]
        assert isinstance(answers[1], MoneyBack)
        assert until_known(till.charge, command) is AlreadyCompensated
        assert (bank.net, sum(till.receipts)) == (0, 0)


def test_5_of_two_prepared_charges_one_is_confirmed(engine: sa.Engine) -> None:
    """A delivery whose time was over does not confirm what it made: another one has called."""
    clock = StandingClock()
    till = Till(engine, Bank(Kind.TWO_PHASE), clock)
    till.create_tables()
    with ThreadPoolExecutor() as pool:
        request = HeldRequest(till.bank, "create")
        slow_charge = pool.submit(till.charge, Ask())
        request.wait()
        clock.at += CALL_IS_OVER
        event = till.charge(Ask())
        till.bank.forget_keys()
        request.let_go()
        assert isinstance(slow_charge.exception(), CallUnderWay)
    assert [charge.status for charge in till.bank.charges.values()] == ["CHARGED", "PREPARED"]
    assert till.charge(Ask()) == event
    assert till.refund(BACK) == MoneyBack(amount=7)
    assert till.bank.net == 0


def test_5_a_refund_that_found_nothing_is_stopped_by_a_charge_that_came_meanwhile(
    engine: sa.Engine,
) -> None:
    """What is noted as late between its look-up and its end, the next refund takes back."""
    clock = StandingClock()
    bank = BoundedBank(Kind.PLAIN)
    bank.boundary = lambda: None
    till = Till(engine, bank, clock)
    till.create_tables()
    with ThreadPoolExecutor() as pool:
        request = HeldRequest(bank, "create")
        charge = pool.submit(till.charge, Ask())
        request.wait()
        with pytest.raises(NotYetKnown):
            till.refund(BACK)
        clock.at += DOUBT_IS_OVER

        def let_the_charge_come() -> None:
            if bank.requests.count("find") == OF_THE_CHARGE_AND_TWO_REFUNDS and not charge.done():
                bank.wire = lambda name: Wire.UNSENT if name.startswith("undo") else Wire.ANSWERED
                request.let_go()
                assert isinstance(charge.exception(), ConnectionRefusedError)

        bank.boundary = in_this_thread(let_the_charge_come)
        with pytest.raises(NotYetKnown):
            till.refund(BACK)
    assert (bank.net, till.outcomes) == (7, {})
    bank.wire = Bank.wire
    assert till.refund(BACK) == MoneyBack(amount=7)
    assert bank.net == 0


def in_this_thread(act: Callable[[], None]) -> Callable[[], None]:
    """Return what acts in the thread that calls this, and does nothing in others."""
    thread = threading.get_ident()

    def act_here() -> None:
        if threading.get_ident() == thread:
            act()

    return act_here
