"""`ProviderFence` on both databases when something goes wrong at any one point of a command."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from temporal_saga.fence import AlreadyCompensated, FenceError
from temporal_saga.intents import CALL_SECONDS
from temporal_saga.provider import CallUnderWay, StillInDoubt
from tests.temporal_saga.bank import Kind, Wire
from tests.temporal_saga.boundaries import BoundedBank, with_boundaries
from tests.temporal_saga.card_charge import CardDeclined, Charged, MoneyBack
from tests.temporal_saga.charging_participant import (
    CALL_IS_OVER,
    StandingClock,
    Till,
)
from tests.temporal_saga.fenced_participant import Ask
from tests.temporal_saga.schedules import Killed


class Boundaries:
    """Counts where a process can be killed, and kills it at one of them."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.was_fatal = False

    def __call__(self) -> None:
        """Pass one."""
        if self.left is None:
            return
        if self.left == 0:
            self.left = None
            self.was_fatal = True
            raise Killed
        self.left -= 1


class Life:
    """A till that is killed at one boundary, and its bank, which is not."""

    def __init__(self, engine: sa.Engine, kind: Kind, verdict: str = "CHARGED") -> None:
        self.clock = StandingClock()
        self.boundaries = Boundaries()
        self.bank = BoundedBank(kind, verdict)
        self.bank.boundary = self.boundaries
        mortal_engine = with_boundaries(engine, self.boundaries, self.boundaries)
        self.till = Till(mortal_engine, self.bank, self.clock)
        self.till.create_tables()
        self.till.lose_database()

    def was_killed(self, act: Callable[[Ask], object], command: Ask, fatal: int) -> bool:
        """Do something, and be killed at the boundary of this number, if there is one."""
        self.boundaries.left = fatal
        with suppress(Killed):
            self.until_done(act, command)
        self.boundaries.left = None
        return self.boundaries.was_fatal

    def until_done(self, act: Callable[[Ask], Any], command: Ask) -> Any:
        """Do it until it answers, or is turned away, while time passes."""
        while True:
            try:
                return act(command)
            except StillInDoubt as error:
                self.clock.at += error.retry_in_seconds
                self.bank.land()
            except OSError:
                self.clock.at += CALL_IS_OVER
                self.bank.land()
            except FenceError as error:
                return type(error)


KINDS = pytest.mark.parametrize("kind", Kind)
BACK = Ask().taken_back()


@KINDS
def test_a_charge_killed_anywhere_is_made_once_when_it_is_repeated(
    engine: sa.Engine, kind: Kind
) -> None:
    """Before and after each transaction and each request: one charge, one receipt, one answer."""
    for fatal in count():
        life = Life(engine, kind)
        if not life.was_killed(life.till.charge, Ask(), fatal):
            break
        assert life.until_done(life.till.charge, Ask()) == Charged(charge_id="ch_1", amount=7)
        assert (life.bank.net, life.till.receipts) == (7, [7]), fatal
    assert fatal >= 8


@KINDS
@pytest.mark.parametrize("verdict", ["CHARGED", "DECLINED", "PENDING"])
def test_a_charge_killed_anywhere_leaves_nothing_after_its_refund(
    engine: sa.Engine, kind: Kind, verdict: str
) -> None:
    """The refund finds it, whatever the bank said to it."""
    for fatal in count():
        life = Life(engine, kind, verdict)
        if not life.was_killed(life.till.charge, Ask(), fatal):
            break
        assert isinstance(life.until_done(life.till.refund, BACK), MoneyBack)
        life.bank.customer_acts()
        assert life.until_done(life.till.charge, Ask()) in (AlreadyCompensated, CardDeclined())
        assert (life.bank.net, sum(life.till.receipts)) == (0, 0), fatal
    assert fatal >= 8


@KINDS
@pytest.mark.parametrize("was_charged", [True, False])
def test_a_refund_killed_anywhere_is_made_once_when_it_is_repeated(
    engine: sa.Engine, kind: Kind, was_charged: bool
) -> None:
    """One refund, one receipt; and the charge is shut out from the first commit on."""
    for fatal in count():
        life = Life(engine, kind)
        if was_charged:
            life.till.charge(Ask())
        if not life.was_killed(life.till.refund, BACK, fatal):
            break
        if fatal > 0:
            assert life.until_done(life.till.charge, Ask()) is AlreadyCompensated
        back = life.until_done(life.till.refund, BACK)
        assert back == MoneyBack(amount=7 if was_charged else 0)
        assert life.till.receipts == ([7, -7] if was_charged else [])
        assert life.bank.net == 0, fatal
    assert fatal >= 6


@KINDS
@pytest.mark.parametrize("mode", [Wire.UNANSWERED, Wire.LATE, Wire.UNSENT])
@pytest.mark.parametrize("then", ["charge", "refund"])
def test_a_request_that_is_not_answered_is_cleared_up(
    engine: sa.Engine, kind: Kind, mode: Wire, then: str
) -> None:
    """Whichever request of the charge it is, the next command finds out what became of it."""
    for number in count():
        life = Life(engine, kind)
        life.bank.wire = One(number, mode)
        try:
            life.till.charge(Ask())
        except OSError:
            assert life.till.outcomes == {}
        else:
            break
        if then == "charge":
            assert life.until_done(life.till.charge, Ask()) == Charged(charge_id="ch_1", amount=7)
            assert (life.bank.net, life.till.receipts) == (7, [7])
        else:
            assert isinstance(life.until_done(life.till.refund, BACK), MoneyBack)
            life.bank.land()
            assert (life.bank.net, life.till.receipts) == (0, [])
    assert number >= 2


@KINDS
@pytest.mark.parametrize("mode", [Wire.UNANSWERED, Wire.LATE, Wire.UNSENT])
def test_a_refund_that_is_not_answered_is_repeated(
    engine: sa.Engine, kind: Kind, mode: Wire
) -> None:
    """However often it is sent, the money goes back once."""
    for number in count():
        life = Life(engine, kind)
        life.till.charge(Ask())
        life.bank.wire = One(number, mode)
        try:
            life.till.refund(BACK)
        except OSError:
            pass
        else:
            break
        assert life.until_done(life.till.refund, BACK) == MoneyBack(amount=7)
        assert (life.bank.net, life.till.receipts) == (0, [7, -7])
    assert number >= 2


class One:
    """What becomes of the request of one number; all others are answered."""

    def __init__(self, number: int, mode: Wire) -> None:
        self._left = number
        self._mode = mode

    def __call__(self, _name: str) -> Wire:
        """Decide of the next request."""
        self._left -= 1
        return self._mode if self._left == -1 else Wire.ANSWERED


def test_whoever_comes_right_after_a_kill_waits_until_the_call_has_ended(
    engine: sa.Engine,
) -> None:
    """The dead process may have a request on its way; another one calls when its time is over."""
    life = Life(engine, Kind.PLAIN)
    assert life.was_killed(life.till.charge, Ask(), 4)
    with pytest.raises(CallUnderWay) as error_info:
        life.till.charge(Ask())
    assert error_info.value.retry_in_seconds == CALL_SECONDS
    life.clock.at = CALL_SECONDS
    assert isinstance(life.till.charge(Ask()), Charged)


def test_whoever_comes_after_an_error_calls_at_once(engine: sa.Engine) -> None:
    """A delivery that lived to see its call fail holds nobody up."""
    life = Life(engine, Kind.PLAIN)
    life.bank.wire = One(1, Wire.UNSENT)
    with pytest.raises(ConnectionRefusedError):
        life.till.charge(Ask())
    assert isinstance(life.till.charge(Ask()), Charged)


def test_rows_that_cannot_be_written_leave_the_charge_for_the_next_delivery(
    engine: sa.Engine,
) -> None:
    """The outcome and the participant's rows stand or fall together; the next one asks."""
    life = Life(engine, Kind.PLAIN)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE receipts RENAME TO hidden_receipts"))
    with pytest.raises(sa.exc.SQLAlchemyError):
        life.till.charge(Ask())
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE hidden_receipts RENAME TO receipts"))
    assert life.till.outcomes == {}
    assert life.till.charge(Ask()) == Charged(charge_id="ch_1", amount=7)
    assert (life.bank.net, life.till.receipts) == (7, [7])
