"""Acts on orders on which no saga works any more; what Temporal knows is made up."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from temporalio.service import RPCError, RPCStatusCode

from application.acts import ActSender
from application.errors import NotFound, NotPossible, ServiceError
from application.run import Run
from application.runs import Runs
from contracts.acts import Act
from contracts.decisions import Decision
from participants.order.service import OrderService
from tests.application.order_runs import CLOSED_AT, run
from tests.commands import ORDER, cancel, register

OWNER = ORDER.customer_id
ENDED = "its saga was ended from outside, and takes no act: the order is"


@pytest.fixture
def service(tmp_path: Path, open_engine: Callable[[str], sa.Engine]) -> OrderService:
    """Give an order service with an open order and a failed one."""
    service = OrderService.open(open_engine(f"sqlite:///{tmp_path}/order.db"))
    service.register(register("open", ORDER))
    service.cancel(cancel("failed", ORDER))
    return service


async def refusal(
    service: OrderService, order_id: str, known_run: Run | None, owner: str | None
) -> ServiceError:
    """Return why nobody takes an act; `known_run` is the last of the saga, which has ended."""

    async def find_nothing(*_: Any, **__: Any) -> None:
        raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")

    async def find(_order_id: str, owner: str | None = None) -> Run | None:
        return known_run if owner in (None, OWNER) else None

    handle = SimpleNamespace(execute_update=find_nothing)
    sagas = SimpleNamespace(describe=find, find=find, handle=lambda _order_id: handle)
    runs = cast(Runs, sagas)
    sender = ActSender(service, runs)
    with pytest.raises((NotFound, NotPossible)) as error_info:
        await sender.send(order_id, Act.CANCEL, Decision(by="ann", reason="no"), owner=owner)
    return error_info.value


LEFT_OPEN = replace(run("PAYMENT_COMPLETED"), closed_at=CLOSED_AT)


@pytest.mark.parametrize(
    ("order_id", "known_run", "owner", "sentence"),
    [
        ("failed", None, None, "too late: the order is FAILED"),
        ("failed", None, OWNER, "too late: the order is FAILED"),
        ("open", LEFT_OPEN, OWNER, f"{ENDED} PAYMENT_COMPLETED"),
        ("open", None, OWNER, f"{ENDED} PENDING"),
        ("open", LEFT_OPEN, "another", "there is no order open"),
        ("failed", None, "another", "there is no order failed"),
        ("unknown", None, None, "there is no order unknown"),
    ],
)
async def test_an_act_that_nobody_takes_is_answered_with_why(
    service: OrderService, order_id: str, known_run: Run | None, owner: str | None, sentence: str
) -> None:
    """A customer is told nothing of who runs the shop or how, and of another's order nothing."""
    assert str(await refusal(service, order_id, known_run, owner)) == sentence


@pytest.mark.parametrize(
    ("known_run", "beginning"),
    [
        (LEFT_OPEN, f"{ENDED} PAYMENT_COMPLETED; its saga has ended, and it was not through"),
        (None, f"{ENDED} PENDING; Temporal has forgotten its saga, and it was not through"),
    ],
)
async def test_an_operator_is_told_what_helps(
    service: OrderService, known_run: Run | None, beginning: str
) -> None:
    """Of an order that was left open."""
    assert str(await refusal(service, "open", known_run, None)).startswith(beginning)
