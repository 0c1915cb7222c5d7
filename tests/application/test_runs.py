import asyncio
from datetime import timedelta

import pytest
from temporalio.service import RPCError, RPCStatusCode

from application.errors import Away, Busy, NotNow
from application.runs import temporal

UNANSWERED: list[tuple[Exception, type[NotNow]]] = [
    (RuntimeError("Failed client connect"), Away),
    (RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b""), Away),
    (RPCError("too late", RPCStatusCode.DEADLINE_EXCEEDED, b""), Away),
    (RPCError("namespace rate limit exceeded", RPCStatusCode.RESOURCE_EXHAUSTED, b""), Busy),
]


@pytest.mark.parametrize(("error", "kind"), UNANSWERED, ids=str)
async def test_no_answer_of_temporal_is_an_error_of_ours(
    error: Exception, kind: type[NotNow]
) -> None:
    """Callers can tell a Temporal that is away from one that is asked too often."""
    with pytest.raises(kind) as error_info:
        async with temporal():
            raise error
    assert error_info.value.__cause__ is error


async def test_temporal_is_waited_for_within_a_limit() -> None:
    """A client that goes on trying for longer than it was asked to is not waited for."""
    with pytest.raises(Away):
        async with temporal(timedelta(milliseconds=1)):
            await asyncio.Event().wait()


@pytest.mark.parametrize(
    "error", [TimeoutError(), RPCError("no such run", RPCStatusCode.NOT_FOUND, b"")], ids=repr
)
async def test_what_is_not_about_temporal_passes(error: Exception) -> None:
    """An answer that is an error, and a limit of the caller's own, stay what they are."""
    with pytest.raises(type(error)):
        async with temporal(timedelta(seconds=60)):
            raise error
