"""A run that has closed, made from its history alone."""

from datetime import UTC

from application.run import Run
from application.run_history import RunHistory
from contracts.states import SagaState
from temporal_saga.failure import Failure
from temporal_saga.memo import MEMO_KEY, SagaMemo
from tests.temporal_saga.server_events import NOW, decode, event, payload, state

MEMO = SagaMemo(failure=Failure(reason="CANCELLED", message="cancelled by anna: twice"))


def test_a_history_tells_what_describe_would() -> None:
    """The attributes and the memo as they were written last, and when it began and ended."""
    history = RunHistory(
        [
            event(
                1,
                "workflow_execution_started",
                search_attributes=state("PENDING"),
                memo={"fields": {"request_key": payload("key"), MEMO_KEY: payload("nonsense")}},
            ),
            event(2, "upsert_workflow_search_attributes", search_attributes=state("ROLLING_BACK")),
            event(
                3,
                "workflow_properties_modified",
                upserted_memo={"fields": {MEMO_KEY: payload(MEMO.to_json())}},
            ),
            event(4, "workflow_execution_failed"),
        ]
    )
    run = Run.of(history.info(), decode)
    assert run == Run(
        started_at=NOW,
        closed_at=NOW,
        attributes={"SagaState": "ROLLING_BACK", "CustomerId": "17850"},
        memo=MEMO,
    )
    assert run.state is SagaState.ROLLING_BACK
    assert run.started_at.tzinfo is UTC
