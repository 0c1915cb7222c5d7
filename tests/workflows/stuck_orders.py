"""Orders that are stuck, and what their searches and records then show."""

from typing import Any

from temporalio.common import SearchAttributeKey

from contracts.payment import ProcessPaymentCommand, RefundPaymentCommand
from contracts.states import LEGAL_MOVES, SagaState, StateMove
from temporal_saga.testing import Script
from tests.workflows.orders import cancelled_while_it_is_paid


async def stuck_refund(script: Script) -> None:
    """The customer cancels while the payment is under way, and its refund fails twice.

    The story goes on from here.
    """
    await cancelled_while_it_is_paid(script)
    for attempt in (1, 2):
        await script.expect_compensation(
            RefundPaymentCommand, of=ProcessPaymentCommand, attempt=attempt
        )
        script.fail(RuntimeError("the payment provider is away"))


async def state_and_attention(script: Script) -> tuple[Any, Any]:
    """Return the state and whether attention is needed, as searches and the Web UI see them."""
    attributes = (await script.handle.describe()).typed_search_attributes
    names = (
        SearchAttributeKey.for_keyword("SagaState"),
        SearchAttributeKey.for_bool("NeedsAttention"),
    )
    return attributes.get(names[0]), attributes.get(names[1])


def states(moves: tuple[StateMove, ...]) -> list[SagaState]:
    """Return the states of the moves, which must all be legal."""
    states_in_order = [move.state for move in moves]
    assert all(
        after in LEGAL_MOVES[before]
        for before, after in zip([None, *states_in_order], states_in_order, strict=False)
    )
    return states_in_order
