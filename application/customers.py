"""Customers who must answer their bank, and the sagas that wait for them."""

from temporalio.client import Client

from application.run_history import if_known
from application.runs import ANSWER_LIMIT, Runs, temporal
from contracts.ids import saga_id
from contracts.states import SagaState
from contracts.stubs import PAYMENT_ANSWERED


class Customers:
    """Tells a saga that its customer may have answered."""

    def __init__(self, client: Client, runs: Runs) -> None:
        """Tell sagas through `client`, those that wait by `runs`."""
        self._client = client
        self._runs = runs

    async def tell_of_answer(self, order_id: str) -> None:
        """Have an order's saga ask how its payment stands, if it waits for its customer.

        Of any other order, or none, this changes nothing. Repeating it is safe.

        Raises:
            NotNow: Temporal is away.
        """
        run = await self._runs.describe(order_id)
        if run is None or run.closed_at or run.state is not SagaState.AWAITING_CUSTOMER:
            return
        handle = self._client.get_workflow_handle(saga_id(order_id))
        with if_known():
            async with temporal(ANSWER_LIMIT):
                await handle.signal(PAYMENT_ANSWERED, rpc_timeout=ANSWER_LIMIT)
