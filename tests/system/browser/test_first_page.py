"""The console's first page: what needs a person, orders by state, and links there and back."""

import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.stack import Stack, order, until
from tests.system.browser.looks import notice, state, stuck

pytestmark = pytest.mark.long

STATES = (
    "PENDING",
    "AWAITING_REVIEW",
    "PAYMENT_COMPLETED",
    "COMPLETED",
    "ROLLING_BACK",
    "ROLLBACK_STUCK",
    "FAILED",
)
CALM: dict[str, Any] = {
    "states": dict.fromkeys(STATES, 0),
    "reasons": {},
    "needs_attention": {
        "count": 0,
        "by_cause": {"STUCK": 0, "WEDGED": 0, "LEFT_OPEN": 0},
        "since": None,
        "at_stake_minor": {},
    },
    "as_of": "2026-01-05T09:30:00Z",
    "warning": None,
}
TROUBLE = CALM | {
    "states": CALM["states"] | {"COMPLETED": 1_234_567, "ROLLBACK_STUCK": 40, "FAILED": 1_000},
    "reasons": {"INSUFFICIENT_FUNDS": 900, "OUT_OF_STOCK": 60, "DEADLINE_EXCEEDED": 40},
    "needs_attention": {
        "count": 42,
        "by_cause": {"STUCK": 40, "WEDGED": 0, "LEFT_OPEN": 2},
        "since": "2026-01-05T07:25:00Z",
        "at_stake_minor": {"GBP": 153_000, "JPY": 1_530, "CLF": 1_530},
    },
}
NOT_KNOWN = CALM | {
    "states": dict.fromkeys(STATES) | {"COMPLETED": 7, "FAILED": 2},
    "needs_attention": {
        "count": None,
        "by_cause": dict.fromkeys(("STUCK", "WEDGED", "LEFT_OPEN")),
        "since": None,
        "at_stake_minor": {},
    },
    "warning": "Temporal gives no answer: how open orders stand is not known",
}


def ids(page: Page) -> Locator:
    """The ids of the orders that are listed."""
    return page.locator(".orders th.id")


def figure(page: Page, name: str) -> Locator:
    """The figure of a state or a reason."""
    return page.locator(".figures a", has_text=re.compile(rf" {name}$"))


async def tells(page: Page, overview: Any, *, status: int = 200, after: str = "0") -> list[str]:
    """Answer for the API how all orders stand; return what is asked for, as it is asked."""
    asked: list[str] = []

    async def answer(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(status=status, json=overview, headers={"Retry-After": after})

    await page.unroute("**/overview")
    await page.route("**/overview", answer)
    return asked


async def test_trouble_is_one_click_away_and_back_keeps_the_filter(
    page: Page, stack: Stack
) -> None:
    """Each figure leads to the orders it counts; Back and the link of an order restore the list."""
    stack.place(order(order_id="fine"), Prefer="wait=20")
    stack.place(order("poor", price=5_000, order_id="poor"), Prefer="wait=20")
    stack.place(order(price=100_000, order_id="large"))
    stuck(stack, "owed")
    until(
        lambda: stack.http.get("/overview").json()["needs_attention"]["count"] == 1,
        "the figure knows of it",
    )
    until(
        lambda: stack.http.get("/overview").json()["states"]["AWAITING_REVIEW"] == 1,
        "and of the review",
    )
    await page.goto("/")
    need = page.locator(".need")
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
    for name, listed in (
        ("AWAITING_REVIEW", "large"),
        ("ROLLBACK_STUCK", "owed"),
        ("FAILED", "poor"),
        ("INSUFFICIENT_FUNDS", "poor"),
        ("COMPLETED", "fine"),
    ):
        await figure(page, name).click()
        await expect(ids(page)).to_have_text([listed])
        await expect(figure(page, name)).to_have_attribute("aria-current", "true")
        await expect(page.locator(".figures [aria-current]")).to_have_count(1)
    await page.get_by_role("link", name="1 order needs a person").click()
    await expect(page).to_have_url(re.compile(r"/\?needs_attention=true$"))
    await expect(ids(page)).to_have_text(["owed"])
    await expect(page.locator(".orders .needy")).to_contain_text("Needs attention: stuck since ")
    await ids(page).get_by_role("link").click()
    await expect(state(page)).to_have_text("ROLLBACK_STUCK")
    await expect(page.locator(".person")).to_contain_text("It needs a person: it is stuck, since ")
    await page.reload()
    await page.get_by_role("link", name="← Orders").click()
    await expect(page).to_have_url(re.compile(r"/\?needs_attention=true$"))
    await page.go_back()
    await expect(state(page)).to_have_text("ROLLBACK_STUCK")
    await page.go_back()
    await expect(page.get_by_label("Needs attention")).to_be_checked()
    stack.start_worker("payment")
    stack.ready("payment")
    stack.closed("owed")


async def test_filters_of_state_and_reason_are_set_in_the_form_too(page: Page) -> None:
    """The keyboard is enough; every reason in use can be chosen, and an earlier choice stays."""
    await tells(page, TROUBLE)
    await page.goto("/?reason=REJECTED")
    await expect(page.get_by_label("Reason").locator("option")).to_have_count(5)
    assert await page.get_by_label("Reason").input_value() == "REJECTED"
    await page.get_by_label("Reason").select_option("OUT_OF_STOCK")
    await page.get_by_label("State").select_option("FAILED")
    await page.get_by_label("Customer").press("Enter")
    await expect(page).to_have_url(re.compile(r"/\?state=FAILED&reason=OUT_OF_STOCK$"))
    await page.reload()
    await expect(page.get_by_label("Reason").locator("option")).to_have_count(4)
    assert await page.get_by_label("Reason").input_value() == "OUT_OF_STOCK"
    assert await page.get_by_label("State").input_value() == "FAILED"
    await page.get_by_role("link", name="Clear").click()
    await expect(page).to_have_url(re.compile("/$"))
    await figure(page, "OUT_OF_STOCK").focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/\?reason=OUT_OF_STOCK$"))


async def test_what_is_at_stake_is_told_in_each_currency(page: Page) -> None:
    """As each is divided; the longest need is told, and large numbers can be read."""
    await tells(page, TROUBLE)
    await page.goto("/")
    need = page.locator(".need")
    await expect(need).to_contain_text("42 orders need a person")
    await expect(need).to_contain_text("40 stuck, 2 left open")
    await expect(need).to_contain_text("at stake: 1,530.00 GBP, 1,530 JPY, 0.1530 CLF")
    await expect(need.locator("time")).to_have_attribute("datetime", "2026-01-05T07:25:00Z")
    await expect(figure(page, "COMPLETED").locator("b").first).to_have_text("1,234,567")
    reasons = page.get_by_role("list", name="Why orders failed").get_by_role("link")
    await expect(reasons).to_have_text(
        ["900 INSUFFICIENT_FUNDS", "60 OUT_OF_STOCK", "40 DEADLINE_EXCEEDED"]
    )


async def test_what_nobody_knows_is_no_zero(page: Page) -> None:
    """With Temporal away the figures say so; no figures at all leave the list as it is."""
    await tells(page, CALM)
    await page.goto("/")
    await expect(page.locator(".need")).to_have_text("No order needs a person")
    await expect(page.get_by_role("list", name="Why orders failed")).to_be_hidden()
    await tells(page, NOT_KNOWN)
    await page.reload()
    await expect(page.locator(".need")).to_have_text(
        "Whether orders need a person is not known now"
    )
    await expect(figure(page, "AWAITING_REVIEW").locator("b")).to_have_text("?")
    await expect(page.locator(".figures a", has_text=re.compile("^7 COMPLETED$"))).to_be_visible()
    await expect(page.locator(".as-of")).to_contain_text(
        "Temporal gives no answer: how open orders stand is not known."
    )
    await tells(page, {"detail": "the order service's database gives no answer"}, status=503)
    await page.reload()
    await expect(page.locator(".overview")).to_contain_text(
        "No newer figures: Not now: the order service's database"
    )
    await expect(ids(page).first).to_be_visible()
    await expect(notice(page)).to_be_hidden()


async def test_the_figures_are_asked_for_rarely(page: Page) -> None:
    """Not for each page turned, nor for each reload of the list, nor before a Retry-After."""
    asked = await tells(page, TROUBLE)
    await page.goto("/")
    await expect(page.locator(".need")).to_contain_text("42 orders")
    await figure(page, "FAILED").click()
    await expect(figure(page, "FAILED")).to_have_attribute("aria-current", "true")
    await expect(page.locator(".need")).to_contain_text("42 orders")
    async with page.expect_response("**/orders?*"):
        pass
    assert len(asked) == 1
    asked = await tells(page, {"detail": "more than 5 a second from you"}, status=429, after="600")
    await page.reload()
    await expect(page.locator(".overview")).to_contain_text(
        "No newer figures: Too many requests: more than 5 a second from you"
    )
    due = await page.evaluate("""async () => {
        performance.now = () => 599_000;
        const { Overview } = await import("/console/overview.js");
        await new Overview({}).load();
    }""")
    assert (due, len(asked)) == (None, 1)


async def test_a_number_that_changes_takes_no_focus(page: Page) -> None:
    """Who goes through the figures with the keyboard stays where they are."""
    await tells(page, TROUBLE)
    await page.goto("/")
    await figure(page, "FAILED").focus()
    more = TROUBLE | {
        "states": TROUBLE["states"] | {"FAILED": 1_001},
        "as_of": "2026-01-05T09:30:15Z",
    }
    await tells(page, more)
    await page.evaluate("performance.now = () => 60_000")
    await expect(figure(page, "FAILED").locator("b")).to_have_text("1,001")
    assert await page.evaluate("document.activeElement.textContent") == "1,001 FAILED"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_figures_fit_a_phone(page: Page, scheme: str) -> None:
    """Nothing is wider than it, also where an order that needs a person is listed."""
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await page.set_viewport_size({"width": 360, "height": 800})
    await tells(page, TROUBLE)
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
    told = {
        "currency": "CLF",
        "total_minor": 2**53,
        "placed_at": "2026-01-05T07:25:00Z",
        "failure": None,
        "line_count": 2,
    }
    listed = order | told | {"needs_attention": True, "attention": need}
    await page.route(
        "**/orders?*",
        lambda route: route.fulfill(json={"orders": [listed], "next": None, "warning": None}),
    )
    await page.goto("/")
    await expect(page.locator(".orders .attention")).to_have_text("⚠ Needs attention: left open")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_an_order_is_opened_however_its_id_was_copied(page: Page, stack: Stack) -> None:
    """With blanks around it, as the workflow's id, or by an address; Back restores the list."""
    stack.place(order(order_id="clf"), Prefer="wait=20")
    await page.goto("/?status=CONFIRMED")
    box = page.get_by_label("Go to the order with this id")
    for pasted in (
        " clf ",
        "order-clf",
        "https://ui.example.org/t/namespaces/default/workflows/order-clf/0199/history",
    ):
        await box.fill(pasted)
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
    meant = {
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
    read = "async all => { const a = await import('/console/address.js'); return all.map(a.idIn); }"
    assert dict(zip(meant, await page.evaluate(read, list(meant)), strict=True)) == meant


async def test_an_id_that_begins_like_a_workflows_is_an_id(page: Page, stack: Stack) -> None:
    """An order on record under the text as typed comes first; capitals stay capitals.

    An id that no order has is shown as it was typed.
    """
    stack.place(order(order_id="order-Clf"), Prefer="wait=20")
    stack.place(order(order_id="Clf"), Prefer="wait=20")
    await page.goto("/")
    box = page.get_by_label("Go to the order with this id")
    for typed, opened in (
        ("order-Clf", "order-Clf"),
        ("order-order-Clf", "order-Clf"),
        ("Clf", "Clf"),
    ):
        await box.fill(typed)
        await box.press("Enter")
        await expect(page.locator("h1")).to_have_text(f"Order {opened}")
        await expect(state(page)).to_have_text("COMPLETED")
    await box.fill("nobody")
    await box.press("Enter")
    await expect(notice(page)).to_contain_text("there is no order nobody")
    await box.fill("http://localhost:8233/namespaces/default")
    await box.press("Enter")
    assert "no address of an order" in await box.evaluate("box => box.validationMessage")
