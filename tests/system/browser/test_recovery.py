"""What the console shows while a part is away, and when it is back."""

import re
import time

import pytest
from playwright.async_api import Page, Route, expect

from tests.stack import Stack, order, until
from tests.system.browser.looks import is_open, names, notice, state, told

pytestmark = pytest.mark.long


async def test_a_page_misses_nothing_while_the_api_is_away(page: Page, stack: Stack) -> None:
    """It keeps what it shows, says as of when that is, and goes on by itself.

    No entry of the timeline is lost or shown twice.
    """
    with stack.locked("payment"):
        stack.place(order(sku="scarce", quantity=9, order_id="watched"))
        until(lambda: stack.at_work("watched", "ProcessPayment"), "the payment is under way")
        await is_open(page, "watched", "PENDING")
        await expect(page.locator(".live")).to_have_text("live")
        stack.kill("api")
        await expect(notice(page)).to_contain_text(
            "The API does not answer. What is shown is as of "
        )
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
        page.on(
            "request",
            lambda sent: (
                asked.append(sent.headers.get("last-event-id"))
                if sent.url.endswith("/events")
                else None
            ),
        )
        await is_open(page, "resumed", "PENDING")
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
    assert asked[0] is None
    assert asked[-1]
    assert await names(page) == told(stack.closed("resumed"))


async def test_temporal_away_is_told(page: Page, stack: Stack) -> None:
    """An open order keeps what is shown of it, and a list says what it cannot tell.

    Both recover by themselves.
    """
    stack.place(order(price=100_000, order_id="reviewed"))
    await is_open(page, "reviewed", "AWAITING_REVIEW")
    stack.kill("temporal")
    await expect(notice(page)).to_contain_text("Not now: Temporal gives no answer")
    await expect(state(page)).to_have_text("AWAITING_REVIEW")
    await page.goto("/")
    await expect(page.locator(".warning")).to_contain_text(
        "Temporal gives no answer: orders that are still open are shown"
    )
    await page.get_by_label("Needs attention").check()
    await page.get_by_role("button", name="Filter").click()
    await expect(notice(page)).to_contain_text("Not now: Temporal gives no answer")
    stack.start_temporal()
    until(lambda: stack.status("/readyz") == 200, "Temporal is back")
    await expect(notice(page)).to_be_hidden()
    await page.get_by_label("Needs attention").uncheck()
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator(".warning")).to_be_hidden()


async def test_a_page_that_nobody_looks_at_asks_nothing(page: Page, stack: Stack) -> None:
    """Neither the list nor an order, nor its stream; it goes on when it is looked at again."""
    asked: list[str] = []
    stack.place(order(price=100_000, order_id="unseen"))
    page.on(
        "request",
        lambda sent: asked.append(sent.url) if re.search("/orders|/overview", sent.url) else None,
    )
    for address, shown in (("/", ".orders tbody tr"), ("/?order=unseen", ".live.on")):
        await page.goto(address)
        await expect(page.locator(shown).first).to_be_visible()
        await look(page, away=True)
        await page.wait_for_timeout(1_000)
        asked.clear()
        await page.wait_for_timeout(6_000)
        assert asked == []
        async with page.expect_request("**/orders*/**" if "order=" in address else "**/orders?*"):
            await look(page, away=False)
        await expect(page.locator(shown).first).to_be_visible()


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
    asked: list[str] = []
    stack.place(order(price=100_000, order_id="paced"))
    await is_open(page, "paced", "AWAITING_REVIEW")
    await expect(page.locator(".live")).to_have_text("live")
    later = {"status": 503, "headers": {"Retry-After": "4"}, "json": None}
    await page.route("**/orders/paced", lambda route: route.fulfill(**later))
    await expect(notice(page)).to_contain_text("Not now")
    page.on("request", lambda sent: asked.append(sent.url) if sent.url.endswith("/paced") else None)
    for _ in range(4):
        await page.wait_for_timeout(500)
        await look(page, away=False)
    stack.temporal("workflow", "signal", "--name", "nonsense", "--workflow-id", "order-paced")
    await expect(page.locator(".timeline .name").last).to_contain_text("nonsense was ignored")
    assert asked == []
    await page.unroute("**/orders/paced")
    await expect(notice(page)).to_be_hidden()
    assert len(asked) == 1


async def test_a_stream_comes_again_when_it_is_told_and_hides_no_defect(page: Page) -> None:
    """A Retry-After is waited for, and a stream that ends is opened again.

    No listener is left over, and errors of our own code are shown.
    """
    asked: list[float] = []

    async def answer(route: Route) -> None:
        asked.append(time.monotonic())
        event = f'id: {len(asked)}-0\nevent: state\ndata: {{"number": {len(asked)}}}\n\n'
        if len(asked) == 1:
            await route.fulfill(status=429, json=None, headers={"Retry-After": "2"})
        else:
            await route.fulfill(body=event, content_type="text/event-stream")

    await page.goto("/")
    await page.route("**/orders/mocked/events", answer)
    told = await page.evaluate("""async () => {
        const { follow } = await import("/console/stream.js");
        const { signal } = new AbortController();
        let listening = 0;
        const add = signal.addEventListener.bind(signal);
        signal.addEventListener = (name, listener, given) => {
            listening += 1;
            given.signal.addEventListener("abort", () => (listening -= 1));
            add(name, listener, given);
        };
        const heard = ({ number }) => { if (number === 4) null.defect; };
        const error = await follow("mocked", { heard, live() {} }, signal).catch((error) => error);
        return [error.name, listening];
    }""")
    assert told == ["TypeError", 0]
    assert len(asked) == 4
    assert asked[1] - asked[0] >= 2


async def test_too_many_requests_are_told(page: Page) -> None:
    """A page that is told to come later does so."""
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
