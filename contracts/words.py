"""Orders and decisions in words, for people to read."""

from collections.abc import Sequence
from typing import Any

from contracts.decisions import Decision, StepDecision
from contracts.money import money
from contracts.order import PlaceOrder

MOST_LINES = 20


def cancelled(decision: Decision) -> str:
    """Return who cancelled and why, in one sentence."""
    return f"cancelled by {decision.by}: {decision.reason}"


def settled_before(decision: StepDecision) -> str:
    """Return who had put a step right by hand, so that the order must not complete, in one sentence."""
    return f"{decision.by} had taken back {decision.step} by hand: {decision.reason}"


def rejected(decision: Decision) -> str:
    """Return who rejected and why, in one sentence."""
    return f"rejected by {decision.by}: {decision.reason}"


def lasting(seconds: int) -> str:
    """Return a time in the largest unit that it is a whole number of, e.g. `24 hours` or `90 seconds`."""
    for unit, length in (("hour", 3_600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}{'' if seconds == length else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def count(order: PlaceOrder) -> str:
    """Return how many lines an order has."""
    return "1 line" if len(order.lines) == 1 else f"{len(order.lines)} lines"


def describe(order: PlaceOrder) -> str:
    """Return one line about an order."""
    return f"Customer {order.customer_id}: {count(order)}, {money(order.total_minor, order.currency)}"


def itemise(order: PlaceOrder) -> str:
    """Return the lines of an order as a Markdown list, the first few of many."""
    told = [
        f"- {line.quantity} × {line.sku} at {money(line.unit_price_minor, order.currency)}" for line in order.lines[:MOST_LINES]
    ]
    more = len(order.lines) - len(told)
    return "\n".join([*told, f"- and {more} more"] if more else told)


def problems(errors: Sequence[Any]) -> list[tuple[tuple[int | str, ...], str]]:
    """Return where and how a value is wrong, from pydantic's errors; of nested ones only the innermost."""
    places = [(tuple(error["loc"]), str(error["msg"]).removeprefix("Value error, ")) for error in errors]
    outer = {place[:depth] for place, _ in places for depth in range(len(place))}
    return [(place, message) for place, message in places if place not in outer]
