"""The list of orders on the console: found, filtered, paged, and shared by its address."""

import re
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from tests.stack import Stack, order
from tests.system.browser.api_answers import answer_with
from tests.system.browser.looks import (
    listed_ids,
    live_in,
    make_stuck,
    notice,
    state,
    what_does_not_fit,
)

SERVICES_APART = True

pytestmark = pytest.mark.long

ON_A_PAGE = 25
CELLS = ".orders tbody :is(th, td:not(.why))"


@pytest.fixture(scope="module", autouse=True)
def orders(stack: Stack) -> None:
    """Record more completed orders than a page holds, newest first `c-29` … `c-0`.

    Behind them come a failed order, and one of the customer rich.
    """
    stack.seed({"other": 10**6}, {})
    stack.place(order(order_id="first"), Prefer="wait=20")
    stack.place(order("poor", price=5_000, order_id="failed"), Prefer="wait=20")
    for number in range(30):
        stack.place(order("other", quantity=number + 1, order_id=f"c-{number}"), Prefer="wait=20")


async def test_orders_are_listed_newest_first_and_paged(page: Page) -> None:
    """A page leads to the older one, Back to the newer; rows show the order in words and money."""
    newest = [f"c-{number}" for number in range(29, 4, -1)]
    older = [f"c-{number}" for number in range(4, -1, -1)]
    await page.goto("/")
    await expect(listed_ids(page)).to_have_text(newest)
    first = page.locator(".orders tbody tr").first
    for column, text in (
        ("state", "COMPLETED"),
        ("status", "CONFIRMED"),
        ("customer", "other"),
        ("total", "30.00 GBP"),
    ):
        await expect(first.locator(f"td.{column}")).to_have_text(text)
    await expect(first.locator(".placed time")).to_have_attribute(
        "title", re.compile(r"Z \(UTC\)$")
    )
    await page.get_by_role("link", name="Older").click()
    await expect(listed_ids(page)).to_have_text([*older, "failed", "first"])
    await expect(page).to_have_url(re.compile("cursor="))
    await page.go_back()
    await expect(listed_ids(page)).to_have_text(newest)
    await page.go_forward()
    await expect(listed_ids(page)).to_have_text([*older, "failed", "first"])
    await page.get_by_role("link", name="Newest").click()
    await expect(listed_ids(page)).to_have_text(newest)


async def test_filters_stand_in_the_address(page: Page) -> None:
    """A filter that is set can be shared and undone by Back; the keyboard stays where it was."""
    await page.goto("/")
    await page.get_by_label("Status").select_option("CANCELLED")
    await page.get_by_role("textbox", name="Customer").press("Enter")
    await expect(page).to_have_url(re.compile(r"/\?status=CANCELLED$"))
    await expect(listed_ids(page)).to_have_text(["failed"])
    await expect(page.locator(".orders td.why")).to_have_text(re.compile("^INSUFFICIENT_FUNDS: "))
    assert await page.evaluate("document.activeElement.id") == "filter-customer_id"
    await page.get_by_role("textbox", name="Customer").fill("other")
    await page.keyboard.press("Enter")
    await expect(page.locator(".placeholder")).to_have_text("No order matches the filters.")
    await page.reload()
    await expect(page.get_by_role("textbox", name="Customer")).to_have_value("other")
    await expect(page.get_by_label("Status")).to_have_value("CANCELLED")
    await page.go_back()
    await expect(listed_ids(page)).to_have_text(["failed"])
    await expect(page.get_by_role("textbox", name="Customer")).to_have_value("")
    await page.get_by_role("link", name="Clear").click()
    await expect(listed_ids(page)).to_have_count(ON_A_PAGE)


async def test_orders_are_sorted_narrowed_and_saved(page: Page) -> None:
    """By the heads of columns, with the keyboard; each filter is taken back by itself.

    The file has all pages, and the token that the page has.
    """
    await page.goto("/?customer_id=other")
    await expect(listed_ids(page)).to_have_count(ON_A_PAGE)
    await page.locator("#sort-total_minor").press("Enter")
    await expect(page).to_have_url(re.compile("sort=-total_minor"))
    await expect(listed_ids(page).first).to_have_text("c-29")
    await page.locator("#sort-total_minor").press("Enter")
    await expect(listed_ids(page).first).to_have_text("c-0")
    assert await page.evaluate("document.activeElement.id") == "sort-total_minor"
    await expect(page.locator("th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
    await page.get_by_text("More filters").click()
    await page.get_by_label("Total from").fill("28.50")
    await page.get_by_label("Product (SKU)").fill("plenty")
    await page.keyboard.press("Enter")
    await expect(listed_ids(page)).to_have_text(["c-28", "c-29"])
    marks = page.locator(".filter-marks a")
    await expect(marks).to_contain_text(["other", "plenty", "GBP", "28.50 GBP"])
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Save as CSV").click()
    text = (await (await saving.value).path()).read_text()
    assert [line.split(",")[0] for line in text.splitlines()] == [
        '\ufeff"order_id"',
        '"c-28"',
        '"c-29"',
    ]
    await expect(page.locator(".export")).to_contain_text("Saved.")
    await marks.filter(has_text="Total from").click()
    await expect(listed_ids(page).first).to_have_text("c-0")
    await page.go_back()
    await expect(listed_ids(page)).to_have_text(["c-28", "c-29"])
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate("document.documentElement.scrollWidth") == 360


async def test_times_are_typed_and_read_in_ones_own_zone(page: Page, stack: Stack) -> None:
    """And sent as instants in UTC."""
    placed_at = stack.http.get("/orders/first").json()["placed_at"]
    browser = page.context.browser
    assert browser is not None
    context = await browser.new_context(timezone_id="Asia/Kolkata")
    abroad = await context.new_page()
    await abroad.goto(f"http://127.0.0.1:{stack.api_port}/?customer_id=rich")
    await expect(listed_ids(abroad)).to_have_text(["first"])
    here = datetime.fromisoformat(placed_at) + timedelta(hours=5, minutes=30)
    utc = datetime.fromisoformat(placed_at)
    beside = f"{utc:%H:%M:%S}" if utc.date() == here.date() else f"{utc:%Y-%m-%d %H:%M:%S}"
    await expect(abroad.locator("td.placed time")).to_have_text(
        f"{here:%Y-%m-%d %H:%M:%S} {beside} UTC"
    )
    await expect(abroad.locator("td.placed time")).to_have_attribute("title", f"{placed_at} (UTC)")
    await abroad.locator("#more-filters").click()
    await expect(abroad.locator(".more")).to_contain_text("(UTC+5:30)")
    for minutes, order_ids in ((-1, ["first"]), (1, [])):
        moment = here + timedelta(minutes=minutes)
        await abroad.get_by_label("Placed from").fill(f"{moment:%Y-%m-%dT%H:%M}")
        await abroad.get_by_role("button", name="Filter").click()
        await expect(listed_ids(abroad)).to_have_text(order_ids)
        in_utc = f"{moment - timedelta(hours=5, minutes=30):%Y-%m-%dT%H%%3A%M}"
        await expect(abroad).to_have_url(re.compile(re.escape(f"placed_from={in_utc}%3A00Z")))
        expected = f"{moment:%Y-%m-%dT%H:%M:00}"
        assert (await abroad.get_by_label("Placed from").input_value()).startswith(expected[:16])
    act_on = "act_on=&placed_from=2026-01-05T20:30:00Z"
    await abroad.goto(f"http://127.0.0.1:{stack.api_port}/?{act_on}")
    await expect(abroad.locator("#page > p").nth(1)).to_have_text(
        "The orders with placed from 2026-01-06 02:00:00 2026-01-05 20:30:00 UTC."
    )
    await context.close()


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
async def test_times_of_another_zone_have_room_on_a_phone(
    page: Page, stack: Stack, zone: str
) -> None:
    """No text touches another, nor when the date in UTC is another one."""
    await open_list_of_trouble(page, stack, zone)
    for width in (320, 360, 390, 430, 600):
        assert not await what_does_not_fit(page, CELLS, width)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
async def test_what_needs_attention_has_room_on_a_laptop(
    page: Page, stack: Stack, zone: str
) -> None:
    """Nothing scrolls sideways, however much is said of an order."""
    await open_list_of_trouble(page, stack, zone)
    for width in (960, 1000, 1024, 1100, 1200, 1240, 1280, 1366):
        assert not await what_does_not_fit(page, CELLS, width)


async def open_list_of_trouble(page: Page, stack: Stack, zone: str) -> None:
    """Open a list whose orders were placed and need a person since the evening in UTC.

    Where it is night by then their times have two dates.
    """
    [failure] = stack.http.get("/orders?customer_id=poor").json()["orders"]
    evening = "2026-01-05T20:30:00Z"
    failure |= {"placed_at": evening, "closed_at": evening, "customer_id": "17850"}
    review = failure | {
        "order_id": str(UUID(int=1)),
        "state": "AWAITING_REVIEW",
        "status": "PENDING",
        "closed_at": None,
        "failure": None,
        "needs_attention": True,
        "attention": {"cause": "REVIEW_EXPIRING", "since": evening, "message": "decide it"},
    }
    trouble = review | {
        "order_id": "stuck",
        "customer_id": "customer" * 8,
        "state": "PAYMENT_COMPLETED",
        "attention": {"cause": "STUCK", "since": evening, "message": "look at it"},
    }
    body = {"orders": [failure, review, trouble], "next": None, "warning": None}
    await answer_with(page, "**/orders?*", body)
    await live_in(page, zone)
    await page.goto("/")
    await expect(listed_ids(page)).to_have_text([failure["order_id"], str(UUID(int=1)), "stuck"])


async def test_a_new_order_appears_by_itself(page: Page, stack: Stack) -> None:
    """And takes nothing from who is at work: what has the keyboard keeps it."""
    await page.goto("/?customer_id=rich")
    link = listed_ids(page).get_by_role("link", name="first")
    await link.focus()
    stack.place(order(order_id="new"), Prefer="wait=20")
    await expect(listed_ids(page)).to_have_text(["new", "first"])
    assert await page.evaluate("document.activeElement.textContent") == "first"


async def test_an_order_is_found_by_its_id(page: Page) -> None:
    """Typed into the box above every page; text that is no id is not sent to the API."""
    await page.goto("/")
    box = page.get_by_label("Go to the order with this id")
    await box.fill("no body")
    await box.press("Enter")
    await expect(page).to_have_url(re.compile("/$"))
    await box.fill("c-7")
    await box.press("Enter")
    await expect(state(page)).to_have_text("COMPLETED")
    await page.go_back()
    await expect(listed_ids(page)).to_have_count(ON_A_PAGE)


async def test_a_filter_that_cannot_be_is_explained(page: Page) -> None:
    """In the API's own words, and nothing is waited for."""
    for query in ("customer_id=no%20body", "cursor=nonsense"):
        await page.goto(f"/?{query}")
        await expect(notice(page)).to_contain_text(
            f"The API rejects this request: {query.partition('=')[0]}"
        )
        await expect(page.locator(".placeholder")).to_have_text("Not loaded.")


async def test_what_needs_attention_is_found_and_marked(page: Page, stack: Stack) -> None:
    """The filter shows it, and its row is marked and leads to the order.

    It leaves the list when all is well again.
    """
    await page.goto("/?needs_attention=true")
    await expect(page.locator(".placeholder")).to_have_text("No order matches the filters.")
    make_stuck(stack, "stuck")
    await expect(listed_ids(page)).to_have_text(["stuck"])
    await expect(page.locator(".orders tr.needs-attention")).to_contain_text("Needs attention")
    await expect(page.locator(".orders tr.needs-attention .why")).to_contain_text("OUT_OF_STOCK")
    stack.start_worker("payment")
    stack.ready("payment")
    await expect(page.locator(".placeholder")).to_have_text("No order matches the filters.")
    await page.get_by_label("Needs attention").uncheck()
    await page.get_by_role("button", name="Filter").click()
    await expect(page).to_have_url(re.compile("/$"))
    await expect(page.locator(".orders tr.needs-attention")).to_have_count(0)
    await listed_ids(page).get_by_role("link").first.click()
    await expect(page).to_have_url(re.compile(r"/\?order=stuck$"))
