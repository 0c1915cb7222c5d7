"""How a batch operation ends, and what its orders without a result end with."""

from datetime import UTC, datetime

import sqlalchemy as sa

from contracts.batches import BatchOutcome, BatchState, BatchStop
from participants.order import batch_log
from participants.order.batch_tables import BATCH_ORDERS, BATCHES

ENDS = {
    BatchState.STOPPING: BatchState.STOPPED,
    BatchState.RUNNING: BatchState.COMPLETED,
}
"""By how a batch operation stands: how it ends."""

NO_ANSWER = "it was sent and no answer is noted: it may have been taken"
"""What is known of an act that was sent, when the batch operation ends before its result."""

WORKFLOW_ENDED = "its workflow was ended in Temporal"

ORDERS = BATCH_ORDERS.c


def stop(connection: sa.Connection, batch_id: str, words: BatchStop) -> bool:
    """Let a batch operation stop, in the caller's transaction; False when it is not running."""
    running = sa.update(BATCHES).where(
        BATCHES.c.batch_id == batch_id, BATCHES.c.state == BatchState.RUNNING
    )
    values = {"state": BatchState.STOPPING, "stop": words.model_dump(mode="json")}
    return connection.execute(running.values(**values)).rowcount == 1


def stop_with_workflow(connection: sa.Connection, batch_id: str) -> None:
    """Let one stop whose workflow was ended in Temporal, and note it: no front door did."""
    words = BatchStop(by="temporal", reason=WORKFLOW_ENDED, at=datetime.now(UTC))
    if stop(connection, batch_id, words):
        batch = connection.execute(sa.select(BATCHES).where(BATCHES.c.batch_id == batch_id)).one()
        batch_log.stop(connection, batch, words)


def end(connection: sa.Connection, batch_id: str) -> None:
    """End a batch operation, in the caller's transaction; each of its orders has a result then."""
    now = datetime.now(UTC)
    for state, end_state in ENDS.items():
        batches = sa.update(BATCHES).where(BATCHES.c.batch_id == batch_id, BATCHES.c.state == state)
        connection.execute(batches.values(state=end_state, ended_at=now))
    waiting = sa.update(BATCH_ORDERS).where(
        ORDERS.batch_id == batch_id, ORDERS.outcome == BatchOutcome.WAITING
    )
    not_tried = waiting.where(ORDERS.tries == 0)
    connection.execute(not_tried.values(outcome=BatchOutcome.SKIPPED, at=now))
    # One that was taken while this looked at the others is among these.
    answerless = waiting.values(outcome=BatchOutcome.NOT_REACHED, message=NO_ANSWER, at=now)
    numbers = connection.scalars(answerless.returning(ORDERS.number)).all()
    if numbers:
        batch = connection.execute(sa.select(BATCHES).where(BATCHES.c.batch_id == batch_id)).one()
        batch_log.end(
            connection, batch, [(number, BatchOutcome.NOT_REACHED, NO_ANSWER) for number in numbers]
        )
