"""Commands as the orchestrator builds them, with defaults for what a test does not care about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.acts import Act, TakenDecision, Through
from contracts.ids import saga_id
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import (
    DepositMoneyCommand,
    OpenWalletsCommand,
    ProcessPaymentCommand,
    RefundPaymentCommand,
    WalletOpening,
)
from contracts.placing import DraftOrder, OrderLine, PlaceOrder
from contracts.record import Compensation, Failure, Settlement
from contracts.states import SagaState, StateMove
from contracts.stock import (
    DecreaseStockCommand,
    MoveStockCommand,
    OfferProductsCommand,
    ProductOffer,
    RestoreStockCommand,
    StockLine,
)
from temporal_saga.keys import compensation_key, step_key

START = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)

ORDER = PlaceOrder(
    customer_id="17850",
    currency="GBP",
    lines=(
        OrderLine(sku="85123A", quantity=6, unit_price_minor=255),
        OrderLine(sku="71053", quantity=1, unit_price_minor=339),
        OrderLine(sku="85123A", quantity=2, unit_price_minor=250),
    ),
)
OTHER_ORDER = ORDER.model_copy(update={"customer_id": "13047"})
FREE_ORDER = ORDER.model_copy(
    update={"lines": (OrderLine(sku="GIFT", quantity=1, unit_price_minor=0),)}
)

OUT_OF_STOCK = Failure(
    step="DecreaseStock",
    event="StockDecreaseFailedEvent",
    reason="OUT_OF_STOCK",
    message="85123A: 8 asked, 3 left",
    details={"short": [{"sku": "85123A", "asked": 8, "available": 3}]},
)
TAKEN_BACK = (
    Compensation(step="ProcessPayment", command="RefundPaymentCommand", state="DONE", attempts=2),
    Compensation(
        step="RegisterOrder",
        command="CancelOrderCommand",
        state="SETTLED",
        settled=Settlement(
            by="Eve", reason="the bank did it", evidence="https://bank.example/42", at=START
        ),
    ),
)


def forward_key(order_id: str, step: str) -> str:
    """Return the key of an order's step."""
    return step_key(saga_id(order_id), step)


def backward_key(order_id: str, step: str) -> str:
    """Return the key of what takes an order's step back."""
    return compensation_key(forward_key(order_id, step))


def pay(
    order_id: str, amount_minor: int, *, customer_id: str = "ann", currency: str = "GBP"
) -> ProcessPaymentCommand:
    """Return the command that charges for an order."""
    return ProcessPaymentCommand(
        idempotency_key=forward_key(order_id, "ProcessPayment"),
        order_id=order_id,
        customer_id=customer_id,
        currency=currency,
        amount_minor=amount_minor,
    )


def refund(
    order_id: str, amount_minor: int, *, customer_id: str = "ann", currency: str = "GBP"
) -> RefundPaymentCommand:
    """Return the command that takes `pay` back."""
    return RefundPaymentCommand(
        idempotency_key=backward_key(order_id, "ProcessPayment"),
        order_id=order_id,
        customer_id=customer_id,
        currency=currency,
        amount_minor=amount_minor,
    )


def take(order_id: str, *lines: tuple[str, int]) -> DecreaseStockCommand:
    """Return the command that takes lines of (SKU, quantity) from stock."""
    return DecreaseStockCommand(
        idempotency_key=forward_key(order_id, "DecreaseStock"),
        order_id=order_id,
        lines=_stock_lines(lines),
    )


def put_back(order_id: str, *lines: tuple[str, int]) -> RestoreStockCommand:
    """Return the command that takes `take` back."""
    return RestoreStockCommand(
        idempotency_key=backward_key(order_id, "DecreaseStock"),
        order_id=order_id,
        lines=_stock_lines(lines),
    )


def register(
    order_id: str,
    order: PlaceOrder = ORDER,
    *,
    start: datetime = START,
    request_key: str | None = None,
) -> RegisterOrderCommand:
    """Return the command that opens an order."""
    return RegisterOrderCommand(
        idempotency_key=forward_key(order_id, "RegisterOrder"),
        order_id=order_id,
        placed_at=start,
        order=order,
        request_key=request_key,
    )


def confirm(order_id: str, *, start: datetime = START) -> ConfirmOrderCommand:
    """Return the command that closes an order as CONFIRMED."""
    return ConfirmOrderCommand(
        idempotency_key=forward_key(order_id, "ConfirmOrder"),
        order_id=order_id,
        moves=moves(start, SagaState.PENDING, SagaState.PAYMENT_COMPLETED, SagaState.COMPLETED),
    )


def settled_confirm(order_id: str) -> ConfirmOrderCommand:
    """Return the command that closes an order as CONFIRMED because a person settled it."""
    settlement = Compensation(
        step="ConfirmOrder",
        command="ConfirmOrderCommand",
        state="SETTLED",
        settled=TAKEN_BACK[1].settled,
    )
    return confirm(order_id).model_copy(update={"compensations": (settlement,)})


def cancel(
    order_id: str, order: DraftOrder = ORDER, *, start: datetime = START, **story: Any
) -> CancelOrderCommand:
    """Return the command that closes an order as CANCELLED."""
    fields = {"failure": OUT_OF_STOCK, "compensations": TAKEN_BACK, "request_key": None} | story
    return CancelOrderCommand(
        idempotency_key=backward_key(order_id, "RegisterOrder"),
        order_id=order_id,
        placed_at=start,
        order=order,
        order_fingerprint=order.fingerprint(),
        moves=moves(start, SagaState.PENDING, SagaState.PAYMENT_COMPLETED, SagaState.ROLLING_BACK),
        **fields,
    )


def deposit(
    key: str,
    amount_minor: int,
    *,
    customer_id: str = "ann",
    currency: str = "GBP",
    reason: str = "in",
) -> DepositMoneyCommand:
    """Return the command that puts money into a wallet."""
    return DepositMoneyCommand(
        idempotency_key=f"paid-in/{key}",
        customer_id=customer_id,
        currency=currency,
        amount_minor=amount_minor,
        reason=reason,
        by="till-7",
    )


def open_wallets(key: str, *wallets: tuple[str, str, int]) -> OpenWalletsCommand:
    """Return the command that opens wallets of (customer, currency, balance)."""
    wallet_openings = tuple(
        WalletOpening(customer_id=customer_id, currency=currency, opening_balance_minor=minor)
        for customer_id, currency, minor in wallets
    )
    return OpenWalletsCommand(idempotency_key=f"opening/{key}", wallets=wallet_openings)


def move(key: str, change: int, *, sku: str = "A", reason: str = "delivery") -> MoveStockCommand:
    """Return the command that moves stock without an order."""
    return MoveStockCommand(
        idempotency_key=f"movement/{key}", sku=sku, change=change, reason=reason, by="till-7"
    )


def offer(key: str, *products: ProductOffer) -> OfferProductsCommand:
    """Return the command that offers products."""
    return OfferProductsCommand(idempotency_key=f"offer/{key}", products=products)


def moves(start: datetime, *states: SagaState) -> tuple[StateMove, ...]:
    """Return moves into these states, a second apart."""
    return tuple(
        StateMove(state=state, cause=f"because {state}", at=start + timedelta(seconds=number))
        for number, state in enumerate(states)
    )


def _stock_lines(lines: tuple[tuple[str, int], ...]) -> tuple[StockLine, ...]:
    return tuple(StockLine(sku=sku, quantity=quantity) for sku, quantity in lines)


def decision(
    act: Act, by: str = "otto", *, hours: int = 1, through: Through = Through.UPDATE, **more: Any
) -> TakenDecision:
    """Return a decision that a saga took so many hours after the start."""
    at = START + timedelta(hours=hours)
    return TakenDecision(act=act, by=by, reason="because", at=at, through=through, **more)
