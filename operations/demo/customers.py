"""The customers of a day by card: they answer their banks, as people do in a browser."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from contracts.states import SagaState
from contracts.views import OrderList

LOOK_SECONDS = 0.5
ONE_DECLINES_OF = 10
"""Of so many customers who are asked one says no."""


class Customers:
    """Finds orders that wait for their customers, and answers on the bank's page for them."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        """Look for orders through the API that `http` reaches."""
        self._http = http
        self._answers: dict[str, bool] = {}

    @property
    def acceptances(self) -> int:
        """How many accepted."""
        return sum(self._answers.values())

    @property
    def refusals(self) -> int:
        """How many did not."""
        return len(self._answers) - self.acceptances

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Answer as long as this lasts."""
        task = asyncio.create_task(self._answer_all())
        try:
            yield
        finally:
            task.cancel()

    async def _answer_all(self) -> None:
        state = {"state": SagaState.AWAITING_CUSTOMER.value, "limit": "100"}
        async with httpx.AsyncClient(trust_env=False) as bank:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                try:
                    answer = await self._http.get("/orders", params=state)
                    for order in _orders_in(answer):
                        await self._answer(bank, order)
                except httpx.TransportError:
                    continue  # the next look finds them again

    async def _answer(self, bank: httpx.AsyncClient, order_id: str) -> None:
        """Answer for one order, once, where its own address says on which page."""
        view = (await self._http.get(f"/orders/{order_id}")).json()
        action = view.get("action")
        if action is None or order_id in self._answers:
            return
        accepts = len(self._answers) % ONE_DECLINES_OF != ONE_DECLINES_OF - 1
        form = {"answer": "accept" if accepts else "decline"}
        await bank.post(action["url"], data=form)
        self._answers[order_id] = accepts


def _orders_in(answer: httpx.Response) -> list[str]:
    if not answer.is_success:
        return []
    return [order.order_id for order in OrderList.model_validate_json(answer.content).orders]
