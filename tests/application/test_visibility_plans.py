"""How Temporal's own database answers what we ask of visibility: by an index, not run by run."""

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.testing import WorkflowEnvironment

from application.visibility import in_state, running_of
from application.watch import ENDED_EARLY, RUNNING, STUCK, WEDGED
from contracts.states import SagaState
from operations.up import temporal_server

QUERIES = (
    RUNNING,
    STUCK,
    WEDGED,
    *ENDED_EARLY,
    *(in_state(state) for state in SagaState if state is not SagaState.FAILED),
    running_of(["a", "b", "c"]),
)
NOT_SELECTIVE = {"namespace_id", "TemporalNamespaceDivision", "workflow_type_name"}
"""Columns that have one value in all of our runs: an index on them alone is a scan."""

COLUMNS = {"ExecutionStatus": "status", "WorkflowId": "workflow_id"}
STATUSES = {'"Running"': "1", '"ContinuedAsNew"': "6"}
"""Temporal's schema, as of server 1.32: https://github.com/temporalio/temporal."""


@pytest.mark.long
async def test_no_question_looks_at_every_run(tmp_path: Path) -> None:
    """Each finds its rows in an index by what it asks for, however many runs are closed."""
    file = tmp_path / "temporal.db"
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_server.temporal_binary(),
        dev_server_database_filename=str(file),
        dev_server_extra_args=temporal_server.search_attribute_flags(),
    ) as server:
        request = DescribeNamespaceRequest(namespace=server.client.namespace)
        namespace = await server.client.workflow_service.describe_namespace(request)
    aliases = namespace.config.custom_search_attribute_aliases
    columns = COLUMNS | {name: column for column, name in aliases.items()}
    plans = {query: plan(file, sql(query, columns)) for query in QUERIES}
    assert {query: how for query, how in plans.items() if not selective_columns(how)} == {}
    by_id_alone = plan(file, sql('WorkflowId IN ("order-a", "order-b")', columns))
    assert selective_columns(by_id_alone) == set()  # else running_of could do without the status


def sql(query: str, columns: Mapping[str, str]) -> str:
    """Return a visibility query as the server asks its database; `columns` by attributes."""
    for name, value in (*columns.items(), *STATUSES.items()):
        query = query.replace(name, value)
    query = re.sub(r'"([^"]*)"', r"'\1'", query)
    return (
        "SELECT run_id, memo FROM executions_visibility "
        f"WHERE (workflow_type_name = 'OrderSaga' AND ({query})) "
        "AND TemporalNamespaceDivision IS NULL AND namespace_id = ? "
        "ORDER BY coalesce(close_time, '9999-12-31 23:59:59+00:00') DESC, start_time DESC, run_id "
        "LIMIT 1000"
    )


def plan(file: Path, statement: str) -> str:
    """Return how the database would find the rows."""
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", ("a namespace",))
        return "; ".join(row[3] for row in rows)


def selective_columns(how: str) -> set[str]:
    """Return the columns by which a plan finds rows, but for those that have one value in all."""
    return set(re.findall(r"(\w+)=\?", how)) - NOT_SELECTIVE
