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
            await record.begin(seat, charge)
            event = await self.saga.step(*seat)
            await self.saga.step(*charge)
        return f"seat {event.seat}"

    @workflow.signal
    def stop(self, reason: str) -> None:
        """Stop the saga before its next step."""
        self.saga.stop(Failure("CANCELLED", reason))
