"""Who pays, and who hears of events: customers, webhook endpoints, and the events themselves."""

from card_provider.books import API_VERSION, Books, new_id
from card_provider.errors import Body
from card_provider.parameters import NewCustomer, NewWebhookEndpoint


def create_customer(books: Books, parameters: NewCustomer, _: str) -> Body:
    """Make a customer whose payments can be listed."""
    customer = {
        "id": new_id("cus"),
        "object": "customer",
        "created": books.time_to_tell(),
        "livemode": False,
        **parameters.model_dump(),
    }
    books.save(customer)
    books.announce("customer.created", customer)
    return customer


def retrieve_customer(books: Books, _: object, customer_id: str) -> Body:
    """Return a customer."""
    return books.get("customer", customer_id)


def create_webhook_endpoint(books: Books, parameters: NewWebhookEndpoint, _: str) -> Body:
    """Send events from now on; only this answer holds the secret that they are signed with."""
    endpoint = {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "created": books.time_to_tell(),
        "enabled_events": parameters.enabled_events,
        "livemode": False,
        "metadata": {},
        "secret": new_id("whsec"),
        "status": "enabled",
        "url": parameters.url,
    }
    books.save(endpoint)
    return endpoint


def delete_webhook_endpoint(books: Books, _: object, endpoint_id: str) -> Body:
    """Send nothing more there, also not what is on its way."""
    endpoint = books.get("webhook_endpoint", endpoint_id)
    books.delete(endpoint_id)
    return {"id": endpoint_id, "object": endpoint["object"], "deleted": True}


def retrieve_event(books: Books, _: object, event_id: str) -> Body:
    """Return an event."""
    return books.get("event", event_id)
