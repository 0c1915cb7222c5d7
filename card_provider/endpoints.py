"""The table of calls that the provider serves."""

from collections.abc import Callable
from typing import Any, NamedTuple

from card_provider import accounts, listing, parameters, payments, refunds
from card_provider.books import Books
from card_provider.errors import Body


class Endpoint(NamedTuple):
    """A call: its kind as faults and the library name it, and what it does in the books."""

    call: str
    method: str
    path: str
    parameters: type[parameters.Parameters]
    act: Callable[[Books, Any, str], Body]


def _listing(noun: str, model: type[parameters.Page], field: str | None) -> Endpoint:
    path = f"/v1/{noun}s"
    return Endpoint(f"{noun}s.list", "GET", path, model, listing.lister(noun, path, field))


def _retrieval(noun: str, act: Callable[[Books, Any, str], Body]) -> Endpoint:
    return Endpoint(f"{noun}s.retrieve", "GET", f"/v1/{noun}s/{{id}}", parameters.Nothing, act)


def _payment_call(verb: str, model: type[parameters.Parameters], act: Any) -> Endpoint:
    return Endpoint(
        f"payment_intents.{verb}", "POST", f"/v1/payment_intents/{{id}}/{verb}", model, act
    )


def _creation(noun: str, model: type[parameters.Parameters], act: Any) -> Endpoint:
    return Endpoint(f"{noun}s.create", "POST", f"/v1/{noun}s", model, act)


SEARCH = "/v1/payment_intents/search"
ENDPOINTS = (
    _creation("payment_intent", parameters.NewPayment, payments.create),
    _listing("payment_intent", parameters.PaymentPage, "customer"),
    Endpoint("payment_intents.search", "GET", SEARCH, parameters.Search, listing.search_payments),
    _retrieval("payment_intent", payments.retrieve),
    _payment_call("confirm", parameters.Confirmation, payments.confirm),
    _payment_call("capture", parameters.Capture, payments.capture),
    _payment_call("cancel", parameters.Cancellation, payments.cancel),
    _creation("refund", parameters.NewRefund, refunds.create),
    _listing("refund", parameters.RefundPage, "payment_intent"),
    _retrieval("refund", refunds.retrieve),
    _creation("customer", parameters.NewCustomer, accounts.create_customer),
    _listing("customer", parameters.CustomerPage, "email"),
    _retrieval("customer", accounts.retrieve_customer),
    _creation("webhook_endpoint", parameters.NewWebhookEndpoint, accounts.create_webhook_endpoint),
    Endpoint(
        "webhook_endpoints.delete",
        "DELETE",
        "/v1/webhook_endpoints/{id}",
        parameters.Nothing,
        accounts.delete_webhook_endpoint,
    ),
    _listing("event", parameters.EventPage, "type"),
    _retrieval("event", accounts.retrieve_event),
)
"""In the order in which paths are tried."""
