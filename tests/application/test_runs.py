import asyncio
from datetime import timedelta

import pytest
from temporalio.service import RPCError, RPCStatusCode

from application.runs import temporal
from routes.problems import Problem

AWAY = [
    RuntimeError("Failed client connect"),
    RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b""),
    RPCError("too late", RPCStatusCode.DEADLINE_EXCEEDED, b""),
    RPCError("namespace rate limit exceeded", RPCStatusCode.RESOURCE_EXHAUSTED, b""),
]


@pytest.mark.parametrize("error", AWAY, ids=str)
async def test_the_absence_of_temporal_is_told_as_503(error: Exception) -> None:
    """Whatever shows that Temporal does not answer becomes a problem that says to ask again."""
    with pytest.raises(Problem) as told:
        async with temporal():
            raise error
    assert (told.value.document.status, told.value.headers) == (503, {"Retry-After": "2"})


async def test_temporal_is_waited_for_within_a_limit() -> None:
    """A client that goes on trying for longer than it was asked to is not waited for."""
    with pytest.raises(Problem) as told:
        async with temporal(timedelta(milliseconds=1)):
            await asyncio.Event().wait()
    assert told.value.document.status == 503


@pytest.mark.parametrize(
    "error", [TimeoutError(), RPCError("no such run", RPCStatusCode.NOT_FOUND, b"")], ids=repr
)
async def test_what_is_not_about_temporal_passes(error: Exception) -> None:
    """An answer that is an error, and a limit of the caller's own, stay what they are."""
    with pytest.raises(type(error)):
        async with temporal(timedelta(seconds=60)):
            raise error
