"""The field above every page that opens an order by its id or address."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.stack import Stack, order
from tests.system.browser.looks import notice, state

pytestmark = pytest.mark.long


async def test_an_order_is_opened_however_its_id_was_copied(page: Page, stack: Stack) -> None:
    """With blanks around it, as the workflow's id, or by an address; Back restores the list."""
    stack.place(order(order_id="clf"), Prefer="wait=20")
    await page.goto("/?status=CONFIRMED")
    box = page.get_by_label("Go to the order with this id")
    for text in (
        " clf ",
        "order-clf",
        "https://ui.example.org/t/namespaces/default/workflows/order-clf/0199/history",
    ):
        await box.fill(text)
        await box.press("Enter")
        await expect(page).to_have_url(re.compile(r"/\?order=clf$"))
        await expect(state(page)).to_have_text("COMPLETED")
        await expect(notice(page)).to_be_hidden()
        await page.go_back()
        await expect(page).to_have_url(re.compile(r"/\?status=CONFIRMED$"))


async def test_an_id_is_found_in_what_came_along(page: Page) -> None:
    """An address may be of this page, of the API or of the Web UI.

    What holds no id is left as it is, and the page says so.
    """
    ids_by_text = {
        "\tclf\n": "clf",
        "\u200bclf\ufeff": "clf",
        "“Clf”,": "Clf",
        "<clf>.": "clf",
        "no body": "no body",
        "order-clf": "order-clf",
        "http://127.0.0.1:8000/?order=clf": "clf",
        "https://shop.example.org/orders/clf": "clf",
        "http://127.0.0.1:8000/orders/clf/events": "clf",
        "/orders/clf": "clf",
        "orders/clf": "clf",
        "?order=clf": "clf",
        "http://localhost:8233/namespaces/default/workflows/order-clf?tab=1": "clf",
        "http://localhost:8233/namespaces/default/workflows/order-order-7": "order-7",
        "http://localhost:8233/namespaces/orders/workflows/order-7": "7",
        "http://localhost:8233/namespaces/default": "http://localhost:8233/namespaces/default",
        "http://": "http",
    }
    await page.goto("/")
    find_ids = (
        "async all => { const a = await import('/console/address.js'); return all.map(a.idIn); }"
    )
    assert (
        dict(zip(ids_by_text, await page.evaluate(find_ids, list(ids_by_text)), strict=True))
        == ids_by_text
    )


async def test_an_id_that_begins_like_a_workflows_is_an_id(page: Page, stack: Stack) -> None:
    """An order on record under the text as typed comes first; capitals stay capitals.

    An id that no order has is shown as it was typed.
    """
    stack.place(order(order_id="order-Clf"), Prefer="wait=20")
    stack.place(order(order_id="Clf"), Prefer="wait=20")
    await page.goto("/")
    box = page.get_by_label("Go to the order with this id")
    for text, order_id in (
        ("order-Clf", "order-Clf"),
        ("order-order-Clf", "order-Clf"),
        ("Clf", "Clf"),
    ):
        await box.fill(text)
        await box.press("Enter")
        await expect(page.locator("h1")).to_have_text(f"Order {order_id}")
        await expect(state(page)).to_have_text("COMPLETED")
    await box.fill("nobody")
    await box.press("Enter")
    await expect(notice(page)).to_contain_text("there is no order nobody")
    await box.fill("http://localhost:8233/namespaces/default")
    await box.press("Enter")
    assert "nor an address of an order" in await box.evaluate("box => box.validationMessage")
