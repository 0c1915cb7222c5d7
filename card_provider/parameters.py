"""What callers may send: forms with brackets in their names, and the parameters of each call."""

from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from card_provider.errors import ApiError, invalid

Form = dict[str, Any]
P = TypeVar("P", bound=BaseModel)


def read_form(text: str) -> Form:
    """Return the fields of a form; `metadata[order_id]` is a field within a field."""
    form: Form = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        *parents, last = name.replace("]", "").split("[")
        fields = form
        for parent in parents:
            inner = fields.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise invalid(f"Invalid parameter: {name}", param=parents[0])
            fields = inner
        fields[last or str(len(fields))] = value
    return form


def _items(value: Any) -> Any:
    return list(value.values()) if isinstance(value, dict) else value


Items = Annotated[list[str], BeforeValidator(_items)]
Metadata = dict[
    Annotated[str, Field(max_length=40)], Annotated[str, Field(min_length=1, max_length=500)]
]


class Parameters(BaseModel):
    """The parameters of a call; one that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Confirmation(Parameters):
    """How to pay."""

    payment_method: str | None = None
    return_url: str | None = None
    off_session: bool = False
    error_on_requires_action: bool = False


class NewPayment(Confirmation):
    """What to pay."""

    amount: int = Field(ge=1)
    currency: str = Field(pattern="^[a-z]{3}$")
    confirm: bool = False
    capture_method: Literal["automatic", "automatic_async", "manual"] = "automatic"
    customer: str | None = None
    description: str | None = None
    metadata: Metadata = {}
    payment_method_types: Items = ["card"]


class Capture(Parameters):
    """How much to take; all that is held when it is not said."""

    amount_to_capture: int | None = Field(default=None, ge=1)


class Cancellation(Parameters):
    """Why a payment is given up."""

    cancellation_reason: (
        Literal["duplicate", "fraudulent", "requested_by_customer", "abandoned"] | None
    ) = None


class NewRefund(Parameters):
    """What to give back; all that is left when it is not said."""

    payment_intent: str
    amount: int | None = Field(default=None, ge=1)
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    metadata: Metadata = {}


class NewCustomer(Parameters):
    """Who pays."""

    email: str | None = None
    name: str | None = None
    description: str | None = None
    metadata: Metadata = {}


class NewWebhookEndpoint(Parameters):
    """Who hears of events: of the types that are given, or of all (`*`)."""

    url: str
    enabled_events: Items


class Between(Parameters):
    """A span of time, in seconds since 1970."""

    gt: int = 0
    gte: int = 0
    lt: int = 2**62
    lte: int = 2**62

    @property
    def first(self) -> int:
        """The first second of it."""
        return max(self.gt + 1 if self.gt else 0, self.gte)

    @property
    def last(self) -> int:
        """The last second of it."""
        return min(self.lt - 1, self.lte)


def _span(value: Any) -> Any:
    return {"gte": value, "lte": value} if isinstance(value, str) else value


class Page(Parameters):
    """Which part of a list."""

    limit: int = Field(default=10, ge=1, le=100)
    starting_after: str | None = None
    ending_before: str | None = None
    span: Annotated[Between, BeforeValidator(_span)] = Field(default=Between(), alias="created")


class PaymentPage(Page):
    """Which payments."""

    customer: str | None = None


class RefundPage(Page):
    """Which refunds."""

    payment_intent: str | None = None


class EventPage(Page):
    """Which events."""

    type: str | None = None


class CustomerPage(Page):
    """Which customers."""

    email: str | None = None


class Search(Parameters):
    """What to look for, and from which page on."""

    query: str
    limit: int = Field(default=10, ge=1, le=100)
    page: str | None = None


class Nothing(Parameters):
    """A call that has no parameters."""


def read(model: type[P], form: Form) -> P:
    """Return a call's parameters.

    Raises:
        ApiError: one is missing, unknown, or not what it must be.
    """
    try:
        return model.model_validate(form)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> ApiError:
    fault = error.errors(include_url=False, include_context=False)[0]
    name, *inner = map(str, fault["loc"])
    name += "".join(f"[{part}]" for part in inner)
    match fault["type"]:
        case "missing":
            return invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)
        case "extra_forbidden":
            message = f"Received unknown parameter: {name}"
            return invalid(message, code="parameter_unknown", param=name)
        case _:
            return invalid(f"Invalid {name}: {fault['msg']}", param=name)
