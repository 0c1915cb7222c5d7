"""Steps of unknown outcome, with the real participants.

Whatever they did, or do later, nothing of it stays.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.base import Command, Event
from contracts.order import CancelOrderCommand
from contracts.payment import (
    PaymentCompletedEvent,
    PaymentFailedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
)
from contracts.stock import (
    DecreaseStockCommand,
    StockDecreasedEvent,
    StockDecreaseFailedEvent,
    StockRestoredEvent,
)
from temporal_saga.policy import Policy
from temporal_saga.testing import Script
from tests.workflows.conftest import Play
from tests.workflows.orders import BEFORE_PIVOT, ORDER, TAKES_BACK, TOTAL_MINOR
from tests.workflows.real_participants import FUNDS, PIECES, WAIT_SECONDS, RealParticipants

pytestmark = pytest.mark.long

SHORT = Policy(start_to_close=timedelta(seconds=2), forward_step=timedelta(seconds=2))
"""One try, and then its outcome is unknown."""

UNDOES = {command: compensation for compensation, command in TAKES_BACK.items()}
DONE = (PaymentCompletedEvent, StockDecreasedEvent)
ALL = (TOTAL_MINOR, True)
"""What a compensation takes back when there is something."""


@pytest.fixture
def services(tmp_path: Path) -> Iterator[RealParticipants]:
    """The order's participants; at the end the customer has her money, the shelf its pieces."""
    services = RealParticipants(tmp_path)
    yield services
    assert services.left() == (FUNDS, PIECES)
    services.close()


@pytest.fixture(params=[ProcessPaymentCommand, DecreaseStockCommand], ids=["payment", "stock"])
def step(request: pytest.FixtureRequest) -> type[Command]:
    """The step whose outcome is unknown."""
    kind: type[Command] = request.param
    return kind


async def begin(script: Script, services: RealParticipants, step: type[Command]) -> Command:
    """Play an order until this step's command is at its participant's door, left unanswered."""
    await script.start(ORDER)
    await services.obey(script, *BEFORE_PIVOT[: BEFORE_PIVOT.index(step)])
    command = await script.expect(step)
    script.ignore()
    return command


async def undo(script: Script, services: RealParticipants, step: type[Command]) -> Event:
    """Take the step of unknown outcome back; return the participant's word."""
    return (await services.take_back(script, UNDOES[step]))[0]


async def fail(script: Script, services: RealParticipants, step: type[Command]) -> None:
    """Take back what was done before the step of unknown outcome, to the order's end."""
    await services.take_back(
        script,
        *([] if step is ProcessPaymentCommand else [RefundPaymentCommand]),
        CancelOrderCommand,
    )
    assert (await script.failed()).details[0]["reason"] == "STEP_UNAVAILABLE"


def effect(reversal: Event) -> bool | int:
    """Return what a compensation took back."""
    assert isinstance(reversal, PaymentRefundedEvent | StockRestoredEvent)
    return (
        reversal.refunded_minor if isinstance(reversal, PaymentRefundedEvent) else reversal.restored
    )


async def test_done_and_the_answer_lost(
    play: Play, services: RealParticipants, step: type[Command]
) -> None:
    """It is taken back in full."""
    async with play(policy=SHORT) as script:
        command = await begin(script, services, step)
        assert isinstance(await services.do(command), DONE)
        assert effect(await undo(script, services, step)) in ALL
        await fail(script, services, step)


async def test_never_executed(play: Play, services: RealParticipants, step: type[Command]) -> None:
    """Its compensation succeeds, and takes nothing back."""
    async with play(policy=SHORT) as script:
        await begin(script, services, step)
        assert not effect(await undo(script, services, step))
        await fail(script, services, step)


async def test_executing_while_it_is_compensated(
    play: Play, services: RealParticipants, step: type[Command]
) -> None:
    """Between its effect and its commit: the compensation waits for it and takes it back."""
    async with play(policy=SHORT) as script:
        command = await begin(script, services, step)
        step_is_done, go_on = services.hold("payment" if step is ProcessPaymentCommand else "stock")
        doing = asyncio.create_task(services.do(command))
        assert await asyncio.to_thread(step_is_done.wait, WAIT_SECONDS)
        compensation = await script.expect_compensation(UNDOES[step], of=step)
        undoing = asyncio.create_task(services.do(compensation))
        go_on.set()
        assert isinstance(await doing, DONE)
        script.answer(reversal := await undoing)
        assert effect(reversal) in ALL
        await fail(script, services, step)


async def test_landing_after_its_compensation(
    play: Play, services: RealParticipants, step: type[Command]
) -> None:
    """It is turned away while the saga still takes back what was done before."""
    async with play(policy=SHORT) as script:
        command = await begin(script, services, step)
        await undo(script, services, step)
        assert_late(await services.do(command))
        await fail(script, services, step)


async def test_landing_after_the_order_ended(
    play: Play, services: RealParticipants, step: type[Command]
) -> None:
    """It is turned away, whether it was done before or not, and as often as it comes."""
    async with play(policy=SHORT) as script:
        command = await begin(script, services, step)
        await undo(script, services, step)
        await fail(script, services, step)
    for _ in range(2):
        assert_late(await services.do(command))


def assert_late(answer: Event) -> None:
    """Check that the fence spoke, and not the business."""
    assert isinstance(answer, PaymentFailedEvent | StockDecreaseFailedEvent)
    assert answer.reason == "ALREADY_COMPENSATED"
