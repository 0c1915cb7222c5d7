"""Which database each participant serves from, kept where all its workers meet: in Temporal.

A workflow `participant-{name}` that never begins carries the database's identity in its memo. Its
id is unique, so of two workers that come first with different databases one wins. It needs no
worker, and retention never deletes an open workflow.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

WORKFLOW_TYPE = "ParticipantDatabase"
QUEUE = "participant-databases"
"""Nobody works on it: there is nothing to be done."""

NEVER = timedelta(days=36_500)
"""When the workflow begins."""

ANSWER_LIMIT = timedelta(seconds=5)

MEMO_IDENTITY = "identity"
MEMO_DATABASE = "database"

LEAVE_IT_SECONDS = 15
"""A rejected worker may register its database only this long after: those that serve check more
often than that whether theirs is registered, and register it again. So terminating every workflow
by mistake changes nothing."""


class Database(Protocol):
    """A database that knows who it is."""

    @property
    def id(self) -> str:
        """Which it is."""
        ...

    @property
    def participant(self) -> str:
        """Whose it is."""
        ...

    @property
    def where(self) -> str:
        """Where it lies, without a password."""
        ...

    def was_replaced(self) -> bool:
        """Tell whether its file was deleted or replaced since its identity was read."""
        ...


class ForeignDatabase(Exception):
    """A database is not the one that its participant serves from.

    The message says which one is, and what to do.
    """


class Registration:
    """A participant's database among those that are registered in a namespace."""

    def __init__(self, client: Client, participant: str, database: Database) -> None:
        """Compare `database` with the one that `participant` serves from."""
        self.client = client
        self._participant = participant
        self.database = database
        self._turned_away_at: float | None = None

    async def check(self) -> bool:
        """Return True when this is the participant's database; register it where none is.

        Raises:
            ForeignDatabase: it is another's, or another one is the participant's, or its file was
                deleted or replaced since its identity was read.
            RPCError: Temporal is away, or does not let us ask.
        """
        own = self.database
        if own.was_replaced():
            raise ForeignDatabase(
                f"the file of {own.where} was deleted or replaced under this process: stop what "
                "uses it, put it back from a backup, and start again"
            )
        if own.participant != self._participant:
            raise ForeignDatabase(
                f"this is the database of {own.participant}, not of {self._participant}: "
                f"set {self._setting} to the right one"
            )
        memo = await self._find()
        if memo is None:
            if (
                self._turned_away_at is not None
                and time.monotonic() - self._turned_away_at < LEAVE_IT_SECONDS
            ):
                raise ForeignDatabase(
                    f"{self._workflow_id} has ended, and {own.where} becomes the database of "
                    f"{self._participant} unless a worker that serves from another one says so "
                    f"within {LEAVE_IT_SECONDS} s"
                )
            memo = await self._register()
        if memo.get(MEMO_IDENTITY) != own.id:
            self._turned_away_at = time.monotonic()
            raise ForeignDatabase(self._difference(memo))
        self._turned_away_at = None
        return True

    def _difference(self, memo: Mapping[str, Any]) -> str:
        """Say which database the participant's is, which this one, and what to do."""
        own = self.database
        where = memo.get(MEMO_DATABASE)
        identity = memo.get(MEMO_IDENTITY)
        command = terminate_command(
            self._participant,
            self.client.namespace,
            self.client.service_client.config.target_host,
        )
        begin = f"this is not the database that {self._participant} serves from in this namespace: "
        end = (
            "; or, to go on with this one and without what the other holds, stop whoever serves "
            f"from the other and type: {command}"
        )
        if where == own.where:
            return (
                f"{begin}{was_replaced(where, identity, own.id)}. Stop what uses it, and put it "
                f"back from a backup{end}"
            )
        return (
            f"{begin}that one is {where} ({identity}), this one {own.where} ({own.id}). "
            f"Set {self._setting} to it{end}"
        )

    @property
    def _workflow_id(self) -> str:
        return _workflow_id(self._participant)

    @property
    def _setting(self) -> str:
        return setting_of(self._participant)

    async def _find(self) -> Mapping[str, Any] | None:
        """Return what is registered, or None when nothing is."""
        return await find_registered(self.client, self._participant)

    async def _register(self) -> Mapping[str, Any]:
        """Register this database; return what is registered: another one if that came first."""
        own = {MEMO_IDENTITY: self.database.id, MEMO_DATABASE: self.database.where}
        while True:
            try:
                await self.client.start_workflow(
                    WORKFLOW_TYPE,
                    id=self._workflow_id,
                    task_queue=QUEUE,
                    start_delay=NEVER,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    memo=own,
                    static_summary=f"{self._participant} serves from {self.database.where}",
                    rpc_timeout=ANSWER_LIMIT,
                )
            except WorkflowAlreadyStartedError:
                if (memo := await self._find()) is not None:
                    return memo
            else:
                return own


async def find_registered(
    client: Client, participant: str, limit: timedelta = ANSWER_LIMIT
) -> Mapping[str, Any] | None:
    """Return the memo of the database registered for a participant; None if there is none.

    Raises:
        RPCError: Temporal is away, or does not let us ask.
    """
    handle = client.get_workflow_handle(_workflow_id(participant))
    try:
        description = await handle.describe(rpc_timeout=limit)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return None
    return (
        await description.memo() if description.status == WorkflowExecutionStatus.RUNNING else None
    )


def setting_of(participant: str) -> str:
    """Return the environment variable that names a participant's database."""
    return f"{participant.upper()}_DATABASE_URL"


def was_replaced(where: Any, registered_id: Any, own: str) -> str:
    """Say of two databases at one URL what became of the one that is registered."""
    return (
        f"what was at {where} was deleted or replaced (it was {registered_id}, and is {own} now), "
        "or is on another machine"
    )


def terminate_command(
    participant: str, namespace: str, address: str, temporal: str = "temporal"
) -> str:
    """Return the command that ends a participant's registration, so that another can be made."""
    return (
        f"{temporal} workflow terminate --workflow-id {_workflow_id(participant)} "
        f"--namespace {namespace} --address {address}"
    )


def _workflow_id(participant: str) -> str:
    return f"participant-{participant}"
