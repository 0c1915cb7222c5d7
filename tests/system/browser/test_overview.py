"""The figures above the list of orders: what needs a person, states, reasons, and links."""

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.stack import Stack, order, until
from tests.system.browser.api_answers import CALM, NOT_KNOWN, TROUBLE
from tests.system.browser.looks import listed_ids, make_stuck, notice, state

SERVICES_APART = True

pytestmark = pytest.mark.long


def figure(page: Page, name: str) -> Locator:
    """The figure of a state or a reason."""
    return page.locator(".figures a", has_text=re.compile(rf" {name}$"))


async def answer_overview(
    page: Page, overview: Any, *, status: int = 200, after: str = "0"
) -> list[str]:
    """Answer requests for the figures in the API's place; return their addresses as they come."""
    requests: list[str] = []

    async def answer(route: Route) -> None:
        requests.append(route.request.url)
        await route.fulfill(status=status, json=overview, headers={"Retry-After": after})

    await page.unroute("**/overview")
    await page.route("**/overview", answer)
    return requests


async def test_trouble_is_one_click_away_and_back_keeps_the_filter(
    page: Page, stack: Stack
) -> None:
    """Each figure leads to the orders it counts; Back and the link of an order restore the list."""
    stack.place(order(order_id="fine"), Prefer="wait=20")
    stack.place(order("poor", price=5_000, order_id="poor"), Prefer="wait=20")
    stack.place(order(price=100_000, order_id="large"))
    make_stuck(stack, "owed")
    until(
        lambda: stack.http.get("/overview").json()["needs_attention"]["count"] == 1,
        "the figure knows of it",
    )
    until(
        lambda: stack.http.get("/overview").json()["states"]["AWAITING_REVIEW"] == 1,
        "and of the review",
    )
    await page.goto("/")
    need = page.locator(".needs-person")
    await expect(need).to_contain_text("1 order needs a person")
    await expect(need).to_contain_text("1 stuck")
    await expect(need).to_contain_text("at stake: 2.00 GBP")
    for name, count in (
        ("COMPLETED", "1"),
        ("FAILED", "1"),
        ("INSUFFICIENT_FUNDS", "1"),
        ("PAYMENT_COMPLETED", "0"),
    ):
        await expect(figure(page, name).locator("b")).to_have_text(count)
    for name, order_id in (
        ("AWAITING_REVIEW", "large"),
        ("ROLLBACK_STUCK", "owed"),
        ("FAILED", "poor"),
        ("INSUFFICIENT_FUNDS", "poor"),
        ("COMPLETED", "fine"),
    ):
        await figure(page, name).click()
        await expect(listed_ids(page)).to_have_text([order_id])
        await expect(figure(page, name)).to_have_attribute("aria-current", "true")
        await expect(page.locator(".figures [aria-current]")).to_have_count(1)
    await page.get_by_role("link", name="stuck", exact=True).click()
    await expect(page).to_have_url(re.compile(r"/\?cause=STUCK&step=ProcessPayment$"))
    await expect(listed_ids(page)).to_have_text(["owed"])
    await page.get_by_role("link", name="1 order needs a person").click()
    await expect(page).to_have_url(re.compile(r"/\?needs_attention=true$"))
    await expect(listed_ids(page)).to_have_text(["owed"])
    await expect(page.locator(".orders .needs-attention")).to_contain_text(
        "Needs attention: stuck since "
    )
    await listed_ids(page).get_by_role("link").click()
    await expect(state(page)).to_have_text("ROLLBACK_STUCK")
    await expect(page.locator(".person")).to_contain_text("Needs a person: stuck since ")
    await page.reload()
    await page.get_by_role("link", name="← Orders").click()
    await expect(page).to_have_url(re.compile(r"/\?needs_attention=true$"))
    await page.go_back()
    await expect(state(page)).to_have_text("ROLLBACK_STUCK")
    await page.go_back()
    await expect(page.get_by_label("Needs attention")).to_be_checked()
    stack.start_worker("payment")
    stack.ready("payment")
    stack.closed_order("owed")


async def test_what_closed_lately_and_who_works_is_seen_at_one_look(
    page: Page, stack: Stack
) -> None:
    """Charts of each span, by the keyboard alone; a stopped worker shows by what waits for it."""
    stack.place(order(order_id="charted"), Prefer="wait=20")
    stack.place(order("poor", price=5_000, order_id="declined"), Prefer="wait=20")
    stack.kill("payment")
    stack.place(order(order_id="waits"))

    def waiting() -> int:
        roles = stack.http.get("/overview").json()["roles"]
        return sum(role["waiting"] for role in roles if role["role"] == "payment")

    until(waiting, "its command waits")
    await page.goto("/")
    charts = page.locator(".series")
    hours = charts.get_by_role("img", name=re.compile("^FAILED: .* the last 24 hours, by hours"))
    await expect(hours.locator(".bar")).to_have_count(24)
    await expect(charts.locator("li", has_text="INSUFFICIENT_FUNDS")).to_be_visible()
    payment = page.locator(".roles li", has_text="payment")
    await expect(payment).to_contain_text("1 queued, expired included")
    await expect(page.locator(".roles li", has_text="stock")).to_contain_text("nothing queued")
    await page.get_by_role("radio", name="24 h").focus()
    await page.keyboard.press("ArrowRight")
    days = charts.get_by_role("img", name=re.compile("^COMPLETED: .* by days in UTC"))
    await expect(days.locator(".bar")).to_have_count(30)
    await page.keyboard.press("ArrowRight")
    minutes = charts.get_by_role("img", name=re.compile("^COMPLETED: .* by minutes"))
    await expect(minutes.locator(".bar")).to_have_count(60)
    await page.get_by_text("As a table").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".numbers tbody tr")).to_have_count(60)
    await expect(page.locator(".times-to-close")).to_contain_text("(p95)")
    answer = stack.http.get("/overview/closed?span=1h").json()
    since = datetime.fromisoformat(answer["outcomes"][0]["at"])
    await charts.get_by_role("link", name="INSUFFICIENT_FUNDS").focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/\?reason=INSUFFICIENT_FUNDS&closed_from="))
    [shown_from] = parse_qs(urlsplit(page.url).query)["closed_from"]
    assert abs(datetime.fromisoformat(shown_from) - since) < timedelta(minutes=5)
    await expect(listed_ids(page).first).to_have_text("declined")
    await expect(minutes.locator(".bar")).to_have_count(60)  # the span stays
    stack.start_worker("payment")
    stack.ready("payment")
    stack.closed_order("waits")
    until(lambda: not waiting(), "nothing waits any more")
    await page.reload()
    await expect(payment).to_contain_text("nothing queued")


async def test_filters_of_state_and_reason_are_set_in_the_form_too(page: Page) -> None:
    """The keyboard is enough; every reason in use can be chosen, and an earlier choice stays."""
    await answer_overview(page, TROUBLE)
    await page.goto("/?reason=REJECTED")
    await expect(page.get_by_role("combobox", name="Reason").locator("option")).to_have_count(5)
    assert await page.get_by_role("combobox", name="Reason").input_value() == "REJECTED"
    await page.get_by_role("combobox", name="Reason").select_option("OUT_OF_STOCK")
    await page.get_by_role("combobox", name="State").select_option("FAILED")
    await page.get_by_role("textbox", name="Customer").press("Enter")
    await expect(page).to_have_url(re.compile(r"/\?state=FAILED&reason=OUT_OF_STOCK$"))
    await page.reload()
    await expect(page.get_by_role("combobox", name="Reason").locator("option")).to_have_count(4)
    assert await page.get_by_role("combobox", name="Reason").input_value() == "OUT_OF_STOCK"
    assert await page.get_by_role("combobox", name="State").input_value() == "FAILED"
    await page.get_by_role("link", name="Clear").click()
    await expect(page).to_have_url(re.compile("/$"))
    await figure(page, "OUT_OF_STOCK").focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/\?reason=OUT_OF_STOCK$"))


async def test_what_is_at_stake_is_shown_in_each_currency(page: Page) -> None:
    """As each is divided; the longest need is shown, and large numbers can be read."""
    await answer_overview(page, TROUBLE)
    await page.goto("/")
    need = page.locator(".needs-person")
    await expect(need).to_contain_text("42 orders need a person")
    await expect(need).to_contain_text("40 stuck, 2 left open")
    await expect(need).to_contain_text("at stake: 1,530.00 GBP, 1,530 JPY, 0.1530 CLF")
    await expect(need.locator("time")).to_have_attribute("datetime", "2026-01-05T07:25:00Z")
    stuck_orders = page.get_by_role("table", name="What needs a person").get_by_role("row").nth(1)
    await expect(stuck_orders).to_contain_text("RefundPaymentCommand of ProcessPayment: the bank")
    await expect(stuck_orders.get_by_role("cell").nth(0)).to_have_text("40")
    await expect(stuck_orders.get_by_role("link", name="stuck")).to_have_attribute(
        "href", "/?cause=STUCK&step=ProcessPayment"
    )
    for place, orders in ((2, "3"), (3, "7"), (4, "30")):
        await expect(stuck_orders.get_by_role("cell").nth(place)).to_have_text(orders)
    await expect(page.locator(".roles li")).to_contain_text("⚠ no worker")
    await expect(page.locator(".roles li")).to_contain_text(
        "12,345 queued, expired included, the oldest for 1 h"
    )
    await expect(figure(page, "COMPLETED").locator("b").first).to_have_text("1,234,567")
    reasons = page.get_by_role("list", name="Failures by reason").get_by_role("link")
    await expect(reasons).to_have_text(
        ["900 INSUFFICIENT_FUNDS", "60 OUT_OF_STOCK", "40 DEADLINE_EXCEEDED"]
    )


async def test_what_nobody_knows_is_no_zero(page: Page) -> None:
    """With Temporal away the figures say so; no figures at all leave the list as it is."""
    await answer_overview(page, CALM)
    await page.goto("/")
    await expect(page.locator(".needs-person")).to_have_text("No order needs a person")
    await expect(page.get_by_role("list", name="Failures by reason")).to_be_hidden()
    await answer_overview(page, NOT_KNOWN)
    await page.reload()
    await expect(page.locator(".needs-person")).to_have_text(
        "How many orders need a person is not known now"
    )
    await expect(figure(page, "AWAITING_REVIEW").locator("b")).to_have_text("?")
    await expect(page.locator(".figures a", has_text=re.compile("^7 COMPLETED$"))).to_be_visible()
    await expect(page.locator(".footnotes")).to_contain_text(
        "Temporal gives no answer: how open orders stand is not known."
    )
    await answer_overview(
        page, {"detail": "the order service's database gives no answer"}, status=503
    )
    await page.reload()
    await expect(page.locator(".overview")).to_contain_text(
        "No newer figures: Not available now: the order service's database"
    )
    await expect(listed_ids(page).first).to_be_visible()
    await expect(notice(page)).to_be_hidden()


async def test_the_figures_are_asked_for_rarely(page: Page) -> None:
    """Not for each page turned, nor for each reload of the list, nor before a Retry-After."""
    requests = await answer_overview(page, TROUBLE)
    await page.goto("/")
    await expect(page.locator(".needs-person")).to_contain_text("42 orders")
    await figure(page, "FAILED").click()
    await expect(figure(page, "FAILED")).to_have_attribute("aria-current", "true")
    await expect(page.locator(".needs-person")).to_contain_text("42 orders")
    async with page.expect_response("**/orders?*"):
        pass
    assert len(requests) == 1
    requests = await answer_overview(
        page, {"detail": "more than 5 a second from you"}, status=429, after="600"
    )
    await page.reload()
    await expect(page.locator(".overview")).to_contain_text(
        "No newer figures: Too many requests: more than 5 a second from you"
    )
    due = await page.evaluate("""async () => {
        performance.now = () => 599_000;
        const { Overview } = await import("/console/overview.js");
        await new Overview({}).load();
    }""")
    assert (due, len(requests)) == (None, 1)


async def test_a_number_that_changes_takes_no_focus(page: Page) -> None:
    """Who goes through the figures with the keyboard stays where they are."""
    await answer_overview(page, TROUBLE)
    await page.goto("/")
    await figure(page, "FAILED").focus()
    more = TROUBLE | {
        "states": TROUBLE["states"] | {"FAILED": 1_001},
        "as_of": "2026-01-05T09:30:15Z",
    }
    await answer_overview(page, more)
    await page.evaluate("performance.now = () => 60_000")
    await expect(figure(page, "FAILED").locator("b")).to_have_text("1,001")
    assert await page.evaluate("document.activeElement.textContent") == "1,001 FAILED"


@pytest.mark.parametrize("width", [360, 760])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_list_fits_a_narrow_window(page: Page, scheme: str, width: int) -> None:
    """Nothing is wider than a phone or half a desk, with an order that needs a person as well."""
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await page.set_viewport_size({"width": width, "height": 800})
    await answer_overview(page, TROUBLE)
    need = {
        "cause": "LEFT_OPEN",
        "since": "2026-01-05T07:25:00Z",
        "message": "its saga was ended from outside",
    }
    order = {
        "order_id": "x" * 64,
        "state": "PAYMENT_COMPLETED",
        "status": "PENDING",
        "customer_id": "y" * 64,
    }
    money_and_times = {
        "currency": "CLF",
        "total_minor": 2**53,
        "placed_at": "2026-01-05T07:25:00Z",
        "failure": None,
        "line_count": 2,
    }
    row = order | money_and_times | {"needs_attention": True, "attention": need}
    await page.route(
        "**/orders?*",
        lambda route: route.fulfill(json={"orders": [row], "next": None, "warning": None}),
    )
    await page.goto("/")
    await expect(page.locator(".orders .attention")).to_have_text("⚠ Needs attention: left open")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
