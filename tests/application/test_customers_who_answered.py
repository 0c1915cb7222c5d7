"""Only a saga that waits for its customer hears that they may have answered."""

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from application.errors import NotNow
from application.runs import Runs
from contracts.ids import saga_id
from contracts.states import SagaState
from contracts.stubs import PAYMENT_ANSWERED, SAGA_STATE
from tests.act_sender import act_sender
from tests.stack import free_port


@workflow.defn(name="Waiting", sandboxed=False)
class Waiting:
    """Shows a state, and counts what it hears until it is to end."""

    def __init__(self) -> None:
        self._answers = 0
        self._is_over = False

    @workflow.run
    async def run(self, state: str) -> int:
        """Show the state; return how often the customer is said to have answered."""
        workflow.upsert_search_attributes([SAGA_STATE.value_set(state)])
        await workflow.wait_condition(lambda: self._is_over)
        return self._answers

    @workflow.signal(name=PAYMENT_ANSWERED)
    def hear(self) -> None:
        """Count."""
        self._answers += 1

    @workflow.signal
    def end(self) -> None:
        """End."""
        self._is_over = True


async def test_who_waits_hears_it_and_nobody_else(temporal: Client) -> None:
    """Each time; a saga in another state, one that has closed, and one that is none hear nothing.

    So what comes late, twice or about strangers costs no saga an event.
    """
    queue = "customers"
    sender = act_sender(Runs(temporal))
    async with Worker(temporal, task_queue=queue, workflows=[Waiting]):
        handles = {
            state: await temporal.start_workflow(
                Waiting.run, state, id=saga_id(f"customers-{state}"), task_queue=queue
            )
            for state in (SagaState.AWAITING_CUSTOMER, SagaState.PAYMENT_COMPLETED)
        }
        for handle in handles.values():
            await handle.query("__temporal_workflow_metadata", result_type=dict)
        for state in (*handles, *handles, "unknown"):
            await sender.tell_of_answer(f"customers-{state}")
        for handle in handles.values():
            await handle.signal(Waiting.end)
        counts = {state: await handle.result() for state, handle in handles.items()}
        await sender.tell_of_answer(f"customers-{SagaState.AWAITING_CUSTOMER}")
    assert counts == {SagaState.AWAITING_CUSTOMER: 2, SagaState.PAYMENT_COMPLETED: 0}


async def test_with_temporal_away_the_event_is_to_come_again() -> None:
    """The API answers 503 to this."""
    client = await Client.connect(f"127.0.0.1:{free_port()}", lazy=True)
    with pytest.raises(NotNow):
        await act_sender(Runs(client)).tell_of_answer("cart-1")
