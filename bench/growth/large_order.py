"""An order of nearly six hundred lines, the largest invoice of the shop's first day."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from bench.growth.stack import Stack, run_stack
from bench.growth.verification import problems_of_audit
from bench.rounds import place_and_measure
from bench.workload import OPENING_STOCK, customer, database_url
from contracts.ids import saga_id
from contracts.placing import OrderLine, PlaceOrder
from contracts.stock import StockView
from operations.shop.seed import SHOP_DAYS
from operations.shop.shop_days import CURRENCY, minor_units
from participants.stock.service import StockService
from temporal_saga.database import open_database

ORDERS = 20
READS = 5


def largest_invoice(path: Path) -> tuple[OrderLine, ...]:
    """Return the lines of a shop day's invoice that has most; its customer is not on record."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        invoices: defaultdict[str, list[OrderLine]] = defaultdict(list)
        for row in csv.DictReader(file):
            price = minor_units(row["UnitPrice"])
            if price is not None and row["Quantity"].isdecimal():
                line = OrderLine(
                    sku=row["StockCode"], quantity=int(row["Quantity"]), unit_price_minor=price
                )
                invoices[row["InvoiceNo"]].append(line)
    largest: list[OrderLine] = max(invoices.values(), key=len)
    return tuple(largest)


async def measure_large_order(folder: Path, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return what such an order takes: time and CPU, events and bytes."""
    lines = largest_invoice(min(SHOP_DAYS.glob("*.csv")))
    _offer(folder, {line.sku for line in lines})
    batch = [
        PlaceOrder(
            order_id=f"large-{number}",
            customer_id=customer(number),
            currency=CURRENCY,
            lines=lines,
        )
        for number in range(ORDERS)
    ]
    async with run_stack(folder, settings) as stack:
        await place_and_measure(stack.running, batch[:2], 1)
        _, figures = await place_and_measure(stack.running, batch[2:], 1)
        sizes = await _sizes(stack, batch[-1])
        problems, _ = await problems_of_audit(stack)
    return {"lines": len(lines), "problems": problems, "placing": asdict(figures), **sizes}


def _offer(folder: Path, skus: set[str]) -> None:
    """Add products to the shop."""
    engine = open_database(database_url(folder, "stock"))
    StockService.open(engine).add_products(
        StockView(sku=sku, name=sku, available=OPENING_STOCK) for sku in sorted(skus)
    )
    engine.dispose()


async def _sizes(stack: Stack, order: PlaceOrder) -> dict[str, Any]:
    """Return the bytes of an order's request, history and views."""
    handle = stack.client.get_workflow_handle(saga_id(order.order_id or ""))
    events = (await handle.fetch_history()).events
    description = await handle.describe()
    times = [await stack.get(f"/orders/{order.order_id}") for _ in range(READS)]
    answer = times[-1][0]
    newest, _ = await stack.get("/orders?limit=1")
    return {
        "request_bytes": len(order.model_dump_json(exclude_none=True)),
        "events": len(events),
        "history_bytes": description.raw_description.workflow_execution_info.history_size_bytes,
        "largest_event_bytes": max(event.ByteSize() for event in events),
        "view_ms": median(milliseconds for _, milliseconds in times),
        "view_lines": len(answer.body["lines"]),
        "view_state": answer.body["state"],
        "list_line_count": newest.body["orders"][0]["line_count"],
    }
