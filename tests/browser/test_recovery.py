"""What the console shows while a part is away, and when it is back."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.looks import is_open, names, notice, state, told
from tests.stack import Stack, order, until

pytestmark = pytest.mark.long


async def test_a_page_misses_nothing_while_the_api_is_away(page: Page, stack: Stack) -> None:
    """It keeps what it shows, says as of when that is, and goes on by itself: no entry of the timeline is lost or twice."""
    with stack.locked("payment"):
        stack.place(order(sku="scarce", quantity=9, order_id="watched"))
        until(lambda: stack.at_work("watched", "ProcessPayment"), "the payment is under way")
        await is_open(page, "watched", "PENDING")
        await expect(page.locator(".live")).to_have_text("live")
        stack.kill("api")
        await expect(notice(page)).to_contain_text("The API does not answer. What is shown is as of ")
        await expect(page.locator(".live")).to_have_text("reconnecting …")
        await expect(state(page)).to_have_text("PENDING")
    stack.start("api", "api.py")
    until(lambda: stack.status("/readyz") == 200, "the API is back")
    await expect(state(page)).to_have_text("FAILED")
    await expect(notice(page)).to_be_hidden()
    await expect(page.locator(".live")).to_have_text("complete")
    assert await names(page) == told(stack.closed("watched"))


async def test_a_stream_goes_on_behind_what_was_heard(page: Page, stack: Stack) -> None:
    """A connection that is lost is taken up with the last entry's id."""
    asked: list[str | None] = []
    with stack.locked("payment"):
        stack.place(order(order_id="resumed"))
        until(lambda: stack.at_work("resumed", "ProcessPayment"), "the payment is under way")
        page.on("request", lambda sent: asked.append(sent.headers.get("last-event-id")) if sent.url.endswith("/events") else None)
        await is_open(page, "resumed", "PENDING")
        await expect(page.locator(".live")).to_have_text("live")
        stack.temporal("workflow", "signal", "--name", "nonsense", "--workflow-id", "order-resumed")
        await expect(page.locator(".timeline .name").last).to_have_text("nonsense was ignored: there is no such message")
        stack.kill("api")
        await expect(page.locator(".live")).to_have_text("reconnecting …")
        stack.start("api", "api.py")
        until(lambda: stack.status("/readyz") == 200, "the API is back")
        await expect(page.locator(".live")).to_have_text("live")
    await expect(state(page)).to_have_text("COMPLETED")
    assert asked[0] is None
    assert asked[-1]
    assert await names(page) == told(stack.closed("resumed"))


async def test_temporal_away_is_told(page: Page, stack: Stack) -> None:
    """An open order keeps what is shown of it, a list says what it cannot tell, and both recover by themselves."""
    stack.place(order(price=100_000, order_id="reviewed"))
    await is_open(page, "reviewed", "AWAITING_REVIEW")
    stack.kill("temporal")
    await expect(notice(page)).to_contain_text("Not now: Temporal gives no answer")
    await expect(state(page)).to_have_text("AWAITING_REVIEW")
    await page.goto("/")
    await expect(page.locator(".warning")).to_contain_text("Temporal gives no answer: orders that are still open are shown")
    await page.get_by_label("Needs attention").check()
    await page.get_by_role("button", name="Filter").click()
    await expect(notice(page)).to_contain_text("Not now: Temporal gives no answer")
    stack.start_temporal()
    until(lambda: stack.status("/readyz") == 200, "Temporal is back")
    await expect(notice(page)).to_be_hidden()
    await page.get_by_label("Needs attention").uncheck()
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator(".warning")).to_be_hidden()


async def test_too_many_requests_are_told(page: Page) -> None:
    """A page that is told to come later does so."""
    await page.goto("/")
    await expect(notice(page)).to_be_hidden()
    later = {"status": 429, "headers": {"Retry-After": "1"}, "json": {"detail": "more than 1 per 1 second from you"}}
    await page.route("**/orders?*", lambda route: route.fulfill(**later))
    await expect(notice(page)).to_contain_text("Too many requests: more than 1 per 1 second from you")
    await page.unroute("**/orders?*")
    await expect(notice(page)).to_be_hidden()
