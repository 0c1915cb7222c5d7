"""The page that places an order: looked up while typed, sent once, wrong fields are marked."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.stack import Stack
from tests.system.browser.api_answers import answer_with
from tests.system.browser.looks import state
from tests.tokens import SCOPES, bearer

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def lantern(stack: Stack) -> None:
    """Offer a product with list prices; open a wallet in a currency without a minor unit."""
    product = {"name": "White lantern", "prices": {"GBP": 339, "JPY": 640}, "opening_stock": 7}
    assert stack.http.put("/stock/71053", json=product).status_code < 300
    stack.seed({"yamada": 100_000}, {}, currency="JPY")


def line(page: Page, number: int) -> Locator:
    """The fields of a line."""
    return page.get_by_role("group", name=f"Line {number}")


async def fill(page: Page, customer: str, *lines: tuple[str, str, str]) -> None:
    """Type an order, line by line: SKU, quantity, unit price; "" leaves the price as it is."""
    await page.get_by_label("Customer", exact=True).fill(customer)
    for number, (sku, quantity, price) in enumerate(lines, 1):
        if number > 1:
            await page.get_by_role("button", name="Add a line").click()
        await line(page, number).get_by_label("SKU").fill(sku)
        await line(page, number).get_by_label("Quantity").fill(quantity)
        if price:
            await line(page, number).get_by_label("Unit price").fill(price)


async def test_an_order_is_placed_with_the_keyboard(page: Page, stack: Stack) -> None:
    """Products and the wallet are looked up meanwhile, and the order's page opens at the end."""
    await page.goto("/?place=")
    await page.get_by_label("Customer", exact=True).focus()
    await page.keyboard.type("rich")
    await expect(page.locator(".place")).to_contain_text("Wallet: 10,000,000.00 GBP")
    await expect(page.get_by_label("Currency")).to_have_value("GBP")
    for key in ("Tab", "Tab"):
        await page.keyboard.press(key)
    await page.keyboard.type("71053")
    sku = line(page, 1).locator(".field").first
    await expect(sku).to_contain_text("White lantern · 7 available · list price 3.39 GBP")
    await expect(line(page, 1).get_by_label("Unit price")).to_have_value("3.39")
    await page.keyboard.press("Tab")
    await page.keyboard.type("8")
    await expect(sku).to_contain_text("only 7 available")
    await page.keyboard.press("Backspace")
    await page.keyboard.type("2")
    await expect(page.locator(".total")).to_have_text("Total 6.78 GBP")
    for key in ("Tab", "Tab", "Enter"):
        await page.keyboard.press(key)
    await page.keyboard.type("plenty")
    for text in ("3", "0.05"):
        await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await expect(page.locator(".total")).to_have_text("Total 6.93 GBP")
    await page.keyboard.press("Enter")
    await expect(state(page)).to_have_text("COMPLETED")
    order_id = await page.locator("h1 code").inner_text()
    assert stack.http.get(f"/orders/{order_id}").json()["lines"] == [
        {"sku": "71053", "quantity": 2, "unit_price_minor": 339},
        {"sku": "plenty", "quantity": 3, "unit_price_minor": 5},
    ]
    await page.go_back()
    await expect(page.get_by_label("Customer", exact=True)).to_have_value("")


async def test_a_lost_answer_and_a_double_click_place_one_order(page: Page) -> None:
    """The same content has the same key, after a reload as well; other content has another."""
    calls: list[tuple[str, Any]] = []

    async def lose(route: Route) -> None:
        """Let the API take the order, and lose its answer."""
        answer = await route.fetch()
        calls.append((route.request.headers["idempotency-key"], await answer.json()))
        await route.abort()

    await page.goto("/?place=")
    await fill(page, "rich", ("plenty", "1", "1.00"))
    await page.get_by_label("Currency").fill("gbp")
    await page.route("**/orders", lose)
    await page.get_by_role("button", name="Place the order").dblclick()
    await expect(page.locator(".place")).to_contain_text("It may or may not have been accepted")
    await page.reload()
    await expect(line(page, 1).get_by_label("SKU")).to_have_value("plenty")
    await page.get_by_role("button", name="Place the order").click()
    await expect(page.locator(".place")).to_contain_text("It may or may not have been accepted")
    assert len(calls) >= 2
    assert len({key for key, _ in calls}) == 1
    assert len({view["order_id"] for _, view in calls}) == 1
    await line(page, 1).get_by_label("Quantity").fill("2")
    async with page.expect_event("requestfailed"):
        await page.get_by_role("button", name="Place the order").click()
    assert len({key for key, _ in calls}) == 2
    assert len({view["order_id"] for _, view in calls}) == 2


async def test_each_content_is_placed_once(page: Page) -> None:
    """Also when what was changed is changed back; what may be placed already is warned of."""
    calls: list[tuple[str, str]] = []

    async def lose(route: Route) -> None:
        """Let the API take the order, and lose its answer."""
        answer = await route.fetch()
        calls.append((route.request.headers["idempotency-key"], (await answer.json())["order_id"]))
        await route.abort()

    async def place(quantity: str) -> None:
        """Place the order with another quantity."""
        await line(page, 1).get_by_label("Quantity").fill(quantity)
        async with page.expect_event("requestfailed"):
            await page.get_by_role("button", name="Place the order").click()
        await expect(page.locator(".place")).to_contain_text("It may or may not have been accepted")

    await page.goto("/?place=")
    await fill(page, "rich", ("plenty", "1", "1.00"))
    await page.get_by_label("Currency").fill("GBP")
    warning = page.locator(".place .warning")
    await answer_with(page, "**/orders", {"detail": "it is refused"}, status=422)
    await page.get_by_role("button", name="Place the order").click()
    await expect(page.locator(".place")).to_contain_text("it is refused")
    await line(page, 1).get_by_label("Quantity").fill("3")
    await expect(warning).to_be_hidden()
    await page.unroute("**/orders")
    await page.route("**/orders", lose)
    await place("1")
    await expect(warning).to_be_hidden()
    await place("2")
    await expect(warning).to_contain_text("it may have been placed")
    await page.reload()
    await place("1")
    assert calls[2] == calls[0]
    assert len(set(calls)) == 2
    await expect(warning).to_be_visible()
    await page.unroute("**/orders")
    await page.get_by_role("button", name="Place the order").click()
    await expect(state(page)).to_have_text("COMPLETED")
    assert await page.locator("h1 code").inner_text() == calls[0][1]
    await page.go_back()
    await expect(warning).to_be_hidden()


async def test_a_list_price_is_of_its_product_and_currency(page: Page) -> None:
    """It leaves with them, after a reload as well; a price that somebody typed stays."""
    await page.goto("/?place=")
    await fill(page, "rich", ("71053", "1", ""))
    sku, price = (line(page, 1).get_by_label(label) for label in ("SKU", "Unit price"))
    hint = line(page, 1).locator(".hint").first
    await expect(price).to_have_value("3.39")
    await sku.fill("plenty")
    await expect(hint).to_contain_text("no list price in GBP")
    await expect(price).to_have_value("")
    await sku.fill("71053")
    await expect(price).to_have_value("3.39")
    await page.get_by_label("Currency").fill("EUR")
    await expect(hint).to_contain_text("no list price in EUR")
    await expect(price).to_have_value("")
    await expect(page.locator(".total")).to_have_text("Total 0.00 EUR")
    await page.get_by_label("Currency").fill("GBP")
    await expect(price).to_have_value("3.39")
    await page.route("**/stock/*", lambda route: route.abort())
    await page.reload()
    await expect(price).to_have_value("3.39")
    await page.get_by_label("Currency").fill("EUR")
    await expect(price).to_have_value("")
    await price.fill("4.00")
    await page.unroute("**/stock/*")
    await sku.fill("plenty")
    await expect(hint).to_contain_text("no list price in EUR")
    await expect(price).to_have_value("4.00")


async def test_what_will_be_refused_is_marked(page: Page, stack: Stack) -> None:
    """A wallet in another currency, and more of a product in all lines than there is."""
    product = {"name": "Pair", "prices": {"GBP": 339}, "opening_stock": 7}
    assert stack.http.put("/stock/pair", json=product).status_code < 300
    await page.goto("/?place=")
    await fill(page, "rich", ("pair", "4", ""), ("pair", "4", ""))
    for number in (1, 2):
        hint = line(page, number).locator(".hint.unsure")
        await expect(hint).to_contain_text("only 7 available · 8 in all lines")
    await line(page, 2).get_by_label("Quantity").fill("3")
    await expect(page.locator(".hint.unsure")).to_have_count(0)
    await page.get_by_label("Currency").fill("JPY")
    await expect(page.locator(".hint.unsure")).to_contain_text(" GBP, not in JPY")


async def test_what_is_wrong_is_said_at_its_field(page: Page) -> None:
    """Before it is sent, in the API's words; and what the API alone knows, once it answers."""
    await page.goto("/?place=")
    await fill(page, "no body", ("a/b", "0", "1,50"), ("plenty", "1000001", "1.001"))
    await page.get_by_label("Currency").fill("XAU")
    await page.get_by_label("Deadline").fill("86401")
    await page.get_by_role("button", name="Place the order").click()
    place = page.locator(".place")
    for text in (
        "Customer must be 1 to 64 letters, digits, _ or -.",
        "Currency must be a currency in use, by its three letters, like GBP.",
        "SKU must be 1 to 64 letters, digits, spaces, _ or -.",
        "Quantity must be at least 1.",
        "Quantity must be at most 1000000.",
        "Deadline in seconds must be at most 86400.",
        "Not placed: look at the marked fields.",
    ):
        await expect(place).to_contain_text(text)
    assert await page.evaluate("document.activeElement.value") == "no body"
    await page.get_by_label("Currency").fill("KWD")
    await page.get_by_role("button", name="Place the order").click()
    await expect(place).to_contain_text("Unit price must be an amount like 1.250.")
    await expect(line(page, 2).locator("[aria-invalid]")).to_have_count(1)
    await fill_right(page)
    errors = [{"field": "lines.1.unit_price_minor", "message": "0.03 GBP is offered"}]
    problem = {"status": 422, "detail": "lines.1: too cheap", "errors": errors}
    await answer_with(page, "**/orders", problem, status=422)
    await page.get_by_role("button", name="Place the order").click()
    await expect(line(page, 2)).to_contain_text("Unit price: 0.03 GBP is offered.")
    assert await page.evaluate("document.activeElement.value") == "1.001"


async def fill_right(page: Page) -> None:
    """Put right what was wrong, but for the currency, whose minor unit has three digits."""
    await page.get_by_label("Customer", exact=True).fill("rich")
    await page.get_by_label("Deadline").fill("")
    first = line(page, 1)
    for label, text in (("SKU", "plenty"), ("Quantity", "1"), ("Unit price", "1.5")):
        await first.get_by_label(label).fill(text)
    await line(page, 2).get_by_label("Quantity").fill("1")


async def test_the_last_answer_wins(page: Page) -> None:
    """A slow lookup of what was typed before says nothing, and a limit of the API is respected."""
    is_late = asyncio.Event()
    times: list[float] = []

    async def hold(route: Route) -> None:
        """Answer the first lookup last."""
        await is_late.wait()
        await route.fulfill(json={"sku": "slow", "name": "Slow", "available": 1, "prices": {}})

    async def limit(route: Route) -> None:
        """Turn the first call away, for a second."""
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            limits = {"Retry-After": "1"}
            await route.fulfill(status=429, json={"detail": "too many"}, headers=limits)
        else:
            await route.continue_()

    await page.route("**/stock/slow", hold)
    await page.goto("/?place=")
    sku = line(page, 1).locator(".field").first
    async with page.expect_request("**/stock/slow"):
        await page.get_by_label("SKU").fill("slow")
    await page.get_by_label("SKU").fill("nothing")
    await expect(sku).to_contain_text("There is no such product.")
    is_late.set()
    await page.route("**/stock/71053", limit)
    await page.get_by_label("SKU").fill("71053")
    await expect(sku).to_contain_text("Too many requests")
    await page.get_by_label("SKU").press_sequentially("9")
    await page.get_by_label("SKU").press("Backspace")
    await expect(sku).to_contain_text("White lantern")
    assert times[1] - times[0] >= 1
    await expect(sku).not_to_contain_text("Slow")


async def test_a_customer_orders_for_themselves(page: Page) -> None:
    """Their id is filled in from the token; amounts have the currency's own form."""
    await page.goto("/")
    token = bearer(*SCOPES, customer_id="yamada")["Authorization"].removeprefix("Bearer ")
    await page.evaluate("token => sessionStorage.setItem('order-saga-token', token)", token)
    await page.get_by_role("link", name="Place an order").click()
    await expect(page.get_by_label("Customer", exact=True)).to_have_value("yamada")
    await expect(page.locator(".place")).to_contain_text("Wallet: 100,000 JPY")
    await page.get_by_label("SKU").fill("71053")
    await expect(page.get_by_label("Unit price")).to_have_value("640")
    await page.get_by_label("Quantity").fill("200")
    await expect(page.locator(".place")).to_contain_text("Wallet: 100,000 JPY, less than the total")
    await expect(page.locator(".total")).to_have_text("Total 128,000 JPY")
    await page.get_by_role("button", name="Add a line").click()
    await line(page, 2).get_by_label("SKU").fill("plenty")
    await page.get_by_role("button", name="Remove line 1").click()
    await expect(line(page, 1).get_by_label("SKU")).to_have_value("plenty")
    await expect(line(page, 1).get_by_label("SKU")).to_be_focused()
    await expect(page.locator(".total")).to_have_text("Total 0 JPY")
