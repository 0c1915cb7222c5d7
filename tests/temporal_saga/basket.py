"""A saga with several commands to one participant: a basket of goods from several sellers.

Each seller's share is reserved, paid and shipped by the same activities, under a name of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from temporalio import activity, workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from temporal_saga import policy
from temporal_saga.branch import Branch
from temporal_saga.call import Call
from temporal_saga.call_state import Settlement
from temporal_saga.failure import Failure, SagaStopped
from temporal_saga.saga import Saga

C = TypeVar("C")
QUEUE = "sellers"
LONG = timedelta(hours=1)


@dataclass(frozen=True)
class Basket:
    """What is bought: by the names of the steps, which tell the sellers apart.

    Args:
        reserve: reserved side by side.
        pay: paid one after another; behind the first somebody thinks it over, if `thinks`.
        ship: shipped side by side, past the pivot.
    """

    reserve: tuple[str, ...] = ("Reserve", "Reserve-2")
    pay: tuple[str, ...] = ("Pay", "Pay-2")
    ship: tuple[str, ...] = ("Ship", "Ship-2")
    thinks: bool = False

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """The steps in their order; those of one group side by side."""
        return [self.reserve, *((step,) for step in self.pay), self.ship]


@dataclass(frozen=True)
class Command:
    """What every command carries."""

    idempotency_key: str


class ReserveCommand(Command):
    """Keep the goods of one seller."""


class FreeCommand(Command):
    """Keep them no longer."""


class PayCommand(Command):
    """Pay one seller."""


class RefundCommand(Command):
    """Take the money back."""


class ShipCommand(Command):
    """Ship the goods of one seller. It cannot be taken back."""


COMMANDS = (ReserveCommand, FreeCommand, PayCommand, RefundCommand, ShipCommand)


@dataclass(frozen=True)
class Done:
    """A seller's yes: the key that it was asked under."""

    event: str
    key: str


@activity.defn(name="Reserve")
def reserve_stub(_command: ReserveCommand) -> Done:
    """Keep them, or raise SoldOut."""
    raise NotImplementedError


@activity.defn(name="Free")
def free_stub(_command: FreeCommand) -> Done:
    """Keep them no longer."""
    raise NotImplementedError


@activity.defn(name="Pay")
def pay_stub(_command: PayCommand) -> Done:
    """Pay it, or raise SoldOut."""
    raise NotImplementedError


@activity.defn(name="Refund")
def refund_stub(_command: RefundCommand) -> Done:
    """Refund it."""
    raise NotImplementedError


@activity.defn(name="Ship")
def ship_stub(_command: ShipCommand) -> Done:
    """Ship it."""
    raise NotImplementedError


def reserve(step: str) -> Branch:
    """Reserve one seller's goods."""
    return Branch(
        _call(reserve_stub, ReserveCommand, step), Call(QUEUE, free_stub, FreeCommand, "free")
    )


def pay(step: str) -> Branch:
    """Pay one seller."""
    return Branch(
        _call(pay_stub, PayCommand, step), Call(QUEUE, refund_stub, RefundCommand, "refund")
    )


def ship(step: str) -> Call[Any, Done]:
    """Ship one seller's goods."""
    return _call(ship_stub, ShipCommand, step)


def _call(stub: Callable[[C], Done], command: Callable[..., C], step: str) -> Call[C, Done]:
    call = partial(Call, QUEUE, stub, command, "for ada")
    name = call().name
    return call() if step == name else call(step=step)


@workflow.defn(dynamic=True)
class BasketSaga:
    """Buys a basket, or takes all of it back."""

    @workflow.init
    def __init__(self, arguments: Sequence[RawValue]) -> None:
        """Begin with nothing bought."""
        self._saga = Saga(
            workflow.info().workflow_id,
            refusals=["SoldOut"],
            policy=policy.current(),
            arguments=arguments,
        )
        self._has_decided = False

    @workflow.run
    async def run(self, _arguments: Sequence[RawValue]) -> list[str | None]:
        """Return the keys under which everything was done, None of what was settled."""
        saga = self._saga
        [argument] = saga.arguments
        basket = workflow.payload_converter().from_payload(argument.payload, Basket)
        answers: list[Done | None] = []
        try:
            answers += await saga.parallel(*map(reserve, basket.reserve))
            for place, step in enumerate(basket.pay):
                answers.append(await saga.step(*pay(step)))
                if basket.thinks and not place:
                    await saga.pause(lambda: self._has_decided, LONG)
            saga.pivot()
            answers += await saga.finish(*map(ship, self._parcels(basket)))
        except SagaStopped as stop:
            await saga.roll_back(stop.failure)
            await saga.close()
            raise ApplicationError(
                stop.failure.message, vars(stop.failure), type="BasketFailed"
            ) from stop
        await saga.close()
        return [answer.key if answer else None for answer in answers]

    def _parcels(self, basket: Basket) -> tuple[str, ...]:
        return basket.ship

    @workflow.signal
    def decide(self) -> None:
        """Pay the others, too."""
        self._has_decided = True

    @workflow.signal
    def cancel(self) -> None:
        """Buy nothing."""
        self._saga.stop(Failure("CANCELLED", "too dear"))

    @workflow.signal
    def retry(self, step: str) -> None:
        """Try what is stuck now."""
        self._saga.retry(step)

    @workflow.signal
    def settle(self, step: str) -> None:
        """Count what is stuck as put right."""
        self._saga.settle(step, Settlement("otto", "by hand", "ticket 12", workflow.now()))

    @workflow.signal(dynamic=True)
    def note(self, _name: str, _arguments: Sequence[RawValue]) -> None:
        """Make the history longer."""

    @workflow.query
    def stuck_steps(self) -> list[str]:
        """Return the steps that need a person."""
        return [call.step for call in self._saga.stuck_calls]


@workflow.defn(dynamic=True)
class CorrectedBasket(BasketSaga):
    """A release that ships under right names, whatever the basket says."""

    @workflow.init
    def __init__(self, arguments: Sequence[RawValue]) -> None:
        """Begin with nothing bought."""
        super().__init__(arguments)

    @workflow.run
    async def run(self, arguments: Sequence[RawValue]) -> list[str | None]:
        """Return the keys under which everything was done."""
        return await super().run(arguments)

    def _parcels(self, _basket: Basket) -> tuple[str, ...]:
        return Basket().ship
