"""How tests run the baskets of `basket.py`: answer their commands, see how they end."""

from temporalio.exceptions import ApplicationError

from temporal_saga.command_names import command_name
from temporal_saga.testing import Script
from tests.temporal_saga.basket import (
    Basket,
    Command,
    Done,
    FreeCommand,
    PayCommand,
    RefundCommand,
    ReserveCommand,
    ShipCommand,
)

ALL = ["Reserve", "Reserve-2", "Pay", "Pay-2", "Ship", "Ship-2"]
BASKET = Basket()

SOLD_OUT = ApplicationError("nothing is left", type="SoldOut", non_retryable=True)
BROKEN = ApplicationError("the disk is gone", type="Broken", non_retryable=True)


def yes(command: Command) -> Done:
    """Return what a seller answers when all is well."""
    return Done(f"{command_name(type(command))}Event", command.idempotency_key)


def all_succeed(script: Script, *commands: Command) -> None:
    """Let these commands succeed."""
    for command in commands:
        script.answer(yes(command), to=command)


async def is_reserved(script: Script) -> None:
    """Let both reservations be made, side by side."""
    all_succeed(script, *await script.expect_all(ReserveCommand, (ReserveCommand, "Reserve-2")))


async def is_bought(script: Script, basket: Basket = BASKET) -> None:
    """Start a basket, and let all be paid."""
    await script.start(basket)
    await is_reserved(script)
    script.answer(yes(await script.expect(PayCommand)))
    script.answer(yes(await script.expect(PayCommand, step="Pay-2")))


async def is_shipped(script: Script) -> list[str]:
    """Let both parcels be shipped; return the steps that the keys of the answers name."""
    all_succeed(script, *await script.expect_all(ShipCommand, (ShipCommand, "Ship-2")))
    keys = await script.completed()
    return [key.removeprefix(f"{script.saga_id}/") for key in keys]


async def is_taken_back(script: Script, *steps: str) -> None:
    """Expect the compensations of these steps, in this order."""
    for step in steps:
        kind = FreeCommand if step.startswith("Reserve") else RefundCommand
        script.answer(yes(await script.expect_compensation(kind, of=step)))


async def why_failed(script: Script) -> tuple[str, str | None]:
    """Expect that it fails; return the reason, and the step."""
    failure = (await script.failed()).details[0]
    return failure["reason"], failure["step"]
