"""Money that goes back to a card, all of it or in parts."""

from card_provider.books import Books, new_id
from card_provider.cards import card_of
from card_provider.errors import Body, invalid
from card_provider.parameters import NewRefund


def create(books: Books, parameters: NewRefund, _: str) -> Body:
    """Give back what was paid, at most what was not given back before.

    A refund that a card does not take is answered as any other, and has failed when it is read.
    """
    payment = books.get("payment_intent", parameters.payment_intent, "payment_intent")
    charge = payment["latest_charge"]
    if payment["status"] != "succeeded":
        message = f"This PaymentIntent ({payment['id']}) does not have a successful charge."
        raise invalid(message, param="payment_intent")
    [earlier] = books.query(
        "SELECT COALESCE(SUM(amount_minor), 0) AS minor FROM movements"
        " WHERE payment = :payment AND kind = 'refunded'",
        payment=payment["id"],
    )
    left_minor = payment["amount_received"] - earlier["minor"]
    if not left_minor:
        message = f"Charge {charge} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    amount_minor = parameters.amount or left_minor
    if amount_minor > left_minor:
        message = "Refund amount is greater than unrefunded amount on charge."
        raise invalid(message, param="amount")
    refund = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount_minor,
        "charge": charge,
        "created": books.time_to_tell(),
        "currency": payment["currency"],
        "metadata": parameters.metadata,
        "payment_intent": payment["id"],
        "reason": parameters.reason,
        "status": "succeeded",
    }
    takes_refunds = card_of(payment["payment_method"]).takes_refunds
    if takes_refunds:
        books.move(payment, "refunded", amount_minor)
    books.save(refund)
    books.announce("refund.created", refund)
    if not takes_refunds:
        failure = refund | {"status": "failed", "failure_reason": "unknown"}
        books.save(failure)
        books.announce("refund.failed", failure)
    return refund


def retrieve(books: Books, _: object, refund_id: str) -> Body:
    """Return a refund."""
    return books.get("refund", refund_id)
