"""How Temporal's own database answers what we ask of visibility: by an index, not run by run."""

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.testing import WorkflowEnvironment

from application.visibility import IS_RUNNING, in_state, running_of
from application.watch import ENDED_EARLY, STUCK, WEDGED
from contracts.states import SagaState
from operations.audit.sagas import began_between
from operations.up import temporal_server

QUERIES = (
    IS_RUNNING,
    STUCK,
    WEDGED,
    *ENDED_EARLY,
    *(in_state(state) for state in SagaState if state is not SagaState.FAILED),
    running_of(["a", "b", "c"]),
)
NOT_SELECTIVE = {"namespace_id", "TemporalNamespaceDivision", "workflow_type_name"}
"""Columns that have one value in all of our runs: an index on them alone is a scan."""

CLOSE_TIME = "coalesce(close_time, '9999-12-31 23:59:59+00:00')"
COLUMNS = {
    "ExecutionStatus": "status",
    "WorkflowId": "workflow_id",
    "WorkflowType": "workflow_type_name",
    "ExecutionTime": "execution_time",
}
STATUSES = {'"Running"': "1", '"ContinuedAsNew"': "6"}
"""Temporal's schema, as of server 1.32: https://github.com/temporalio/temporal."""

BEHIND_A_PAGE = (
    f"(({CLOSE_TIME} = ? AND start_time = ? AND run_id > ?) "
    f"OR ({CLOSE_TIME} = ? AND start_time < ?) OR {CLOSE_TIME} < ?)"
)
"""How the server asks for what follows a page, by its token."""

pytestmark = pytest.mark.long


class Schema(NamedTuple):
    """A database with visibility's schema, and its columns by attributes."""

    file: Path
    columns: Mapping[str, str]


@pytest.fixture(scope="module")
async def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    """The database of a real server."""
    file = tmp_path_factory.mktemp("schema") / "temporal.db"
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_server.temporal_binary(),
        dev_server_database_filename=str(file),
        dev_server_extra_args=temporal_server.search_attribute_flags(),
    ) as server:
        request = DescribeNamespaceRequest(namespace=server.client.namespace)
        namespace = await server.client.workflow_service.describe_namespace(request)
    aliases = namespace.config.custom_search_attribute_aliases
    return Schema(file, COLUMNS | {name: column for column, name in aliases.items()})


async def test_no_question_looks_at_every_run(schema: Schema) -> None:
    """Each finds its rows in an index by what it asks for, however many runs are closed."""
    plans = {query: plan(schema, query) for query in QUERIES}
    assert {query: how for query, how in plans.items() if not selective_columns(how)} == {}
    by_id_alone = plan(schema, 'WorkflowId IN ("order-a", "order-b")')
    assert selective_columns(by_id_alone) == set()  # else running_of could do without the status


async def test_the_audit_finds_the_runs_of_a_window_in_an_index(schema: Schema) -> None:
    """By the time at which they began; behind a page of all runs each page would be read again."""
    at = datetime(2026, 11, 28, 17, 37, tzinfo=UTC)
    by_time = plan(schema, began_between(at, at + timedelta(minutes=1)))
    assert "execution_time>? AND execution_time<?" in by_time
    behind_a_page = plan(schema, f"WorkflowType = 'OrderSaga' AND {BEHIND_A_PAGE}")
    assert not re.search(r"[<>]\?", behind_a_page), behind_a_page


def sql(query: str, columns: Mapping[str, str]) -> str:
    """Return a visibility query as the server asks its database; `columns` by attributes."""
    for name, value in (*columns.items(), *STATUSES.items()):
        query = query.replace(name, value)
    query = re.sub(r'"([^"]*)"', r"'\1'", query)
    return (
        "SELECT run_id, memo FROM executions_visibility "
        f"WHERE (workflow_type_name = 'OrderSaga' AND ({query})) "
        "AND TemporalNamespaceDivision IS NULL AND namespace_id = ? "
        f"ORDER BY {CLOSE_TIME} DESC, start_time DESC, run_id "
        "LIMIT 1000"
    )


def plan(schema: Schema, query: str) -> str:
    """Return how the database would find the rows."""
    statement = sql(query, schema.columns)
    with closing(sqlite3.connect(schema.file)) as connection:
        values = [None] * statement.count("?")
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        return "; ".join(row[3] for row in rows)


def selective_columns(how: str) -> set[str]:
    """Return the columns by which a plan finds rows, but for those that have one value in all."""
    return set(re.findall(r"(\w+)=\?", how)) - NOT_SELECTIVE
