"""Reading a saga of any type."""

from typing import Annotated

from fastapi import APIRouter, Path

from contracts.ids import saga_id
from contracts.saga_views import SagaView
from routes import examples
from routes.dependencies import AppOrders
from routes.problems import ABSENT

router = APIRouter(tags=["sagas"])

WorkflowId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=1_000,
        description="the id of the saga's workflow at Temporal",
        examples=[saga_id(examples.ORDER_ID)],
    ),
]


@router.get("/sagas/{workflow_id:path}", responses=ABSENT)
async def read_saga(workflow_id: WorkflowId, orders: AppOrders) -> SagaView:
    """Return a saga of any type, also one that is no order: its steps, and what became of each.

    Read only, and from Temporal alone, within its retention. An order's own address tells more.
    """
    return await orders.sagas.view(workflow_id)
