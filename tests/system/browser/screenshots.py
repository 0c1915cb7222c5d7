"""The pictures of the console in README and docs/: `python -m tests.system.browser.screenshots`.

They are taken of a stack of its own on free ports, in a temporary folder. One of its orders is paid
and then out of stock while the payment service is down: it rolls back, and its refund gets stuck.
"""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import (
    Browser,
    FloatRect,
    Locator,
    Page,
    async_playwright,
    expect,
)

from tests.stack import ROOT, Stack, order, until
from tests.system.browser.chromium import MISSING, chromium, launch
from tests.system.browser.looks import open_order, step

IMAGES = ROOT / "docs" / "images"
WIDTH = 1120
MARGIN = 16
LARGEST_BYTES = 200_000
WAIT_MS = 60_000
LIMITS = {
    "REVIEW_THRESHOLD_MINOR": "100000",
    "STUCK_AFTER_SECONDS": "20",  # long enough for a picture of the rollback before it is stuck
    "STUCK_ATTEMPTS": "1000",
    "COMPENSATION_PAUSE_SECONDS": "2",
}
HEART = "85123A"
LANTERN = "71053"
BOTTLE = "84029E"
SCARCE = "22752"
NAMES = {LANTERN: ("White metal lantern", 339), SCARCE: ("Set of 7 nesting boxes", 765)}


def fill(stack: Stack) -> None:
    """Place the orders that stand in the list: sold, out of stock, waiting for a review."""
    for sku, (name, price) in NAMES.items():
        stack.http.put(f"/stock/{sku}", json={"name": name, "prices": {"GBP": price}})
    for order_id, customer, sku, quantity, price in (
        ("cart-4705", "17850", HEART, 6, 255),
        ("cart-4706", "13047", LANTERN, 6, 339),
        ("cart-4707", "12583", BOTTLE, 24, 375),
        ("cart-4708", "13748", SCARCE, 80, 255),
        ("cart-4709", "15100", HEART, 32, 1095),
    ):
        stack.place(order(customer, sku, quantity, price, order_id=order_id), Prefer="wait=20")
    stack.place(order("14688", LANTERN, 400, 339, order_id="cart-4710"))


def interrupt(stack: Stack, order_id: str) -> None:
    """Place an order that is paid and then refused by stock, and stop the payment service."""
    with stack.hold_database("stock"):
        stack.place(order("17850", SCARCE, 12, 765, order_id=order_id))
        until(lambda: stack.at_work(order_id, "DecreaseStock"), "the stock service is at work")
        stack.kill("payment")


def approve_many(stack: Stack) -> None:
    """Approve the orders that wait for a review, in one act."""
    act = {"act": "approve", "filter": {"state": "AWAITING_REVIEW"}, "count": 1}
    words = {"batch_id": "evening", "by": "ann", "reason": "known customers"}
    until(lambda: stack.http.post("/batch-operations", json=act | words).is_success, "it begins")


async def save(page: Page, name: str, last: Locator) -> None:
    """Save the page down to its element `last` under docs/images, and print the picture's size."""
    path = IMAGES / f"{name}.png"
    await page.evaluate("scrollTo(0, 0)")  # a box is measured from what is in view
    box = await last.bounding_box()
    assert box, f"{last} is not shown"
    height = box["y"] + box["height"] + MARGIN
    clip: FloatRect = {"x": 0, "y": 0, "width": WIDTH, "height": height}
    await page.screenshot(path=path, full_page=True, clip=clip, animations="disabled")
    size = path.stat().st_size
    assert size < LARGEST_BYTES, f"{path} has {size:,} bytes"
    print(f"{path.relative_to(ROOT)}: {size:,} bytes")  # noqa: T201  # a command talks


async def take(browser: Browser, stack: Stack) -> None:
    """Take the pictures, while one order is paid, refused, rolled back and stuck."""
    context = await browser.new_context(
        base_url=f"http://127.0.0.1:{stack.api_port}",
        viewport={"width": WIDTH, "height": 600},
        color_scheme="light",
        locale="en-GB",
    )
    context.set_default_timeout(WAIT_MS)
    page = await context.new_page()
    await asyncio.to_thread(fill, stack)
    await asyncio.to_thread(interrupt, stack, "cart-4711")
    await open_order(page, "cart-4711", "ROLLING_BACK")
    refund = step(page, "ProcessPayment").locator(".compensation")
    await expect(refund).to_have_attribute("data-state", "RUNNING")
    await save(page, "rolling-back", page.locator(".course"))
    await open_order(page, "cart-4711", "ROLLBACK_STUCK")
    await expect(page.locator(".acts .act").first).to_be_visible()
    await save(page, "stuck", page.locator(".course"))
    await page.goto("/")
    for order_id in ("cart-4711", "cart-4705"):  # the first row, and the last
        await expect(page.get_by_text(order_id)).to_be_visible()
    await expect(page.locator(".overview")).to_contain_text("1 order needs a person")
    await save(page, "overview", page.locator("#page"))
    await fill_in(page)
    await save(page, "place", page.locator(".place"))
    await asyncio.to_thread(approve_many, stack)
    await page.goto("/?batch=evening")
    await expect(page.locator(".results tbody tr")).not_to_have_count(0)
    await expect(page.locator(".chips")).to_contain_text("completed", ignore_case=True)
    await save(page, "batch", page.locator("#page"))
    await page.goto("/?operations=")
    await expect(page.locator(".operations tbody tr")).not_to_have_count(0)
    await save(page, "operations", page.locator("#page"))
    await context.close()


async def fill_in(page: Page) -> None:
    """Fill in an order of two lines, one of more than there is."""
    await page.goto("/?place=")
    await page.get_by_label("Customer", exact=True).fill("17850")
    for number, (sku, quantity) in enumerate(((LANTERN, "6"), (SCARCE, "12")), 1):
        if number > 1:
            await page.get_by_role("button", name="Add a line").click()
        line = page.get_by_role("group", name=f"Line {number}")
        await line.get_by_label("SKU").fill(sku)
        await line.get_by_label("Quantity").fill(quantity)
        await expect(line).to_contain_text("list price")
    await page.get_by_role("button", name="Place the order").focus()


async def main() -> None:
    """Start the stack and the browser, take the pictures, and stop both."""
    command = chromium()
    if command is None:
        raise SystemExit(MISSING)
    expect.set_options(timeout=WAIT_MS)
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="order-saga-") as folder:
        stack = Stack(Path(folder))
        stack.env |= LIMITS
        try:
            customers = ("17850", "13047", "12583", "13748", "15100", "14688")
            products = {HEART: 1_000, LANTERN: 1_000, BOTTLE: 1_000, SCARCE: 5}
            stack.seed(dict.fromkeys(customers, 1_000_000), products)
            stack.start_all("orchestrator", "order", "payment", "stock")
            async with async_playwright() as playwright:
                browser = await launch(playwright, command)
                await take(browser, stack)
                await browser.close()
        finally:
            stack.stop()


if __name__ == "__main__":
    asyncio.run(main())
