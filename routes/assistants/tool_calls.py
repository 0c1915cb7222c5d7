"""What each tool asks the HTTP API, once, and what it makes of the answer."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from contracts.acts import EFFECTS, FINAL
from contracts.views import OrderView
from routes.assistants.answers import Explanation, HttpCall, Proposal
from routes.assistants.arguments import (
    ActArguments,
    EventArguments,
    ListArguments,
    NoArguments,
    OperationArguments,
    OrderArguments,
    PlaceArguments,
    ProposalArguments,
    SpanArguments,
)
from routes.assistants.calls import ApiCalls
from routes.assistants.explanation import explain


async def list_orders(api: ApiCalls, arguments: ListArguments) -> Any:
    """Return one page of orders."""
    page = await api.get("/orders", arguments.model_dump(mode="json", exclude_none=True))
    cursor = _parameter(page["next"], "cursor")
    return {"orders": page["orders"], "next_cursor": cursor, "warning": page["warning"]}


async def get_order(api: ApiCalls, arguments: OrderArguments) -> Any:
    """Return an order with its steps and its timeline."""
    return await _order(api, arguments)


async def explain_order(api: ApiCalls, arguments: OrderArguments) -> Any:
    """Return how an order stands, in sentences."""
    return _explanation(await _order(api, arguments))


async def overview(api: ApiCalls, _arguments: NoArguments) -> Any:
    """Return how all orders stand."""
    return await api.get("/overview")


async def list_steps(api: ApiCalls, _arguments: NoArguments) -> Any:
    """Return the steps of the saga."""
    return await api.get("/steps")


async def read_events(api: ApiCalls, arguments: EventArguments) -> Any:
    """Return one page of events."""
    page = await api.get("/events", arguments.model_dump(mode="json"))
    after = _parameter(page["next"], "after")
    return {"events": page["events"], "next_after": after and int(after)}


async def closed_lately(api: ApiCalls, arguments: SpanArguments) -> Any:
    """Return what became of the orders that closed within a span."""
    return await api.get("/overview/closed", arguments.model_dump(mode="json"))


async def list_operations(api: ApiCalls, arguments: OperationArguments) -> Any:
    """Return one page of the log of operations."""
    page = await api.get("/operations", arguments.model_dump(mode="json", exclude_none=True))
    return {"operations": page["operations"], "next_before": _parameter(page["next"], "before")}


def _parameter(address: str | None, name: str) -> str | None:
    """Return a parameter of the address at which a page goes on; None when there is no address."""
    return None if address is None else parse_qs(urlsplit(address).query)[name][0]


async def propose_act(api: ApiCalls, arguments: ProposalArguments) -> Any:
    """Return what an act would do, and whether it would be taken, by the order's own view.

    Whoever may not act may propose: what the token allows is told beside it.
    """
    order = OrderView.model_validate(await _order(api, arguments))
    offers = {(offer.act, offer.step): offer for offer in order.acts}
    offer = offers.get((arguments.act, arguments.step))
    if offer is None:
        of_step = f": the step {arguments.step} is not stuck" if arguments.step else ""
        why = f"{arguments.act} is not among the acts that this order offers now{of_step}"
        refusal: str | None = why
    else:
        refusal = offer.refusal
    fields = offer.fields if offer else ()
    body = {field: f"<{field}>" for field in fields}
    proposal = Proposal(
        order_id=arguments.order_id,
        act=arguments.act,
        step=arguments.step,
        state=order.state,
        would_be_taken=refusal is None,
        refusal=refusal,
        token_allows=offer and offer.token_allows,
        effect=offer.effect if offer else EFFECTS[arguments.act],
        is_final=arguments.act in FINAL,
        fields=fields,
        call=HttpCall(method="POST", path=arguments.path, body=body),
    )
    return proposal.model_dump(mode="json")


async def _order(api: ApiCalls, arguments: OrderArguments) -> Any:
    """Return an order with what anybody may do to it, as whoever may not act proposes."""
    return await api.get(f"/orders/{arguments.order_id}", {"acts": "all"})


async def act(api: ApiCalls, arguments: ActArguments) -> Any:
    """Act on an order, and return how it stands then."""
    return _explanation(await api.post(arguments.path, arguments.body))


async def place_order(api: ApiCalls, arguments: PlaceArguments) -> Any:
    """Place an order, and return how it stands after the wait."""
    of_the_call = {"idempotency_key", "wait_seconds"}
    order = arguments.model_dump(mode="json", exclude=of_the_call, exclude_none=True)
    headers = {
        "Idempotency-Key": arguments.idempotency_key,
        "Prefer": f"wait={arguments.wait_seconds}",
    }
    return _explanation(await api.post("/orders", order, headers))


def _explanation(document: Any) -> Any:
    order = OrderView.model_validate(document)
    explanation = Explanation(
        order_id=order.order_id,
        state=order.state,
        status=order.status,
        needs_attention=order.needs_attention,
        sentences=explain(order),
        acts=order.acts,
    )
    return explanation.model_dump(mode="json")
