"""The log of operations: who did, tried and was refused what."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from contracts.base import OPERATION_ID, Contract, Identifier
from contracts.text import Name

MOST_ON_A_PAGE = 100

MOST_OF_AN_AGENT = 200
MOST_OF_A_MESSAGE = 500
"""Characters of what others wrote that are kept."""


class Door(StrEnum):
    """The way by which an operation came in."""

    HTTP = "http"
    """A program, by the API."""
    CONSOLE = "console"
    """The console, which says so itself."""
    MCP = "mcp"
    """An assistant, by the Model Context Protocol."""
    BATCH = "batch"
    """A batch operation, which acts for whoever started it."""
    TEMPORAL = "temporal"
    """Temporal itself: its command line, its Web UI, or another client of it."""
    UNKNOWN = "unknown"
    """It reached the order's saga by an update, and no front door has a note of it."""


class Outcome(StrEnum):
    """What is known to have become of an operation."""

    TRIED = "TRIED"
    """It was sent, and no outcome is noted: it may have taken effect, or not."""
    DONE = "DONE"
    """It was taken."""
    REFUSED = "REFUSED"
    """It changed nothing."""


class Operation(Contract):
    """One entry of the log: somebody did, tried or was refused something.

    Entries are ordered by their ids.
    """

    id: str = Field(pattern=OPERATION_ID)
    at: datetime = Field(description="when it began (UTC)")
    act: str = Field(description="what was done: an act on an order, `place`, `read`, …")
    outcome: Outcome
    by: str = Field(description="who, as the order's record names them; empty where nobody says")
    subject: str | None = Field(description="the subject of the token; null where there is none")
    order_id: str | None
    step: str | None = Field(default=None, description="the stuck step that it is about")
    about: str | None = Field(default=None, description="of no order: what it is about, in words")
    reason: str | None = Field(default=None, description="why, in the person's own words")
    message: str | None = Field(
        default=None, description="why it was refused, or why its outcome is not known"
    )
    door: Door
    address: str | None = Field(description="where it came from, as far as proxies are trusted")
    agent: str | None = Field(description="the User-Agent that was sent, cut where it is long")
    batch_id: str | None = Field(default=None, description="the batch operation that it is part of")


class OperationFilter(Contract):
    """Which entries of the log are asked for; None asks for all."""

    person: Name | None = Field(
        default=None,
        description="who: a part of the name on record, or of a token's subject, in capitals or "
        "small letters",
    )
    act: Name | None = None
    outcome: Outcome | None = None
    order_id: Identifier | None = None
    door: Door | None = None
    batch_id: Identifier | None = None
    since: AwareDatetime | None = Field(default=None, description="at this time or later")
    until: AwareDatetime | None = Field(default=None, description="before this time")
    before: Annotated[str, Field(pattern=OPERATION_ID)] | None = Field(
        default=None, description="where the page begins: take it from `next`"
    )


class OperationList(Contract):
    """One page of the log, the newest first."""

    operations: tuple[Operation, ...]
    next: str | None = Field(description="where the log goes on; null when this is its end")
