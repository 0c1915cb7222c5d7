"""What a local activity may answer: no more than its workflow task can carry."""

from typing import Any

from temporalio import activity
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

MOST_BYTES = 256 * 2**10
"""Of the answer of a local activity, or of its error.

It is sent to the server with the workflow task. One over 2 MiB the server refuses with the whole
task, which is then tried again for ever; of an ordinary activity only that activity fails.
"""

TOO_LARGE = "TooLarge"
"""The type of the error that stands for such an answer."""


class BoundedAnswers(ActivityInboundInterceptor):
    """Lets a local activity fail whose answer or error is too large.

    It may have had its effect: the command is sent again as an ordinary activity, under its key.
    """

    async def execute_activity(
        self,
        input: ExecuteActivityInput,  # noqa: A002  # the SDK's name
    ) -> Any:
        """Execute it, and look at what comes of it."""
        if not activity.info().is_local:
            return await super().execute_activity(input)
        converter = activity.payload_converter()
        try:
            answer = await super().execute_activity(input)
        except Exception as error:
            failure = Failure()
            DefaultFailureConverter().to_failure(error, converter, failure)
            _check(failure.ByteSize())
            raise
        _check(converter.to_payload(answer).ByteSize())
        return answer


def _check(size: int) -> None:
    if size > MOST_BYTES:
        problem = f"a local activity's answer or error has {size} bytes, {MOST_BYTES} are allowed"
        raise ApplicationError(problem, type=TOO_LARGE) from None
