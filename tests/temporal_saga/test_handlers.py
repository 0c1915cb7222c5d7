"""A participant's handlers, with the fence around them."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import BaseModel
from temporalio import activity

from temporal_saga.database import create_tables, reading
from temporal_saga.fence import AlreadyCompensated, Fence, KeyReused
from temporal_saga.keys import compensation_key, step_key
from temporal_saga.step_names import MOST_NAME, MOST_SAGA_ID

METADATA = sa.MetaData()
FENCE = Fence.table(METADATA)
SEATS = sa.Table("seats", METADATA, sa.Column("guest", sa.String(20)))
KEY = "booking-1/HoldSeat"
BACK = f"{KEY}/compensation"


class HoldSeatCommand(BaseModel):
    """Hold a seat."""

    idempotency_key: str = KEY
    guest: str = "ann"
    is_refused: bool = False


@dataclass(frozen=True)
class ReleaseSeat:
    """Take it back."""

    idempotency_key: str = BACK
    guest: str = "ann"


@dataclass(frozen=True)
class Remind:
    """Write to the guest."""

    idempotency_key: str = "booking-1/Remind"
    text: str = ""


class Held(BaseModel):
    """The seat is held."""

    seat: int


class SoldOut(Exception):
    """No seat is left."""


class Office:
    """Holds seats; what it would say now is never what it said before."""

    def __init__(self, engine: sa.Engine) -> None:
        create_tables(engine, METADATA)
        self.engine = engine
        self.number = 0
        self.reminders: list[str] = []
        handlers = Fence(engine, FENCE).handlers(
            (self._hold, self._release), self._remind, refusals=[SoldOut]
        )
        [self.hold, self.release, self.remind] = handlers

    def _hold(self, db: sa.Connection, command: HoldSeatCommand) -> Held:
        """Hold a seat."""
        self.number += 1
        if command.is_refused:
            raise SoldOut("no seat left", self.number)
        db.execute(sa.insert(SEATS).values(guest=command.guest))
        return Held(seat=self.number)

    def _release(self, db: sa.Connection, command: ReleaseSeat) -> None:
        self.number += 1
        db.execute(sa.delete(SEATS).where(SEATS.c.guest == command.guest))

    def _remind(self, db: sa.Connection, command: Remind) -> Held:  # noqa: ARG002  # writes nothing
        self.reminders.append(command.text)
        return Held(seat=len(self.reminders))

    @property
    def guests(self) -> list[str]:
        """Who has a seat."""
        with reading(self.engine) as db:
            return list(db.scalars(sa.select(SEATS.c.guest)))


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    return Office(engine)


def test_a_duplicate_gets_the_recorded_answer(office: Office) -> None:
    """However often it comes, and from whichever process."""
    assert [office.hold(HoldSeatCommand()) for _ in range(2)] == [Held(seat=1)] * 2
    assert Office(office.engine).hold(HoldSeatCommand()) == Held(seat=1)
    assert office.guests == ["ann"]


def test_a_step_and_what_takes_it_back_have_one_mark() -> None:
    """And no other step has it, of whomever that is."""
    assert Fence.step_key(HoldSeatCommand()) == Fence.step_key(ReleaseSeat()) == KEY
    assert Fence.step_key(Remind()) != KEY


def test_a_refusal_is_recorded_and_raised_again(office: Office) -> None:
    """With the same arguments, also when the command would be accepted by now."""
    for _ in range(2):
        with pytest.raises(SoldOut) as refusal:
            office.hold(HoldSeatCommand(is_refused=True))
        assert refusal.value.args == ("no seat left", 1)
    assert office.release(ReleaseSeat()) is None
    assert office.number == 1


def test_what_is_no_refusal_leaves_nothing(office: Office) -> None:
    """It is raised, rolled back, and may be sent again."""
    hold = Fence(office.engine, FENCE).handlers((_break, office._release))[0]
    with pytest.raises(OSError, match="the printer is on fire"):
        hold(HoldSeatCommand())
    assert office.guests == []
    assert office.hold(HoldSeatCommand()) == Held(seat=1)


def _break(db: sa.Connection, command: HoldSeatCommand) -> Held:
    db.execute(sa.insert(SEATS).values(guest=command.guest))
    raise OSError("the printer is on fire")


def test_a_refusal_after_a_write_is_a_defect(office: Office) -> None:
    """Both are rolled back."""
    refusals = [OSError]
    hold = Fence(office.engine, FENCE).handlers((_break, office._release), refusals=refusals)[0]
    with pytest.raises(RuntimeError, match="refused after writing"):
        hold(HoldSeatCommand())
    assert office.guests == []


def test_nothing_is_taken_back_where_nothing_happened(office: Office) -> None:
    """The handler is not called, and the command comes too late."""
    assert [office.release(ReleaseSeat()) for _ in range(2)] == [None, None]
    assert office.number == 0
    with pytest.raises(AlreadyCompensated):
        office.hold(HoldSeatCommand())


def test_what_was_done_is_taken_back_once(office: Office) -> None:
    """Others' seats stay."""
    office.hold(HoldSeatCommand())
    office.hold(HoldSeatCommand(idempotency_key="booking-2/HoldSeat", guest="bob"))
    for _ in range(2):
        office.release(ReleaseSeat())
    assert office.guests == ["bob"]
    assert office.number == 3


def test_a_handler_alone_is_never_taken_back(office: Office) -> None:
    """As what comes behind the pivot."""
    assert [office.remind(Remind(text="tonight")) for _ in range(2)] == [Held(seat=1)] * 2
    assert office.reminders == ["tonight"]


def test_a_pair_without_its_parentheses_takes_nothing_back(office: Office) -> None:
    """Two handlers, each alone, would take back what never happened, and let it happen later."""
    hold, release = Fence(office.engine, FENCE).handlers(office._hold, office._release)
    with pytest.raises(ValueError, match=r"beside the one it takes back: handlers\(\(hold, rel"):
        release(ReleaseSeat())
    hold(HoldSeatCommand())
    assert office.guests == ["ann"]
    assert office.release(ReleaseSeat()) is None, "given beside it, it takes back what was done"
    assert office.guests == []


def test_the_same_key_with_other_fields_is_another_command(office: Office) -> None:
    """A field that has its default counts as not there, in both kinds of classes."""
    office.hold(HoldSeatCommand())
    with pytest.raises(KeyReused):
        office.hold(HoldSeatCommand(guest="bob"))
    office.remind(Remind())
    with pytest.raises(KeyReused):
        office.remind(Remind(text="now"))


class OlderHoldSeat(BaseModel):
    """What an older release calls `HoldSeatCommand`."""

    idempotency_key: str = KEY
    guest: str = "ann"


def test_a_class_with_another_field_takes_what_was_sent_before(office: Office) -> None:
    """A new release must not take the tries of the old one for other commands."""
    older = Fence(office.engine, FENCE).handlers((_hold_older, office._release))[0]
    assert older(OlderHoldSeat()) == office.hold(HoldSeatCommand()) == Held(seat=9)


def _hold_older(db: sa.Connection, command: OlderHoldSeat) -> Held:
    db.execute(sa.insert(SEATS).values(guest=command.guest))
    return Held(seat=9)


def test_a_command_without_a_key_is_turned_away(office: Office) -> None:
    """It was not sent by a saga."""
    with pytest.raises(ValueError, match="HoldSeatCommand has no idempotency key"):
        office.hold(HoldSeatCommand(idempotency_key=""))
    assert office.guests == []


def test_temporal_sees_names_and_types(office: Office) -> None:
    """Of the command's class and of the answer's; a handler without answer has none."""
    hold = activity._Definition.must_from_callable(activity.defn(office.hold))
    assert (hold.name, hold.arg_types, hold.ret_type) == ("HoldSeat", [HoldSeatCommand], Held)
    release = activity._Definition.must_from_callable(activity.defn(office.release))
    assert (release.name, release.ret_type) == ("ReleaseSeat", type(None))
    assert office.hold.__doc__ == "Hold a seat."


def _without_annotations(db, command):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    raise NotImplementedError


def _without_database(command: HoldSeatCommand) -> None:
    raise NotImplementedError


def _answers_text(db: sa.Connection, command: HoldSeatCommand) -> str:
    raise NotImplementedError


@pytest.mark.parametrize("handler", [_without_annotations, _without_database, _answers_text])
def test_a_handler_says_what_it_takes_and_returns(
    office: Office, handler: Callable[..., Any]
) -> None:
    """When the worker starts, not when the first command comes."""
    with pytest.raises(TypeError, match=handler.__name__):
        Fence(office.engine, FENCE).handlers(handler)


async def _holds_later(db: sa.Connection, command: HoldSeatCommand) -> Held:
    raise NotImplementedError


async def _releases_later(db: sa.Connection, command: ReleaseSeat) -> None:
    raise NotImplementedError


@pytest.mark.parametrize("handler", [_holds_later, _releases_later, partial(_releases_later)])
def test_a_handler_that_is_async_is_refused(office: Office, handler: Callable[..., Any]) -> None:
    """Its effect would not be part of the fence's transaction; each command would fail."""
    with pytest.raises(TypeError, match="is async, and a handler is not: make it a plain `def`"):
        Fence(office.engine, FENCE).handlers((office._hold, handler))


class Released(BaseModel):
    """The seat is free."""

    guest: str


def _release_and_say(db: sa.Connection, command: ReleaseSeat) -> Released:
    db.execute(sa.delete(SEATS).where(SEATS.c.guest == command.guest))
    return Released(guest=command.guest)


def test_a_compensation_with_an_answer_answers_none_where_nothing_happened(office: Office) -> None:
    """Each time; where something did, it answers what it says."""
    hold, release = Fence(office.engine, FENCE).handlers((office._hold, _release_and_say))
    assert [release(ReleaseSeat()) for _ in range(2)] == [None, None]
    hold(HoldSeatCommand(idempotency_key="booking-2/HoldSeat"))
    back = ReleaseSeat(idempotency_key="booking-2/HoldSeat/compensation")
    assert [release(back) for _ in range(2)] == [Released(guest="ann")] * 2


def test_the_longest_key_has_room_for_its_compensation(office: Office) -> None:
    """Of the longest saga's id and the longest name of a step; PostgreSQL keeps to the length."""
    key = step_key("k" * MOST_SAGA_ID, "S" * MOST_NAME)
    office.hold(HoldSeatCommand(idempotency_key=key))
    office.release(ReleaseSeat(idempotency_key=compensation_key(key)))
    assert office.guests == []


class OverLimit(Exception):
    """A refusal that says it in its own words, with what JSON does not hold."""

    def __init__(self, limit: Decimal, price: Decimal) -> None:
        super().__init__(f"{price} is over the limit of {limit}")
        self.limit = limit


@dataclass(frozen=True)
class NotOnSale(Exception):
    """A refusal with fields."""

    sku: str


class RowSoldOut(SoldOut):
    """A refusal of a class below the one that is listed."""


@pytest.mark.parametrize(
    ("refusal", "second"),
    [
        (OverLimit(Decimal("1.50"), Decimal(2)), OverLimit),
        (NotOnSale(sku="A"), NotOnSale),
        (RowSoldOut("row 7", Decimal(3), Held(seat=1), UUID(int=7)), SoldOut),
    ],
)
def test_a_refusal_of_any_form_is_raised_as_it_is_and_again_as_recorded(
    office: Office, refusal: Exception, second: type[Exception]
) -> None:
    """With its message and attributes, whatever its `__init__` takes."""

    def refuse(db: sa.Connection, command: HoldSeatCommand) -> None:  # noqa: ARG001
        db.execute(sa.text("/* plain */ SELECT count(*) FROM seats"))
        db.exec_driver_sql("select 1").scalar()
        with db.begin_nested():
            db.scalar(sa.select(SEATS.c.guest).with_for_update())
        raise refusal

    kinds = [OverLimit, NotOnSale, SoldOut]
    [hold, _] = Fence(office.engine, FENCE).handlers((refuse, office._release), refusals=kinds)
    with pytest.raises(type(refusal)) as first:
        hold(HoldSeatCommand())
    assert first.value is refusal
    with pytest.raises(second) as again:
        hold(HoldSeatCommand())
    assert type(again.value) is second
    plain = {name: str(value) for name, value in vars(refusal).items()}
    assert vars(again.value) == plain
    assert again.value.args[:1] == refusal.args[:1]
    assert len(again.value.args) == len(refusal.args)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO seats VALUES ('eve')",
        "WITH eve AS (SELECT 'eve') INSERT INTO seats SELECT * FROM eve",
        "INSERT INTO seats VALUES ('eve') RETURNING guest",
    ],
)
def test_a_refusal_after_a_write_in_plain_sql_is_a_defect(office: Office, statement: str) -> None:
    """What begins like no read is a write."""

    def refuse(db: sa.Connection, command: HoldSeatCommand) -> None:  # noqa: ARG001
        db.execute(sa.text(statement))
        raise SoldOut

    [hold] = Fence(office.engine, FENCE).handlers((refuse, office._release), refusals=[SoldOut])[:1]
    with pytest.raises(RuntimeError, match="refused after writing"):
        hold(HoldSeatCommand())
    assert office.guests == []
