"""Telling orders' sagas what a person decided, whoever hands it on: HTTP, or a batch operation."""

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from application.acts import ActSender
from application.runs import Runs
from contracts.decisions import Decision, StepEvidence
from contracts.ids import saga_id


class NoSaga(Exception):
    """No saga of this order runs: it has closed, was ended from outside, or never was."""


class OrderActs:
    """Sends acts to the sagas of orders."""

    def __init__(self, client: Client, runs: Runs) -> None:
        """Send through `client`, and see in `runs` how the sagas stand."""
        self._client = client
        self._runs = runs

    async def tell(self, order_id: str, update: str, decision: Decision, act_id: str) -> None:
        """Let an order's saga take an act.

        Args:
            order_id: whose saga.
            update: the update that the saga takes it by.
            decision: who, why, and about what.
            act_id: names the act: told again under it, the act is taken once.

        Raises:
            NoSaga: none runs.
            NotPossible: the saga refuses, or is wedged.
            NotNow: no worker answers in time.
        """
        if isinstance(decision, StepEvidence):
            run = await self._runs.describe(order_id)
            attempts = run and run.tries_at(decision.step)
            decision = decision.model_copy(update={"attempts": attempts})
        handle = self._client.get_workflow_handle(saga_id(order_id))
        try:
            await ActSender(handle, self._runs).act(update, decision, act_id)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            raise NoSaga from error
