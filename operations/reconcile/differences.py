"""What is wrong with one order when both books are laid side by side, each in a sentence."""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from contracts.money import money
from contracts.states import OrderStatus
from operations.reconcile.join import Account, ProviderPayment, ProviderRefund, ShopPayment


class Kind(StrEnum):
    """What can differ; docs/OPERATING.md says what each means and what to do."""

    MISSING = "on record with us, and not at the provider"
    AMOUNT = "another amount at the provider than with us"
    HELD = "still held on a card, although the order is closed"
    KEPT = "kept by the provider, although the order was taken back"
    TWICE = "more than one payment with money for one order"
    STRANGER = "money at the provider that belongs to no order of ours"
    BY_HAND = "refunded at the provider by hand"
    SETTLED = "settled by hand"

    @property
    def is_wrong(self) -> bool:
        """Whether somebody must act; what was done by hand is only told."""
        return self not in (Kind.BY_HAND, Kind.SETTLED)


class Difference(NamedTuple):
    """One difference, in a sentence."""

    kind: Kind
    sentence: str


def differences(account: Account) -> Iterator[Difference]:
    """Yield what differs of an order that is closed, or that the order service does not know."""
    payments = [payment for payment in account.payments if payment.has_money]
    name = f"order {account.order_id}"
    if account.order is None:
        for payment in payments:
            yield Difference(
                Kind.STRANGER, f"{name} is not known to the order service: {_has(payment)}"
            )
        return
    if len(payments) > 1:
        yield Difference(Kind.TWICE, f"{name}: {'; '.join(map(_has, payments))}")
    for difference in _amounts(name, account.shop, payments, account.refunds):
        is_settled = account.shop is not None and difference.kind == Kind.AMOUNT
        settlement = account.order.settlement if is_settled else None
        yield _unless_settled(*difference, settlement)
    yield from _ends(name, account, payments)
    yield from _by_hand(name, account.shop, payments, account.refunds)


def without_order(payment: ProviderPayment) -> Difference:
    """Return the difference of a payment with money that names no order."""
    return Difference(Kind.STRANGER, f"{_has(payment)}, and names no order")


def excess_minor(shop: ShopPayment | None, refunds: tuple[ProviderRefund, ...]) -> int:
    """Return how much more was refunded at the provider than the payment service asked for."""
    return sum(refund.amount_minor for refund in refunds) - (shop.refunded_minor if shop else 0)


def _amounts(
    name: str,
    shop: ShopPayment | None,
    payments: list[ProviderPayment],
    refunds: tuple[ProviderRefund, ...],
) -> Iterator[Difference]:
    """Compare what was captured and refunded by the one book with the other."""
    if shop is None:
        for payment in payments:
            yield Difference(Kind.AMOUNT, f"{name}: {_has(payment)}; nothing is on record with us")
        return
    own_ids = {payment.id for payment in payments}
    has_amounts = shop.captured_minor or shop.refunded_minor
    if has_amounts and shop.reference not in own_ids:
        yield Difference(
            Kind.MISSING,
            f"{name}: {money(shop.captured_minor, shop.currency)} captured by our record as "
            f"{shop.reference}, which the provider has not with money for this order",
        )
        return
    currencies = {payment.currency for payment in payments} | {shop.currency}
    captured_minor = sum(payment.captured_minor for payment in payments)
    if len(currencies) > 1:
        yield Difference(Kind.AMOUNT, f"{name}: in {' and '.join(sorted(currencies))}")
    elif captured_minor != shop.captured_minor:
        yield _unequal(name, "captured", captured_minor, shop.captured_minor, shop.currency)
    if excess_minor(shop, refunds) < 0:
        refunded_minor = sum(refund.amount_minor for refund in refunds)
        yield _unequal(name, "refunded", refunded_minor, shop.refunded_minor, shop.currency)


def _unequal(name: str, verb: str, there: int, here: int, currency: str) -> Difference:
    sentence = (
        f"{name}: {money(there, currency)} {verb} at the provider, "
        f"{money(here, currency)} by our record"
    )
    return Difference(Kind.AMOUNT, sentence)


def _ends(name: str, account: Account, payments: list[ProviderPayment]) -> Iterator[Difference]:
    """Find what a closed order must not leave: held money, or kept money when it was cancelled."""
    order = account.order
    assert order is not None, "the order is known"
    for payment in payments:
        if payment.held_minor:
            sentence = f"{name} is {order.status}: {_has(payment)}"
            yield _unless_settled(Kind.HELD, sentence, order.settlement)
        refunds = [refund for refund in account.refunds if refund.payment == payment.id]
        kept_minor = payment.captured_minor - sum(refund.amount_minor for refund in refunds)
        if kept_minor > 0 and order.status == OrderStatus.CANCELLED:
            amount = money(kept_minor, payment.currency)
            sentence = f"{name} is {order.status}: {amount} of {payment.id} kept"
            yield _unless_settled(Kind.KEPT, sentence, order.settlement)


def _unless_settled(kind: Kind, sentence: str, settlement: str | None) -> Difference:
    if settlement is None:
        return Difference(kind, sentence)
    return Difference(Kind.SETTLED, f"{sentence}; {settlement}")


def _by_hand(
    name: str,
    shop: ShopPayment | None,
    payments: list[ProviderPayment],
    refunds: tuple[ProviderRefund, ...],
) -> Iterator[Difference]:
    """Tell each refund that the payment service did not ask for."""
    if excess_minor(shop, refunds) <= 0:
        return
    currency_of = {payment.id: payment.currency for payment in payments}
    for refund in refunds:
        if not refund.is_ours:
            amount = money(refund.amount_minor, currency_of.get(refund.payment, ""))
            moment = datetime.fromtimestamp(refund.created_at, UTC)
            who = f"by {refund.by_whom}" if refund.by_whom else "by whom, the provider does not say"
            why = refund.reason or "without a reason"
            yield Difference(
                Kind.BY_HAND,
                f"{name}: {amount} of {refund.payment} as {refund.id}, "
                f"{moment:%Y-%m-%d %H:%M} UTC, {who}, {why}",
            )


def _has(payment: ProviderPayment) -> str:
    parts = []
    if payment.held_minor:
        parts.append(f"{money(payment.held_minor, payment.currency)} held")
    if payment.captured_minor:
        parts.append(f"{money(payment.captured_minor, payment.currency)} captured")
    return f"{' and '.join(parts) or 'nothing'} as {payment.id}"
