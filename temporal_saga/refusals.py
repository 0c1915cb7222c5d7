"""A participant's business "no", and how it becomes an error that no saga tries again."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from pydantic_core import to_jsonable_python
from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from temporal_saga.keys import is_compensation


class Refusals(Interceptor):
    """Reports what a worker's activities answer or raise as a refusal: `interceptors=[…]`."""

    def __init__(self, refusals: Collection[type]) -> None:
        """Take instances of these classes for refusals."""
        self._refusals = tuple(refusals)

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002  # the SDK's name
    ) -> ActivityInboundInterceptor:
        """Look at what its activities answer and raise."""
        return _Refusing(next, self._refusals) if self._refusals else next


class _Refusing(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, refusals: tuple[type, ...]) -> None:
        super().__init__(inner)
        self._refusals = refusals
        self._errors = tuple(kind for kind in refusals if issubclass(kind, BaseException))

    async def execute_activity(
        self,
        input: ExecuteActivityInput,  # noqa: A002  # the SDK's name
    ) -> Any:
        """Execute it.

        Raises:
            ApplicationError: it refused. A compensation cannot: what it answers is an answer, and
                what it raises is an outage.
        """
        try:
            answer = await super().execute_activity(input)
        except self._errors as error:
            if _takes_back(input.args):
                raise
            self._refuse(error, {"message": str(error), **vars(error)})
        if isinstance(answer, self._refusals) and not _takes_back(input.args):
            self._refuse(answer, answer)
        return answer

    def _refuse(self, refusal: Any, fields: Any) -> NoReturn:
        """Raise a refusal as its class is named, with its fields as the detail.

        It is not retried, and being a business failure it counts as benign.
        """
        kind = next(kind for kind in self._refusals if isinstance(refusal, kind))
        document = to_jsonable_python(fields, fallback=str) | {"event": kind.__name__}
        raise ApplicationError(
            str(document.get("message", kind.__name__)),
            document,
            type=kind.__name__,
            non_retryable=True,
            category=ApplicationErrorCategory.BENIGN,
        ) from (refusal if isinstance(refusal, BaseException) else None)


def _takes_back(arguments: Sequence[Any]) -> bool:
    """Tell whether an activity's arguments are one command that is a compensation."""
    [command, *_] = [*arguments, None]
    if isinstance(command, list):  # what a dynamic activity is given
        command = _decode(command[0]) if command else None
    if isinstance(command, Mapping):
        key = command.get("idempotency_key")
    else:
        key = getattr(command, "idempotency_key", None)
    return isinstance(key, str) and is_compensation(key)


def _decode(argument: RawValue) -> Any:
    return activity.payload_converter().from_payload(argument.payload)
