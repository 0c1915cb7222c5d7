"""Messages that make no sense: whatever is sent to the order saga, it goes on."""

from typing import Any

from temporalio import workflow

from contracts.order import ConfirmOrderCommand, RegisterOrderCommand
from temporal_saga.testing import Script
from tests.workflows.orders import AFTER_REGISTRATION, ORDER, obey, yes
from workflows.order import OrderSaga

NONSENSE: tuple[list[Any], ...] = (
    [],
    [None],
    [7, 8],
    [{"by": 7}],
    [{"step": "NoSuchStep", "by": "o", "reason": "r", "evidence": "e"}],
)


async def test_no_handler_of_the_order_saga_falls_for_nonsense(script: Script) -> None:
    """Each signal that the workflow takes is sent nothing, too much and garbage; it completes."""
    definition = workflow._Definition.from_class(OrderSaga)
    assert definition is not None
    signals = [name for name in definition.signals if name]
    assert len(signals) >= 5
    await script.start(ORDER)
    register = await script.expect(RegisterOrderCommand)
    async with script.orchestrator_away():
        for name in signals:
            for arguments in NONSENSE if name != "cancel" else NONSENSE[:-1]:
                await script.handle.signal(name, args=arguments)
    script.answer(yes(register))
    await obey(script, *AFTER_REGISTRATION, ConfirmOrderCommand)
    await script.completed()
