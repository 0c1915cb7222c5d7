"""What a caller is told of a saga that does not answer."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from application.errors import NotNow, NotPossible, NoWorkerAnswered, SagaWedged
from application.order_view import view_of_run
from application.run import Run
from application.runs import Runs
from contracts.acts import Act
from contracts.decisions import Decision
from tests.act_sender import act_sender
from tests.application.order_runs import CLOSED_AT, LINKS, PAID, run

GOING = run("PAYMENT_COMPLETED", *PAID)
REPORTED = {**GOING.attributes, "TemporalReportedProblems": ["category=WorkflowTaskFailed"]}


@pytest.mark.parametrize(
    ("silent_run", "error"),
    [
        (replace(GOING, wedged_since=CLOSED_AT), SagaWedged),
        (replace(GOING, attributes=REPORTED), SagaWedged),
        (GOING, NoWorkerAnswered),
        (None, NoWorkerAnswered),
    ],
    ids=["tried again", "reported", "no worker", "gone"],
)
async def test_silence_is_that_of_a_wedged_saga_where_its_order_says_so(
    silent_run: Run | None, error: type[Exception]
) -> None:
    """By the same rule, also where Temporal reports problems and no task is under way."""

    async def no_answer(*_: Any, **__: Any) -> None:
        raise TimeoutError

    async def describe(_order_id: str) -> Run | None:
        return silent_run

    handle = SimpleNamespace(execute_update=no_answer)
    sagas = SimpleNamespace(describe=describe, handle=lambda _order_id: handle)
    sender = act_sender(cast(Runs, sagas))
    with pytest.raises((NotNow, NotPossible)) as error_info:
        await sender.send("7", Act.CANCEL, Decision(by="ann", reason="no"), "cancel-1")
    assert error_info.type is error
    if silent_run:
        refusals = {act.refusal for act in view_of_run("7", silent_run, LINKS).acts}
        assert (refusals == {str(error_info.value)}) == (error is SagaWedged)
