"""The shop days under `data/`: rows of a real shop, read as orders and products that keep to our contracts."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from contracts.base import Contract
from contracts.order import OrderLine, PlaceOrder

CURRENCY = "GBP"
NAME_LENGTH = 200

C = TypeVar("C", bound=Contract)


@dataclass(frozen=True)
class ShopData:
    """What the shop days hold: orders in the order of their files, product names by SKU, and what was left out and why."""

    orders: tuple[PlaceOrder, ...]
    products: Mapping[str, str]
    skipped: Mapping[str, int]


def read_days(paths: Iterable[Path]) -> ShopData:
    """Read shop days, one after the other, as one.

    An order is an invoice with its id, a line is a row. Left out and counted: cancellations (`C…`), rows without a customer, rows
    whose SKU, quantity or price our contracts do not take (a return, a fraction of a penny), and invoices that they do not take.
    A product is what stands on a line, named by its first description.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file lacks a column.
    """
    invoices: dict[str, tuple[str, list[OrderLine]]] = {}
    products: dict[str, str] = {}
    skipped: Counter[str] = Counter()
    for row in (row for path in paths for row in _rows(path)):
        if row["InvoiceNo"].startswith("C"):
            skipped["cancellations"] += 1
        elif not row["CustomerID"]:
            skipped["without customer"] += 1
        elif (line := _line(row)) is None:
            skipped["SKU, quantity or price"] += 1
        else:
            invoices.setdefault(row["InvoiceNo"], (row["CustomerID"].removesuffix(".0"), []))[1].append(line)
            products[line.sku] = products.get(line.sku) or row["Description"].strip()[:NAME_LENGTH]
    orders = [_order(invoice, customer, lines) for invoice, (customer, lines) in invoices.items()]
    taken = tuple(order for order in orders if order is not None)
    skipped["whole invoices"] = len(orders) - len(taken)
    return ShopData(taken, {sku: name or sku for sku, name in products.items()}, +skipped)


def minor_units(price: str) -> int | None:
    """Return a price as a whole number of minor units (`2.55` is 255), or None when it is none."""
    try:
        minor = Decimal(price) * 100
        return int(minor) if minor == minor.to_integral_value() else None
    except ArithmeticError:  # no number, or not a finite one
        return None


def _rows(path: Path) -> Iterable[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restval="")
        columns = {"InvoiceNo", "StockCode", "Description", "Quantity", "UnitPrice", "CustomerID"}
        if missing := columns - set(reader.fieldnames or ()):
            raise ValueError(f"{path} is no shop day: it lacks {', '.join(sorted(missing))}")
        yield from reader


def _line(row: Mapping[str, str]) -> OrderLine | None:
    quantity, price = row["Quantity"], minor_units(row["UnitPrice"])
    fields = {"sku": row["StockCode"], "quantity": int(quantity) if quantity.isdecimal() else None, "unit_price_minor": price}
    return _valid(OrderLine, fields)


def _order(invoice: str, customer: str, lines: list[OrderLine]) -> PlaceOrder | None:
    fields = {"order_id": invoice, "customer_id": customer, "currency": CURRENCY, "lines": tuple(lines)}
    return _valid(PlaceOrder, fields)


def _valid(model: type[C], fields: Mapping[str, Any]) -> C | None:
    try:
        return model.model_validate(fields)
    except ValidationError:
        return None
