"""How an order stands, in sentences: each repeats what its view says, and nothing else. Pure.

They are read as they stand, so each text in them that is not ours is quoted here.
"""

from collections.abc import Iterable, Iterator

from contracts.money import money
from contracts.step_views import CommandProgress, StepState
from contracts.views import ActView, OrderView
from routes.assistants.words_of_others import quote, quote_words

UNREMARKABLE = (StepState.AHEAD, StepState.SKIPPED, StepState.WAITING, StepState.DONE)
"""States of a step of which there is no more to say."""


def explain(order: OrderView) -> tuple[str, ...]:
    """Return where an order stands, why, what became of its money, and what can be done."""
    return (*_standing(order), *_reasons(order), *_steps(order), *_money(order), *_acts(order.acts))


def _standing(order: OrderView) -> Iterator[str]:
    end = f"closed at {order.closed_at:%Y-%m-%d %H:%M:%S} UTC" if order.closed_at else "still open"
    yield (
        f"Order {order.order_id} is {order.state}, on record as {order.status}. It was placed at "
        f"{order.placed_at:%Y-%m-%d %H:%M:%S} UTC and is {end}."
    )
    what = [] if order.lines is None else [f"{len(order.lines)} line(s)"]
    if order.total_minor is not None and order.currency is not None:
        what.append(f"{money(order.total_minor, order.currency)} in total")
    if order.customer_id is not None:
        what.append(f"customer {quote_words(order.customer_id)}")
    if what:
        yield f"It has {', '.join(what)}."


def _reasons(order: OrderView) -> Iterator[str]:
    """Yield why the order failed, needs a person, or waits."""
    if (failure := order.failure) is not None:
        where = f" at {quote_words(failure.step)}" if failure.step else ""
        yield f"It failed{where} with {failure.reason}: {quote(failure.message)}."
    if (need := order.attention) is not None:
        since = f" since {need.since:%Y-%m-%d %H:%M:%S} UTC" if need.since else ""
        yield f"It needs a person{since} ({need.cause}): {quote(need.message, 1_000)}."
    if (review := order.review) is not None:
        words = f": {quote(review.message)}" if review.message else ""
        yield f"Its review by a person is {review.state}{words}."
    if order.action is not None:
        yield "Its customer must answer their bank before it goes on."


def _steps(order: OrderView) -> Iterator[str]:
    states = ", ".join(f"{step.step} {step.state}" for step in order.steps)
    if states:
        yield f"Its steps: {states}."
    for step in order.steps:
        yield from _trouble(step)
        if step.compensation is not None:
            back = step.compensation
            tries = f", tried {back.attempts} time(s)" if back.attempts else ""
            yield f"{back.name} takes back {step.step}: {back.state}{tries}."
            yield from _trouble(back)


def _trouble(progress: CommandProgress) -> Iterator[str]:
    """Yield what a command ended or was paused with, and who settled it."""
    if progress.message and progress.state not in UNREMARKABLE:
        yield f"{progress.name} is {progress.state}: {quote(progress.message)}."
    if progress.paused:
        yield f"{progress.name} is paused: {quote(progress.paused)}."
    if (settlement := progress.settled) is not None:
        yield (
            f"{progress.name} was settled by {quote(settlement.by)}: {quote(settlement.reason)}, "
            f"evidence {quote(settlement.evidence)}."
        )


def _money(order: OrderView) -> Iterator[str]:
    if order.refund is not None:
        yield f"Its money: {quote(order.refund.message)}."


def _acts(acts: Iterable[ActView]) -> Iterator[str]:
    """Yield what may be done to it now, and why not the rest."""
    offers = tuple(acts)
    if not offers:
        yield "It offers no act to this token."
    for act in offers:
        of_step = f" of {act.step}" if act.step else ""
        if act.refusal is None:
            other = "" if act.token_allows else ", for a person: this token does not allow it"
            yield f"Possible now: {act.act}{of_step}, with {', '.join(act.fields)}{other}."
        else:
            yield f"Not possible now: {act.act}{of_step}: {quote(act.refusal)}."
