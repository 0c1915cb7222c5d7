"""How a batch operation goes on when an order gives no result; Temporal's answers are made up."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from application import batch_runner
from application.batch_runner import BatchRunner
from application.run import Run
from application.runs import Runs
from contracts.batches import Batch, BatchOutcome, BatchState
from contracts.ids import id_again
from contracts.operations import Door, OperationFilter, Outcome
from participants.order.batches import Batches
from participants.order.operations import Operations
from participants.order.service import OrderService
from tests.application.order_runs import at, run
from tests.commands import ORDER, START, cancel, register

ANN = {"by": "ann", "reason": "in order", "filter": {}}
GONE = RPCError("not found", RPCStatusCode.NOT_FOUND, b"")


class Frontend:
    """Answers for Temporal: each saga with the error that it has here."""

    namespace = "default"
    data_converter = DataConverter.default

    def __init__(self, **errors: Exception) -> None:
        self.errors = errors
        self.on_update: Callable[[], object] = bool
        self.update_ids: list[tuple[str, str]] = []
        self.states: dict[str, str] = {}
        """What the sagas showed that have ended, by order."""
        self.end: WorkflowExecutionStatus | None = None
        """How somebody ended the batch operation's workflow."""

    @property
    def client(self) -> Client:
        """A client whose calls come here."""
        return cast(Client, self)

    def get_workflow_handle(self, workflow_id: str) -> Any:
        """Return what takes updates of a saga."""
        order_id = workflow_id.removeprefix("order-")

        async def execute_update(*_: Any, id: str, **__: Any) -> None:  # noqa: A002  # Temporal's name
            self.update_ids.append((order_id, id))
            self.on_update()
            if error := self.errors.get(order_id):
                raise error

        async def result() -> None:
            """It has closed."""

        async def describe(**_: Any) -> Any:
            if workflow_id == "batch-b" and self.end:
                return SimpleNamespace(status=self.end)
            if (state := self.states.get(order_id)) is None:
                raise GONE
            raw = DescribeWorkflowExecutionResponse()
            raw.workflow_execution_info.close_time.FromDatetime(START)
            attributes = raw.workflow_execution_info.search_attributes
            attributes.indexed_fields["SagaState"].data = json.dumps(state).encode()
            return SimpleNamespace(raw_description=raw)

        return SimpleNamespace(
            id=workflow_id, execute_update=execute_update, result=result, describe=describe
        )

    async def start_workflow(self, *_: Any, **__: Any) -> None:
        """Start a saga."""


@pytest.fixture
def service(tmp_path: Path, open_engine: Callable[[str], sa.Engine]) -> OrderService:
    """Give an order service of an empty database."""
    return OrderService.open(open_engine(f"sqlite:///{tmp_path}/order.db"))


def start(service: OrderService, order_ids: list[str], act: str = "approve") -> Batches:
    service.batches.start(Batch.model_validate({"batch_id": "b", "act": act, **ANN}), order_ids)
    return service.batches


def results(batches: Batches) -> dict[str, tuple[BatchOutcome, str | None]]:
    return {
        result.order_id: (result.outcome, result.message)
        for _, result in batches.results("b", None, -1, 9)
    }


async def test_an_error_at_one_order_keeps_no_other_from_its_result(service: OrderService) -> None:
    """It counts as a try; after the last one the order is given up, with the error's words."""
    batches = start(service, ["bad", "good"])
    temporal = Frontend(bad=KeyError("no such thing"))
    for _ in range(batch_runner.MOST_TRIES):
        progress = await BatchRunner(service, 2).run("b", temporal.client)
    assert progress.is_over
    assert results(batches) == {
        "good": (BatchOutcome.DONE, None),
        "bad": (
            BatchOutcome.NOT_REACHED,
            "given up after 10 tries, it may still be taken: KeyError: 'no such thing'",
        ),
    }
    assert temporal.update_ids.count(("good", "batch-b-good")) == 1


async def test_stopped_it_asks_once_more_what_came_of_what_was_sent(service: OrderService) -> None:
    """Under the same id, so that nothing is done twice; and of no other order."""
    batches = start(service, ["taken", "silent", "waits"])
    batches.take("b", 2)
    batches.ask_to_stop("b", "otto", "not these")
    temporal = Frontend(silent=RPCError("away", RPCStatusCode.UNAVAILABLE, b""))
    progress = await BatchRunner(service, 2).run("b", temporal.client)
    assert progress.is_over
    assert batches.state("b") is BatchState.STOPPED
    assert {order_id: outcome for order_id, (outcome, _) in results(batches).items()} == {
        "taken": BatchOutcome.DONE,
        "silent": BatchOutcome.NOT_REACHED,
        "waits": BatchOutcome.SKIPPED,
    }
    assert sorted(temporal.update_ids) == [
        (order_id, f"batch-b-{order_id}") for order_id in ("silent", "taken")
    ]


async def test_an_order_left_open_refuses_as_it_does_by_itself(service: OrderService) -> None:
    """In the state that its saga showed last, and with what helps."""
    frontend = Frontend(**dict.fromkeys(("sold", "gone", "failed", "unheard", "lost"), GONE))
    frontend.states = {"sold": "COMPLETED", "unheard": "AWAITING_REVIEW", "lost": "FAILED"}
    for order_id in ("sold", "gone"):
        service.register(register(order_id, ORDER))
    service.cancel(cancel("failed", ORDER))
    batches = start(service, list(frontend.errors))
    await BatchRunner(service, 2).run("b", frontend.client)
    messages = {order_id: message for order_id, (_, message) in results(batches).items()}
    no_act = "its saga was ended from outside, and takes no act: the order is"
    for order_id, beginning in (
        ("sold", f"{no_act} COMPLETED; its saga has ended, and it was not through"),
        ("gone", f"{no_act} PENDING; Temporal has forgotten its saga"),
        ("unheard", f"{no_act} AWAITING_REVIEW; its saga has ended, and it was not through"),
        ("failed", "too late: the order is FAILED"),
        ("lost", "too late: the order is FAILED"),
    ):
        assert (messages[order_id] or "").startswith(beginning), order_id


async def test_once_it_is_stopped_no_other_order_is_begun(
    service: OrderService, open_engine: Callable[[str], sa.Engine], tmp_path: Path
) -> None:
    """Those whose turn had come with that of the last one are skipped, and not in the log."""
    order_ids = [f"o{number}" for number in range(6)]
    batches = start(service, order_ids)
    temporal = Frontend()
    temporal.on_update = lambda: batches.ask_to_stop("b", "otto", "not these")
    progress = await BatchRunner(service, 2).run("b", temporal.client)
    assert (progress.is_over, batches.state("b")) == (True, BatchState.STOPPED)
    acted_on = {order_id for order_id, _ in temporal.update_ids}
    assert 1 <= len(acted_on) <= 2  # as many as are acted on at one time
    assert {
        order_id for order_id, (outcome, _) in results(batches).items() if outcome == "DONE"
    } == acted_on
    skips = [result for _, result in batches.results("b", BatchOutcome.SKIPPED, -1, 9)]
    assert {result.order_id: result.tries for result in skips} == dict.fromkeys(
        set(order_ids) - acted_on, 0
    )
    log, _ = Operations(open_engine(f"sqlite:///{tmp_path}/order.db")).page(OperationFilter(), 9)
    assert {entry.order_id for entry in log} == acted_on


@pytest.mark.parametrize(
    "end", [WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.CANCELED]
)
async def test_to_end_its_workflow_in_temporal_is_to_stop_it(
    end: WorkflowExecutionStatus,
    service: OrderService,
    open_engine: Callable[[str], sa.Engine],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the middle of a round, which nobody calls back; the log says so once."""
    monkeypatch.setattr(batch_runner, "HEAR_SECONDS", 0)
    order_ids = [f"o{number}" for number in range(6)]
    batches = start(service, order_ids)
    frontend = Frontend()
    frontend.on_update = lambda: setattr(frontend, "end", end)
    progress = await BatchRunner(service, 1).run("b", frontend.client)
    assert progress.is_over
    batch = batches.find("b")
    assert batch is not None
    assert batch.stop is not None
    assert (batch.state, batch.stop.by) == (BatchState.STOPPED, "temporal")
    assert (batch.counts[BatchOutcome.DONE], batch.counts[BatchOutcome.SKIPPED]) == (1, 5)
    log, _ = Operations(open_engine(f"sqlite:///{tmp_path}/order.db")).page(OperationFilter(), 9)
    assert [
        (entry.outcome, entry.by, entry.reason, entry.door, entry.batch_id)
        for entry in log
        if entry.act == "stop-batch"
    ] == [(Outcome.DONE, "temporal", batch.stop.reason, Door.TEMPORAL, "b")]


async def test_a_temporal_that_does_not_say_how_it_stands_stops_nothing(
    service: OrderService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it keep an act from an order that can be reached."""
    batches = start(service, ["7"])
    frontend = Frontend()
    away = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
    answers = frontend.get_workflow_handle

    async def fail(**_: Any) -> None:
        raise away

    def handle(workflow_id: str) -> Any:
        return SimpleNamespace(**vars(answers(workflow_id)) | {"describe": fail})

    monkeypatch.setattr(frontend, "get_workflow_handle", handle)
    assert (await BatchRunner(service, 1).run("b", frontend.client)).is_over
    assert batches.state("b") is BatchState.COMPLETED


async def test_of_an_order_placed_again_the_new_one_is_named(service: OrderService) -> None:
    """Also when somebody else did it before."""
    service.cancel(cancel("7", ORDER))
    service.cancel(cancel(id_again("7"), ORDER).model_copy(update={"again_of": "7"}))
    batches = start(service, ["7"], "place-again")
    await BatchRunner(service, 1).run("b", Frontend().client)
    assert results(batches) == {"7": (BatchOutcome.DONE, f"placed again as {id_again('7')}")}


async def test_a_cancel_of_temporals_own_is_no_words_of_the_batch_operation(
    service: OrderService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says nothing of who cancelled: so who is refused, at a second try, is told so."""
    batches = start(service, ["7"], "cancel")
    batches.take("b", 1)
    refusal = WorkflowUpdateFailedError(ApplicationError("too late to cancel"))
    cancel_of_temporal = at("decision", "cancel", by="temporal", reason="")

    async def find(_runs: Runs, _order_id: str) -> Run:
        return run("ROLLING_BACK", cancel_of_temporal)

    monkeypatch.setattr(Runs, "find", find)
    await BatchRunner(service, 1).run("b", Frontend(**{"7": refusal}).client)
    assert results(batches) == {"7": (BatchOutcome.REFUSED, "too late to cancel")}
