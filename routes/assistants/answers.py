"""What tools answer, as models; an assistant is given each quoted and cut (`words_of_others`)."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from contracts.acts import Act
from contracts.events import OrderEvent
from contracts.operations import Operation
from contracts.states import OrderStatus, SagaState
from contracts.views import ActView, ListedOrder

T = TypeVar("T")

CONSTRAINTS = frozenset(
    {"pattern", "maxLength", "minLength", "minItems", "maxItems", "format", "examples"}
)
"""Of a schema: what a text that is quoted and cut need not fulfil."""

WORDY = frozenset({"title", "description", "default"})
"""What is left out of the schemas of answers: each client is sent them all."""

NAMES = frozenset({"properties", "$defs"})
"""Keywords whose own keys are names, which may be called like a keyword."""

MOST_OF_A_PATTERN = 60
"""A longer one is left out of the schemas of arguments; the API says in words what is wrong."""


class Answer(BaseModel, Generic[T]):
    """What a tool answers.

    Args:
        note: how to read the texts in it.
        left_out: what of it is not here, as it is too much.
    """

    note: str
    left_out: tuple[str, ...]
    answer: T


class OrderPage(BaseModel):
    """One page of a list of orders, the newest first.

    Args:
        next_cursor: `cursor` of the next page; null on the last.
        warning: what the page cannot tell; null when it tells all.
    """

    orders: tuple[ListedOrder, ...]
    next_cursor: str | None
    warning: str | None


class EventPage(BaseModel):
    """One page of events, the oldest first; `next_after` leads to what is to come."""

    events: tuple[OrderEvent, ...]
    next_after: int | None


class OperationPage(BaseModel):
    """One page of the log of operations, the newest first; `next_before` is null on the last."""

    operations: tuple[Operation, ...]
    next_before: str | None


class Explanation(BaseModel):
    """How an order stands, in sentences.

    Args:
        acts: what may be done to it now, and of what is not possible why not; `token_allows` tells
            whether with this token.
    """

    order_id: str
    state: SagaState
    status: OrderStatus
    needs_attention: bool
    sentences: tuple[str, ...]
    acts: tuple[ActView, ...]


class HttpCall(BaseModel):
    """A call of the HTTP API; `body` says by field what it is to hold."""

    method: str
    path: str
    body: dict[str, str]


class Proposal(BaseModel):
    """What an act would do, and whether the order's saga would take it now.

    It is a proposal also where the token allows no act: a person decides, with a token of theirs.

    Args:
        would_be_taken: whether the saga would, from whom may decide it.
        refusal: why it would not be taken.
        token_allows: whether this token allows it, by the tool `act`; null where the order does not
            offer it.
        effect: what it does, once it is taken.
        is_final: whether it cannot be undone.
        fields: what whoever decides must say, besides the act.
        call: by which it is done; the tool `act` makes it where the token allows it.
    """

    order_id: str
    act: Act
    step: str | None
    state: SagaState
    would_be_taken: bool
    refusal: str | None
    token_allows: bool | None
    effect: str
    is_final: bool
    fields: tuple[str, ...]
    call: HttpCall


def schema_of(answer: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of what a tool answers."""
    schema = Answer[answer].model_json_schema(mode="serialization")  # type: ignore[valid-type]
    return _without(schema, lambda name, _: name in CONSTRAINTS | WORDY)


def schema_of_arguments(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of what a tool takes."""
    return _without(
        model.model_json_schema(),
        lambda name, part: name == "title" or (name == "pattern" and len(part) > MOST_OF_A_PATTERN),
    )


def _without(schema: dict[str, Any], is_left_out: Callable[[str, Any], bool]) -> dict[str, Any]:
    """Return a schema, or a part of it, without the keywords that are left out with their value."""

    def lean(part: Any) -> Any:
        if isinstance(part, list):
            return [lean(entry) for entry in part]
        return _without(part, is_left_out) if isinstance(part, dict) else part

    return {
        keyword: (
            {name: lean(part) for name, part in value.items()} if keyword in NAMES else lean(value)
        )
        for keyword, value in schema.items()
        if not is_left_out(keyword, value)
    }
