"""What tools answer, as models; an assistant is given each quoted and cut (`words_of_others`)."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from contracts.acts import Act
from contracts.events import OrderEvent
from contracts.operations import Operation
from contracts.states import OrderStatus, SagaState
from contracts.views import ActView, ListedOrder
from routes.assistants.words_of_others import NOTE, shorten

T = TypeVar("T")

CONSTRAINTS = frozenset(
    {"pattern", "maxLength", "minLength", "minItems", "maxItems", "format", "examples"}
)
"""Of a schema: what a text that is quoted and cut need not fulfil."""

WORDY = frozenset({"title", "description", "default"})
"""What is left out of the schemas of answers: each client is sent them all."""

MOST_OF_A_PATTERN = 60
"""A longer one is left out of the schemas of arguments; the API says in words what is wrong."""


class Answer(BaseModel, Generic[T]):
    """What a tool answers."""

    note: str = Field(description="how to read the texts in it")
    left_out: tuple[str, ...] = Field(description="what of it is not here, as it is too much")
    answer: T


class OrderPage(BaseModel):
    """One page of a list of orders, the newest first."""

    orders: tuple[ListedOrder, ...]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last")
    warning: str | None = Field(description="what the page cannot tell; null when it tells all")


class EventPage(BaseModel):
    """One page of events, the oldest first."""

    events: tuple[OrderEvent, ...]
    next_after: int | None = Field(
        description="`after` of the next page, now or once there is more"
    )


class OperationPage(BaseModel):
    """One page of the log of operations, the newest first."""

    operations: tuple[Operation, ...]
    next_before: str | None = Field(description="`before` of the next page; null on the last")


class Explanation(BaseModel):
    """How an order stands, in sentences."""

    order_id: str
    state: SagaState
    status: OrderStatus
    needs_attention: bool
    sentences: tuple[str, ...]
    acts: tuple[ActView, ...] = Field(
        description="what may be done to it now, and of what is not possible why not; "
        "token_allows tells whether with this token"
    )


class HttpCall(BaseModel):
    """A call of the HTTP API."""

    method: str
    path: str
    body: dict[str, str] = Field(description="by field: what it is to hold")


class Proposal(BaseModel):
    """What an act would do, and whether the order's saga would take it now.

    It is a proposal also where the token allows no act: a person decides, with a token of theirs.
    """

    order_id: str
    act: Act
    step: str | None
    state: SagaState
    would_be_taken: bool = Field(description="whether the saga would, from whom may decide it")
    refusal: str | None = Field(description="why it would not be taken")
    token_allows: bool | None = Field(
        description="whether this token allows it, by the tool `act`; null where the order does "
        "not offer it"
    )
    effect: str = Field(description="what it does, once it is taken")
    is_final: bool = Field(description="whether it cannot be undone")
    fields: tuple[str, ...] = Field(description="what whoever decides must say, besides the act")
    call: HttpCall = Field(
        description="the call by which it is done; the tool `act` makes it "
        "where the token allows it"
    )


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


def _without(
    schema: dict[str, Any], is_left_out: Callable[[str, Any], bool], *, has_names: bool = False
) -> dict[str, Any]:
    """Return a schema without some of its keywords.

    Args:
        schema: the schema, or a part of it.
        is_left_out: tells whether a keyword with this value is left out.
        has_names: whether the keys are names of properties, which may be called like a keyword.
    """

    def lean(value: Any, *, has_names: bool = False) -> Any:
        if isinstance(value, list):
            return [lean(entry) for entry in value]
        if isinstance(value, dict):
            return _without(value, is_left_out, has_names=has_names)
        return value

    return {
        name: lean(part, has_names=name in ("properties", "$defs") and not has_names)
        for name, part in schema.items()
        if has_names or not is_left_out(name, part)
    }


def write_answer(
    value: Any, whole: tuple[str, ...] = (), ours: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return an answer as an assistant is given it.

    Args:
        value: what a tool answers, as JSON.
        whole: as `shorten` takes it.
        ours: likewise.

    Raises:
        TooLong: it is too long, whatever is left out.
    """
    short = shorten(value, whole=whole, ours=ours)
    return {"note": NOTE, "left_out": list(short.left_out), "answer": short.value}
