"""The shop days under `data/`: rows of a real shop, read as our orders and products."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from contracts.base import Contract
from contracts.placing import OrderLine, PlaceOrder

CURRENCY = "GBP"
COLUMNS = frozenset(
    {"InvoiceNo", "StockCode", "Description", "Quantity", "UnitPrice", "CustomerID"}
)
NAME_LENGTH = 200
MOST_DIGITS = 18
"""Of a quantity; Python itself refuses to read a number of thousands of digits."""

C = TypeVar("C", bound=Contract)


@dataclass(frozen=True)
class ShopData:
    """What the shop days hold.

    Args:
        orders: in the sequence of their files.
        products: their names, by SKU.
        prices: the first price that somebody paid, in minor units, by SKU.
        skip_counts: how many rows were left out, by why.
    """

    orders: tuple[PlaceOrder, ...]
    products: Mapping[str, str]
    prices: Mapping[str, int]
    skip_counts: Mapping[str, int]


def read_days(paths: Sequence[Path]) -> ShopData:
    """Read shop days, one after the other, as one.

    An order is an invoice with its id, a line is a row. Skipped and counted: cancellations (`C…`),
    rows without a customer, rows without a price (none, zero, or a fraction of a penny), rows whose
    SKU or quantity our contracts do not take (a return), and invoices that they do not take. A
    product is what stands on a line, named by its first description.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is no shop day, or there is no order in any.
    """
    invoices: dict[str, tuple[str, list[OrderLine]]] = {}
    products: dict[str, str] = {}
    prices: dict[str, int] = {}
    skip_counts: Counter[str] = Counter()
    for row in (row for path in paths for row in _rows(path)):
        if row["InvoiceNo"].startswith("C"):
            skip_counts["cancellations"] += 1
        elif not row["CustomerID"]:
            skip_counts["without customer"] += 1
        elif (price := minor_units(row["UnitPrice"]) or 0) < 1:
            skip_counts["without price"] += 1
        elif (line := _line(row, price)) is None:
            skip_counts["SKU or quantity"] += 1
        else:
            customer_id = row["CustomerID"].removesuffix(".0")
            _, lines = invoices.setdefault(row["InvoiceNo"], (customer_id, []))
            lines.append(line)
            prices.setdefault(line.sku, price)
            products[line.sku] = products.get(line.sku) or row["Description"].strip()[:NAME_LENGTH]
    valid = (_order(invoice, customer, lines) for invoice, (customer, lines) in invoices.items())
    orders = tuple(order for order in valid if order is not None)
    skip_counts["whole invoices"] = len(invoices) - len(orders)
    if not orders:
        raise ValueError(f"there is no order in {', '.join(map(str, paths))}")
    return ShopData(
        orders, {sku: name or sku for sku, name in products.items()}, prices, +skip_counts
    )


def minor_units(price: str) -> int | None:
    """Return a price in whole minor units (`2.55` is 255), or None when it has none."""
    try:
        minor = Decimal(price) * 100
        return int(minor) if minor == minor.to_integral_value() else None
    except ArithmeticError:  # no number, or not a finite one
        return None


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restval="")
        try:
            columns = set(reader.fieldnames or ())
            rows = list(reader)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path} is no shop day: {error}") from error
    if missing := COLUMNS - columns:
        raise ValueError(f"{path} is no shop day: it lacks {', '.join(sorted(missing))}")
    return rows


def _line(row: Mapping[str, str], price: int) -> OrderLine | None:
    quantity = row["Quantity"]
    pieces = int(quantity) if quantity.isdecimal() and len(quantity) <= MOST_DIGITS else None
    fields = {"sku": row["StockCode"], "quantity": pieces, "unit_price_minor": price}
    return _valid(OrderLine, fields)


def _order(invoice: str, customer: str, lines: list[OrderLine]) -> PlaceOrder | None:
    fields = {
        "order_id": invoice,
        "customer_id": customer,
        "currency": CURRENCY,
        "lines": tuple(lines),
    }
    return _valid(PlaceOrder, fields)


def _valid(model: type[C], fields: Mapping[str, Any]) -> C | None:
    try:
        return model.model_validate(fields)
    except ValidationError:
        return None
