"""What the console shows while a part is away, and when it is back."""

import re
import time

import pytest
from playwright.async_api import Page, Route, expect

from tests.stack import Stack, order, until
from tests.system.browser.looks import entry_names, expect_timeline, notice, open_order, state

pytestmark = pytest.mark.long


async def test_a_page_misses_nothing_while_the_api_is_away(page: Page, stack: Stack) -> None:
    """It keeps what it open_order_as, says as of when that is, and goes on by itself.

    No entry of the timeline is lost or shown twice.
    """
    with stack.hold_database("payment"):
        stack.place(order(sku="scarce", quantity=9, order_id="watched"))
        until(lambda: stack.at_work("watched", "ProcessPayment"), "the payment is under way")
        await open_order(page, "watched", "PENDING")
        await expect(page.locator(".live")).to_have_text("live")
        stack.kill("api")
        await expect(notice(page)).to_contain_text(
            "The API does not answer. The data shown is from "
        )
        await expect(page.locator(".live")).to_have_text("reconnecting …")
        await expect(state(page)).to_have_text("PENDING")
    stack.start("api", "api.py")
    until(lambda: stack.status("/readyz") == 200, "the API is back")
    await expect(state(page)).to_have_text("FAILED")
    await expect(notice(page)).to_be_hidden()
    await expect(page.locator(".live")).to_have_text("complete")
    await expect_timeline(page, entry_names(stack.closed_order("watched")))


async def test_a_stream_goes_on_behind_what_was_heard(page: Page, stack: Stack) -> None:
    """A connection that is lost is taken up with the last entry's id."""
    requests: list[str | None] = []
    with stack.hold_database("payment"):
        stack.place(order(order_id="resumed"))
        until(lambda: stack.at_work("resumed", "ProcessPayment"), "the payment is under way")
        page.on(
            "request",
            lambda request: (
                requests.append(request.headers.get("last-event-id"))
                if request.url.endswith("/events")
                else None
            ),
        )
        await open_order(page, "resumed", "PENDING")
        await expect(page.locator(".live")).to_have_text("live")
        stack.temporal("workflow", "signal", "--name", "nonsense", "--workflow-id", "order-resumed")
        await expect(page.locator(".timeline .name").last).to_have_text(
            "nonsense was ignored: there is no such message"
        )
        stack.kill("api")
        await expect(page.locator(".live")).to_have_text("reconnecting …")
        stack.start("api", "api.py")
        until(lambda: stack.status("/readyz") == 200, "the API is back")
        await expect(page.locator(".live")).to_have_text("live")
    await expect(state(page)).to_have_text("COMPLETED")
    assert requests[0] is None
    assert requests[-1]
    await expect_timeline(page, entry_names(stack.closed_order("resumed")))


async def test_temporal_away_is_reported(page: Page, stack: Stack) -> None:
    """An open order keeps what is shown of it, and a list says what it cannot tell.

    Both recover by themselves.
    """
    stack.place(order(price=100_000, order_id="reviewed"))
    await open_order(page, "reviewed", "AWAITING_REVIEW")
    stack.kill("temporal")
    await expect(notice(page)).to_contain_text("Not available now: Temporal gives no answer")
    await expect(state(page)).to_have_text("AWAITING_REVIEW")
    await page.goto("/")
    await expect(page.locator(".warning")).to_contain_text(
        "Temporal gives no answer: orders that are still open are shown"
    )
    await page.get_by_label("Needs attention").check()
    await page.get_by_role("button", name="Filter").click()
    await expect(notice(page)).to_contain_text("Not available now: Temporal gives no answer")
    stack.start_temporal()
    until(lambda: stack.status("/readyz") == 200, "Temporal is back")
    await expect(notice(page)).to_be_hidden()
    await page.get_by_label("Needs attention").uncheck()
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator(".warning")).to_be_hidden()


async def test_a_page_that_nobody_looks_at_asks_nothing(page: Page, stack: Stack) -> None:
    """Neither the list nor an order, nor its stream; it goes on when it is looked at again."""
    requests: list[str] = []
    stack.place(order(price=100_000, order_id="unseen"))
    page.on(
        "request",
        lambda request: (
            requests.append(request.url) if re.search("/orders|/overview", request.url) else None
        ),
    )
    for address, selector in (("/", ".orders tbody tr"), ("/?order=unseen", ".live.on")):
        await page.goto(address)
        await expect(page.locator(selector).first).to_be_visible()
        await look(page, away=True)
        await page.wait_for_timeout(1_000)
        requests.clear()
        await page.wait_for_timeout(6_000)
        assert requests == []
        async with page.expect_request("**/orders*/**" if "order=" in address else "**/orders?*"):
            await look(page, away=False)
        await expect(page.locator(selector).first).to_be_visible()


async def look(page: Page, *, away: bool) -> None:
    """Tell the page that it is hidden, or that somebody looks at it."""
    await page.evaluate(
        """away => {
            Object.defineProperty(document, "hidden", { get: () => away, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        away,
    )


async def test_news_cut_no_pause_short(page: Page, stack: Stack) -> None:
    """A Retry-After is kept, although the page is shown again and the stream brings news."""
    requests: list[str] = []
    stack.place(order(price=100_000, order_id="paced"))
    await open_order(page, "paced", "AWAITING_REVIEW")
    await expect(page.locator(".live")).to_have_text("live")
    # Longer than all that follows takes on a busy machine.
    later = {"status": 503, "headers": {"Retry-After": "10"}, "json": None}
    await page.route("**/orders/paced", lambda route: route.fulfill(**later))
    await expect(notice(page)).to_contain_text("Not available now")
    page.on(
        "request",
        lambda request: requests.append(request.url) if request.url.endswith("/paced") else None,
    )
    for _ in range(4):
        await page.wait_for_timeout(500)
        await look(page, away=False)
    stack.temporal("workflow", "signal", "--name", "nonsense", "--workflow-id", "order-paced")
    await expect(page.locator(".timeline .name").last).to_contain_text("nonsense was ignored")
    assert requests == []
    await page.unroute("**/orders/paced")
    await expect(notice(page)).to_be_hidden()
    assert len(requests) == 1


async def test_a_stream_comes_again_after_its_pause_and_hides_no_defect(page: Page) -> None:
    """A Retry-After is waited for, and a stream that ends is opened again.

    Errors of our own code are shown.
    """
    requests: list[float] = []

    async def answer(route: Route) -> None:
        requests.append(time.monotonic())
        event = f'id: {len(requests)}-0\nevent: state\ndata: {{"number": {len(requests)}}}\n\n'
        if len(requests) == 1:
            await route.fulfill(status=429, json=None, headers={"Retry-After": "2"})
        else:
            await route.fulfill(body=event, content_type="text/event-stream")

    await page.goto("/")
    await page.route("**/orders/mocked/events", answer)
    name = await page.evaluate("""async () => {
        const { follow } = await import("/console/stream.js");
        const defect = new Promise((resolve) =>
            window.addEventListener("unhandledrejection", (event) => {
                event.preventDefault();
                resolve(event.reason.name);
            }));
        const onEntry = ({ number }) => { if (number === 4) null.defect; };
        const callbacks = { onEntry, onConnection() {}, onEnd() {} };
        follow("mocked", callbacks, new AbortController().signal);
        return await defect;
    }""")
    assert name == "TypeError"
    await expect(page.locator("#defect")).to_contain_text("This page has an error: TypeError")
    assert len(requests) == 4
    assert requests[1] - requests[0] >= 2


async def test_too_many_requests_are_reported(page: Page) -> None:
    """A page that is asked to wait does so."""
    await page.goto("/")
    await expect(notice(page)).to_be_hidden()
    later = {
        "status": 429,
        "headers": {"Retry-After": "1"},
        "json": {"detail": "more than 1 per 1 second from you"},
    }
    await page.route("**/orders?*", lambda route: route.fulfill(**later))
    await expect(notice(page)).to_contain_text(
        "Too many requests: more than 1 per 1 second from you"
    )
    await page.unroute("**/orders?*")
    await expect(notice(page)).to_be_hidden()
