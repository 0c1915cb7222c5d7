"""A saga of a second type: it says what its steps are, and nothing else."""

from functools import partial
from typing import Any

from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from temporal_saga.workflow import Branch, Call, Closing, OnRecord, Opening, Saga

QUEUE = "parcels"


class Command(BaseModel):
    """What every command carries."""

    idempotency_key: str
    parcel: str


class OpenParcelCommand(Command):
    """Open the parcel's record."""


class CloseParcelCommand(Command):
    """Close it: the parcel is on its way."""


class DropParcelCommand(Command):
    """Close it: there is no parcel."""


class PackParcelCommand(Command):
    """Put the things in a box."""


class UnpackParcelCommand(Command):
    """Take them out."""


class PayPostageCommand(Command):
    """Pay the post."""


class RefundPostageCommand(Command):
    """Get the money back."""


COMMANDS = (
    OpenParcelCommand,
    CloseParcelCommand,
    DropParcelCommand,
    PackParcelCommand,
    UnpackParcelCommand,
    PayPostageCommand,
    RefundPostageCommand,
)


class Done(BaseModel):
    """It is done."""

    earlier_run: str = "NONE"


class OutOfBoxes(BaseModel):
    """There is no box of this size."""

    message: str
    details: dict[str, int] = {}


class CardDeclined(Exception):
    """The post does not take this card."""


REFUSALS = (OutOfBoxes, CardDeclined)


def send(command: type[Command], parcel: str) -> Call[Any, Done]:
    """Return the call of a command."""

    @activity.defn(name=command.__name__.removesuffix("Command"))
    def stub(_command: Command) -> Done:
        raise NotImplementedError

    return Call(QUEUE, stub, partial(command, parcel=parcel), summary=f"for {parcel}")


@workflow.defn
class ParcelSaga:
    """Packs and pays a parcel, or neither."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self.saga = Saga(workflow.info().workflow_id, refusals=REFUSALS)

    @workflow.run
    async def run(self, parcel: str) -> str:
        """Tell the story of one parcel."""
        pack = Branch(send(PackParcelCommand, parcel), send(UnpackParcelCommand, parcel))
        pay = Branch(send(PayPostageCommand, parcel), send(RefundPostageCommand, parcel))
        closing = Closing(
            "OpenParcel", send(CloseParcelCommand, parcel), send(DropParcelCommand, parcel)
        )
        async with OnRecord(self.saga, closing) as record:
            opening = Opening(send(OpenParcelCommand, parcel), lambda event: event.earlier_run)
            await record.open(opening, then=(pack, pay))
            await self.saga.step(*pack)
            await self.saga.step(*pay)
            self.saga.pivot()
        if failure := self.saga.failure:
            raise ApplicationError(failure.message, vars(failure), type=failure.reason)
        return "on its way"
