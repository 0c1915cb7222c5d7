"""An order and what the API shows of it, for tests of the demo."""

from datetime import UTC, datetime, timedelta

from contracts.placing import OrderLine, PlaceOrder
from contracts.record import Failure
from contracts.states import OrderStatus, SagaState
from contracts.views import Links, OrderView

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
ORDER = PlaceOrder(
    order_id="1",
    customer_id="ann",
    currency="GBP",
    lines=(OrderLine(sku="tea", quantity=1, unit_price_minor=100),),
)


def view(placed_at: datetime, reason: str | None = None, *, is_closed: bool = True) -> OrderView:
    """Return an order: closed in its last state, or still open."""
    state, status = (
        (SagaState.FAILED, OrderStatus.CANCELLED)
        if reason
        else (SagaState.COMPLETED, OrderStatus.CONFIRMED)
    )
    return OrderView(
        **ORDER.model_dump(include={"customer_id", "currency", "lines"}),
        order_id="1",
        state=state if is_closed else SagaState.PENDING,
        status=status if is_closed else OrderStatus.PENDING,
        total_minor=ORDER.total_minor,
        placed_at=placed_at,
        closed_at=placed_at + timedelta(seconds=1) if is_closed else None,
        failure=Failure(reason=reason, message="so it is") if reason else None,
        links=Links(events="", self="/orders/1", temporal="http://localhost/1"),
    )
