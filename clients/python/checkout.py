"""A checkout: `python checkout.py CART.json`, with the API at API_URL; again after any crash."""

import json
import os
import sys
from pathlib import Path

from order_client import OrderClient, new_key
from order_models import NewOrder, OrderApiError

UNDER_WAY = {"PENDING", "AWAITING_CUSTOMER", "PAYMENT_COMPLETED"}


def checkout(cart_file: Path, client: OrderClient) -> str:
    """Place a cart's order, once, and say what the customer is to know."""
    cart = json.loads(cart_file.read_text())
    if "key" not in cart:  # made once, and kept before anything is sent
        cart["key"] = new_key()
        cart_file.write_text(json.dumps(cart))
    order = client.place(NewOrder.model_validate(cart["order"]), cart["key"])
    if order.state in UNDER_WAY:
        for event in client.follow(order.order_id):
            if event.event not in {"state", "closed"}:
                continue
            order = client.read(order.order_id)
            if order.state not in UNDER_WAY:
                break
            if order.action and event.data["name"] == order.state:  # not of the past
                print(f"Please confirm with your bank: {order.action.url}", flush=True)
    if order.state == "COMPLETED":
        return f"Thank you: order {order.order_id} is on its way."
    if order.failure:
        return order.failure.customer_message
    return f"We look at order {order.order_id} before we charge you; it may take a day."


if __name__ == "__main__":
    url = os.environ.get("API_URL", "http://localhost:8000")
    with OrderClient(url, token=os.environ.get("API_TOKEN")) as client:
        try:
            print(checkout(Path(sys.argv[1]), client))
        except OrderApiError as error:
            sys.exit(f"Something went wrong on our side: {error}")
