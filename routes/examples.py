"""Examples for people who read the OpenAPI document, and for programs that try it."""

from typing import Any

from contracts.views import OrderView

ORDER_ID = "cart-4711"
BATCH_ID = "reviews-2026-11-29"
STEP = "ProcessPayment"
SKU = "85123A"
CUSTOMER_ID = "17850"

ORDER: dict[str, Any] = {
    "customer_id": CUSTOMER_ID,
    "currency": "GBP",
    "lines": [{"sku": SKU, "quantity": 6, "unit_price_minor": 255}],
    "deadline_seconds": 900,
}
PRODUCT: dict[str, Any] = {
    "name": "white hanging heart t-light holder",
    "opening_stock": 200,
    "prices": {"GBP": 255},
}
PRODUCTS: dict[str, Any] = {"products": [{"sku": SKU, **PRODUCT}]}
CUSTOMERS: dict[str, Any] = {
    "customers": [{"customer_id": CUSTOMER_ID, "currency": "GBP", "opening_balance_minor": 200_000}]
}
MOVEMENT: dict[str, Any] = {"change": 50, "reason": "delivery 4711"}
DEPOSIT: dict[str, Any] = {"amount_minor": 200_000, "currency": "GBP", "reason": "bank transfer"}

DECISION: dict[str, Any] = {"by": "ann@shop.example", "reason": "the customer called"}
EVIDENCE: dict[str, Any] = DECISION | {"evidence": "bank transfer 2026-114"}

PREVIEW: dict[str, Any] = {"act": "approve", "filter": {"state": "AWAITING_REVIEW"}}
BATCH: dict[str, Any] = PREVIEW | DECISION | {"count": 3}

_FAILED: dict[str, Any] = {
    "order_id": ORDER_ID,
    "state": "FAILED",
    "status": "CANCELLED",
    "customer_id": CUSTOMER_ID,
    "currency": "GBP",
    "total_minor": 1530,
    "lines": ORDER["lines"],
    "placed_at": "2026-01-05T09:30:00Z",
    "closed_at": "2026-01-05T09:30:01Z",
    "failure": {
        "step": "DecreaseStock",
        "event": "StockDecreaseFailedEvent",
        "reason": "OUT_OF_STOCK",
        "message": "85123A: 6 asked, 2 left",
        "details": {"short": [{"sku": SKU, "asked": 6, "available": 2}]},
    },
    "compensations": [
        {
            "step": "ProcessPayment",
            "command": "RefundPaymentCommand",
            "state": "DONE",
            "attempts": 1,
        },
        {
            "step": "RegisterOrder",
            "command": "CancelOrderCommand",
            "state": "DONE",
            "attempts": 1,
        },
    ],
    "timeline": [{"at": "2026-01-05T09:30:00Z", "kind": "state", "name": "PENDING"}],
    "links": {
        "self": f"/orders/{ORDER_ID}",
        "events": f"/orders/{ORDER_ID}/events",
        "temporal": f"http://localhost:8233/namespaces/default/workflows/order-{ORDER_ID}",
    },
}

OUT_OF_STOCK: dict[str, Any] = OrderView.model_validate(_FAILED).model_dump(mode="json")
"""As the API answers it: with every field, whatever is added."""


def links() -> dict[str, Any]:
    """Return what can be called with an order that was just placed, as a route declares it."""
    parameters = {"parameters": {"order_id": "$response.body#/order_id"}}
    return {
        "links": {
            name: {"operationId": name, **parameters}
            for name in ("read_order", "cancel_order", "approve_order")
        }
    }
