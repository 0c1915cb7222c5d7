"""Orders and decisions in words, for people to read."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.base import IN_WORDS
from contracts.decisions import Decision
from contracts.money import money
from contracts.placing import PlaceOrder
from contracts.states import FailureReason

MOST_LINES = 20

SORRY = "We are sorry: "
RETURNED = "Any payment for it is returned to you"
"""True of whatever an earlier run of the same order may have taken, too."""
NOT_CHARGED = "You have not been charged"
"""Only where the payment itself was declined: elsewhere an earlier run may have been paid."""

FOR_CUSTOMERS: Mapping[FailureReason, str] = {
    FailureReason.ORDER_ID_REUSED: "Something went wrong on our side, and your order was not "
    "placed. Please order again.",
    FailureReason.INSUFFICIENT_FUNDS: f"Your payment was declined. {NOT_CHARGED}; "
    "please check how you pay, and order again.",
    FailureReason.UNKNOWN_CUSTOMER: "We found no account of yours to pay with. "
    f"{NOT_CHARGED}; please contact us.",
    FailureReason.CURRENCY_MISMATCH: "Your order cannot be paid in this currency. "
    f"{NOT_CHARGED}; please choose another currency, and order again.",
    FailureReason.CARD_DECLINED: f"Your card was declined. {NOT_CHARGED}; please pay with another "
    "card, or ask your bank.",
    FailureReason.CARD_EXPIRED: f"Your card has expired. {NOT_CHARGED}; please pay with another "
    "card.",
    FailureReason.AUTHENTICATION_FAILED: f"Your bank did not confirm the payment. {NOT_CHARGED}; "
    "please order again, and confirm it, or pay with another card.",
    FailureReason.AUTHENTICATION_EXPIRED: "The payment was not confirmed with your bank in time. "
    f"{NOT_CHARGED}; please order again.",
    FailureReason.AMOUNT_NOT_PAYABLE: "An order of this amount cannot be paid by card. "
    f"{NOT_CHARGED}; please contact us.",
    FailureReason.OUT_OF_STOCK: f"{SORRY}not everything in your order is still in stock. "
    f"{RETURNED}; please change your order, and try again.",
    FailureReason.UNKNOWN_SKU: f"{SORRY}something in your order is not sold here. "
    f"{RETURNED}; please take it out, and order again.",
    FailureReason.CANCELLED: f"Your order was cancelled. {RETURNED}.",
    FailureReason.REJECTED: f"{SORRY}we cannot accept this order. {RETURNED}.",
    FailureReason.REVIEW_EXPIRED: f"{SORRY}we could not look at your order in time. "
    f"{RETURNED}; please order again.",
    FailureReason.DEADLINE_EXCEEDED: f"{SORRY}your order could not be completed in time. "
    f"{RETURNED}; please order again.",
    FailureReason.STEP_UNAVAILABLE: f"{SORRY}a technical problem kept us from completing your "
    f"order. {RETURNED}; please order again in a few minutes.",
    FailureReason.INVALID_ORDER: "Something went wrong on our side, and your order could not be "
    f"read. {RETURNED}; please order again.",
    FailureReason.TERMINATED: f"{SORRY}a technical problem stopped your order. "
    "We look into it and into any payment for it; please contact us.",
    FailureReason.ALREADY_COMPENSATED: "Your order had been taken back before. "
    f"{RETURNED}; please order again.",
    FailureReason.OTHER: f"{SORRY}your order could not be completed. "
    f"{RETURNED}; please contact us if you wish to know more.",
}
"""By reason: what a shop can show a customer of any order: no amounts, stock levels or names."""

WRONG: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "there is no such field",
    "string_type": "must be text",
    "string_unicode": "must be text in UTF-8",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number, and not one so large",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "none_required": "must be null",
    "json_invalid": "is no JSON that can be read",
    "datetime_type": "must be a time, like 2026-01-05T09:30:00Z",
    "datetime_parsing": "must be a time, like 2026-01-05T09:30:00Z",
    "datetime_from_date_parsing": "must be a time, like 2026-01-05T09:30:00Z",
    "timezone_aware": "must be a time with its zone, like 2026-01-05T09:30:00Z",
}
"""By pydantic's name of what is wrong: what is told instead of pydantic's own words."""


def approval(decision: Decision) -> str:
    """Return who approved and why, in one sentence."""
    return f"approved by {decision.by}: {decision.reason}"


def rejection(decision: Decision) -> str:
    """Return who rejected and why, in one sentence."""
    return f"rejected by {decision.by}: {decision.reason}"


def lasting(seconds: int) -> str:
    """Return a duration in its largest whole unit, e.g. `24 hours` or `90 seconds`."""
    for unit, length in (("hour", 3_600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}{'' if seconds == length else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def count(order: PlaceOrder) -> str:
    """Return how many lines an order has."""
    return "1 line" if len(order.lines) == 1 else f"{len(order.lines)} lines"


def describe(order: PlaceOrder) -> str:
    """Return one line about an order."""
    return (
        f"Customer {order.customer_id}: {count(order)}, {money(order.total_minor, order.currency)}"
    )


def itemise(order: PlaceOrder) -> str:
    """Return the lines of an order as a Markdown list, the first few of many."""
    items = [
        f"- {line.quantity} × {line.sku} at {money(line.unit_price_minor, order.currency)}"
        for line in order.lines[:MOST_LINES]
    ]
    more = len(order.lines) - len(items)
    return "\n".join([*items, f"- and {more} more"] if more else items)


def problems(errors: Sequence[Any]) -> list[tuple[tuple[int | str, ...], str]]:
    """Return where and how a value is wrong, from pydantic's errors.

    Of nested errors only the innermost are told.

    What is wrong reads on behind the field's name: `lines.0.quantity` `must be at least 1`.
    """
    places = [(tuple(error["loc"]), _what_is_wrong(error)) for error in errors]
    outer = {place[:depth] for place, _ in places for depth in range(len(place))}
    return [(place, message) for place, message in places if place not in outer]


def _what_is_wrong(error: Mapping[str, Any]) -> str:
    """Return in words what is wrong with one value; what a type of ours says itself is repeated."""
    kind = error.get("type", "")
    context = error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return f"must be {IN_WORDS.get(context['pattern'], 'text of another form')}"
    if kind == "string_too_short" and context.get("min_length") == 1:
        return "must not be empty"
    if kind in ("too_short", "too_long") and "field_type" in context:
        return _wrong_length(kind, context)
    if kind in WRONG:
        return WRONG[kind].format_map({name: _plain(value) for name, value in context.items()})
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")


def _wrong_length(kind: str, context: Mapping[str, Any]) -> str:
    """Return what is wrong with a list of too few or too many."""
    bound, least = (
        ("at least", context.get("min_length"))
        if kind == "too_short"
        else ("at most", context.get("max_length"))
    )
    return f"must have {bound} {_plain(least)} entr{'y' if least == 1 else 'ies'}"


def _plain(value: Any) -> Any:
    """Return a bound or a choice as people read it: `1,000,000`, or names without quotes."""
    return f"{value:,}" if isinstance(value, int) else str(value).replace("'", "")
