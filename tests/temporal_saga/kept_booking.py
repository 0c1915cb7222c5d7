"""A saga whose record a participant's fence keeps, and the scripts of it."""

from dataclasses import dataclass

from temporalio import workflow

from temporal_saga.workflow import Branch, Failure, OnRecord, Saga

REFUSALS = ["SoldOut"]


@dataclass(frozen=True)
class Command:
    """What every command carries."""

    idempotency_key: str = ""
    guest: str = ""


class HoldSeat(Command):
    """Hold a seat."""


class ReleaseSeat(Command):
    """Take it back."""


class ChargeCard(Command):
    """Charge the guest's card."""


class RefundCard(Command):
    """Take it back."""


@dataclass(frozen=True)
class SeatHeld:
    """The seat is held."""

    seat: int


@workflow.defn
class UnbegunBooking:
    """Makes its saga when it runs, and takes no step."""

    @workflow.run
    async def run(self) -> None:
        """Begin."""
        Saga(workflow.info().workflow_id)


@workflow.defn(name="KeptBooking")
class KeptBooking:
    """Holds a seat and charges a card; the end of the block is the pivot."""

    def __init__(self) -> None:
        """Begin with nothing held."""
        self.saga = Saga(workflow.info().workflow_id, refusals=REFUSALS)

    @workflow.run
    async def run(self, guest: str) -> str:
        """Return the seat; an earlier run that completed does not tell."""
        event = SeatHeld(0)
        hold = HoldSeat(guest=guest)
        seat = Branch.to("box-office", hold, ReleaseSeat(guest=guest), SeatHeld, summary="a seat")
        charge = Branch.to("bank", ChargeCard(guest=guest), RefundCard(guest=guest))
        async with OnRecord.at("box-office", self.saga) as record:
            await self._begin(record, seat, charge)
            event = await self._hold_and_charge(seat, charge)
        return f"seat {event.seat}"

    async def _begin(self, record: OnRecord, seat: Branch, charge: Branch) -> None:
        await record.begin(seat, charge)

    async def _hold_and_charge(self, seat: Branch, charge: Branch) -> SeatHeld:
        event: SeatHeld = await self.saga.step(*seat)
        await self.saga.step(*charge)
        return event

    @workflow.signal
    def stop(self, reason: str) -> None:
        """Stop the saga before its next step."""
        self.saga.stop(Failure("CANCELLED", reason))


@workflow.defn(name="KeptBooking")
class BookingWithUnnamedStep(KeptBooking):
    """A release that does not tell its record of the charge."""

    @workflow.run
    async def run(self, guest: str) -> str:
        """Begin."""
        return await super().run(guest)

    async def _begin(self, record: OnRecord, seat: Branch, _charge: Branch) -> None:
        await record.begin(seat)


@workflow.defn(name="KeptBooking")
class BookingWithoutWayBack(KeptBooking):
    """One that does not tell its record what takes the charge back."""

    @workflow.run
    async def run(self, guest: str) -> str:
        """Begin."""
        return await super().run(guest)

    async def _begin(self, record: OnRecord, seat: Branch, charge: Branch) -> None:
        await record.begin(seat, Branch(charge.call))


@workflow.defn(name="KeptBooking")
class BookingWithUnnamedBranch(BookingWithUnnamedStep):
    """One that takes both side by side."""

    @workflow.run
    async def run(self, guest: str) -> str:
        """Begin."""
        return await super().run(guest)

    async def _hold_and_charge(self, seat: Branch, charge: Branch) -> SeatHeld:
        event: SeatHeld = (await self.saga.parallel(seat, charge))[0]
        return event


@workflow.defn(name="KeptBooking")
class BookingNeverBegun(KeptBooking):
    """A release that forgets to open its record."""

    @workflow.run
    async def run(self, guest: str) -> str:
        """Begin."""
        return await super().run(guest)

    async def _begin(self, _record: OnRecord, _seat: Branch, _charge: Branch) -> None:
        pass


@workflow.defn(name="KeptBooking")
class NothingBegun(BookingNeverBegun):
    """One that has nothing to take back, either."""

    @workflow.run
    async def run(self, guest: str) -> str:
        """Begin."""
        return await super().run(guest)

    async def _hold_and_charge(self, _seat: Branch, _charge: Branch) -> SeatHeld:
        return SeatHeld(0)
