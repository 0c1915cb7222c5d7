"""Everybody can use the console: with a keyboard alone, on a phone, in the dark, by ear."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.stack import Stack, order, until
from tests.system.browser.api_answers import TROUBLE, answer_with, offers, open_order_as, steps_with
from tests.system.browser.axe import SOURCE, findings

pytestmark = pytest.mark.long

STUCK = "ProcessPayment"
PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 900}
NARROWEST: ViewportSize = {"width": 320, "height": 640}

SPOILT = """() => {
  const parts = document.createDocumentFragment();
  const add = (tag, id, style, text = id) => {
    const part = document.createElement(tag);
    part.id = id;
    part.textContent = text;
    Object.assign(part.style, style);
    parts.append(part);
    return part;
  };
  add("input", "nameless", {});
  add("p", "pale", { color: "#999" });
  add("button", "small", { padding: 0, width: "9px", height: "9px" }, "");
  add("button", "smaller", { padding: 0, width: "9px", height: "9px" }, "");
  add("div", "wide", { width: "400px" }).animate({ opacity: [0, 1] }, 1e6);
  add("button", "ringless", { outline: "none" });
  add("button", "unreachable", {}).tabIndex = -1;
  const cell = document.querySelector("#page td");
  cell.id = "loose";
  cell.style.display = "flex";
  document.getElementById("page").prepend(parts);
}"""
"""A page to which somebody adds what keeps people out."""

NAME_OF = """const nameOf = (one) => one.id ? `#${one.id}`
  : `${one.localName}.${one.className} "${one.textContent.trim().slice(0, 30)}"`;
const isShown = (one) => one.checkVisibility({ visibilityProperty: true });
const scope = document.querySelector("dialog[open]") ?? document;
"""

WIDE = f"""() => {{
  {NAME_OF}
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  return [...document.querySelectorAll("body *")].filter((one) =>
    isShown(one) && one.getBoundingClientRect().right > innerWidth + 0.5).map(nameOf);
}}"""

MOVING = f"""() => {{
  {NAME_OF}
  return document.getAnimations().map((motion) => nameOf(motion.effect.target));
}}"""

LOOSE = f"""() => {{
  {NAME_OF}
  return [...document.querySelectorAll("th, td")].filter((one) =>
    isShown(one) && getComputedStyle(one).display !== "table-cell").map(nameOf);
}}"""

MORE_STOPS = 30
"""Parts of a field for dates, and what can be scrolled, are stops of the keyboard as well."""

STOPS = f"""() => {{
  {NAME_OF}
  const radios = "input[type=radio]:not(:checked)";  // reached with the arrows
  const kinds = `a[href], button, input:not(${{radios}}), select, textarea, summary`;
  window.stops = new Set([...scope.querySelectorAll(kinds)].filter(isShown));
  document.activeElement.blur();
  return stops.size;
}}"""

FOCUS = f"""() => {{
  {NAME_OF}
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const isInside = box.bottom > 0 && box.top < innerHeight && box.right > 0;
  const isRinged = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  stops.delete(one);
  const isEnd = stops.size === 0;
  return {{ name: nameOf(one), isSeen: (isInside && isRinged) || one === document.body, isEnd }};
}}"""

MISSES = f"""() => {{
  {NAME_OF}
  return [...stops].filter((one) => one.isConnected && isShown(one)).map(nameOf);
}}"""

Open = Callable[[Page, Stack], Awaitable[object]]


def at(address: str, shows: str) -> Open:
    """Return what opens an address, and waits until the page shows an element."""

    async def open_address(page: Page, _stack: Stack) -> None:
        await page.goto(address)
        await expect(page.locator(shows).first).to_be_visible()

    return open_address


async def list_in_trouble(page: Page, stack: Stack) -> None:
    """Open the list, with figures of many orders, some of which need a person."""
    await answer_with(page, "**/overview", TROUBLE)
    await at("/", ".orders tbody tr")(page, stack)
    await expect(page.locator(".needs-person")).to_contain_text("42 orders need a person")


async def stuck_order(page: Page, stack: Stack) -> None:
    """Open an order whose refund is stuck, and the form that settles it."""
    await open_order_as(
        page,
        stack,
        state="ROLLBACK_STUCK",
        steps=steps_with("RefundPaymentCommand", "STUCK"),
        acts=offers("ROLLBACK_STUCK", STUCK),
        attention={"cause": "STUCK", "since": "2026-01-05T07:25:00Z", "message": "look at it"},
    )
    await page.locator("details.act summary").last.click()


async def token_dialogue(page: Page, stack: Stack) -> None:
    """Open the list, and the dialogue that asks for a token."""
    await list_in_trouble(page, stack)
    await page.evaluate("document.getElementById('ask').showModal()")


async def order_being_placed(page: Page, stack: Stack) -> None:
    """Open the form that places an order, with two lines and something wrong in each.

    Another may have been placed already.
    """
    await at("/?place=", "form.place")(page, stack)
    attempts = '[{"content": "another", "key": "1"}]'
    await page.evaluate(f"sessionStorage.setItem('order-saga-draft-attempts', '{attempts}')")
    await page.get_by_label("Customer", exact=True).last.fill("poor")
    await page.get_by_role("textbox", name="SKU").fill("nothing")
    await page.get_by_role("button", name="Add a line").click()
    await page.get_by_role("button", name="Place the order").click()
    await expect(page.locator(".field .hint").filter(has_text="no such product")).to_be_visible()
    await expect(page.locator(".place .warning")).to_be_visible()


async def act_on_many(page: Page, stack: Stack) -> None:
    """Open the form of an act on many orders, and see which these are."""
    await at("/?act_on=approve&state=AWAITING_REVIEW", "#act-on")(page, stack)
    await page.get_by_role("button", name="Show how many these are").click()
    await expect(page.locator(".sample li").first).to_be_visible()


PAGES: dict[str, Open] = {
    "the list": list_in_trouble,
    "an order that is stuck": stuck_order,
    "an order that waits": at("/?order=large", ".act"),
    "an order that failed": at("/?order=failed", ".story-box.failure"),
    "a saga": at("/?saga=order-failed", ".story-box"),
    "an order being placed": order_being_placed,
    "the token's dialogue": token_dialogue,
    "an act on many orders": act_on_many,
    "batch operations": at("/?batch=", ".batches li"),
    "a batch operation": at("/?batch=evening", ".results tbody tr"),
    "the log of operations": at("/?operations=", ".operations tbody tr"),
    "no such order": at("/?order=nobody", "#notice"),
}
"""By name: what opens a page. `at` opens one by its address, once it shows an element."""


async def axe_findings(page: Page) -> list[str]:
    """Return what axe-core finds: all of it once for each size, and the colours once more."""
    if not SOURCE.exists():
        return []
    looks: list[tuple[ViewportSize, Literal["light", "dark"], tuple[str, ...]]] = [
        (DESK, "light", ()),
        (DESK, "dark", ("color-contrast",)),
        (PHONE, "dark", ()),
        (PHONE, "light", ("color-contrast",)),
    ]
    lines = []
    for size, scheme, rules in looks:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=scheme)
        lines += [f"{scheme}, {size['width']} px: {it}" for it in await findings(page, *rules)]
    return lines


async def what_is_too_wide(page: Page) -> list[str]:
    """Return what makes the narrowest phone scroll sideways."""
    await page.set_viewport_size(NARROWEST)
    return [f"wider than 320 px: {name}" for name in await page.evaluate(WIDE)]


async def what_stands_in_no_column(page: Page) -> list[str]:
    """Return the cells that a table on a desk does not lay out."""
    await page.set_viewport_size(DESK)
    return [f"stands in no column: {name}" for name in await page.evaluate(LOOSE)]


async def what_moves(page: Page) -> list[str]:
    """Return what moves although somebody asked for less motion."""
    await page.emulate_media(reduced_motion="reduce")
    return [f"moves: {name}" for name in await page.evaluate(MOVING)]


async def what_the_keyboard_misses(page: Page) -> list[str]:
    """Return what Tab does not come to, or comes to without showing it."""
    await page.set_viewport_size(DESK)
    lines = []
    for _ in range(2 * await page.evaluate(STOPS) + MORE_STOPS):  # it may begin in the middle
        await page.keyboard.press("Tab")
        focus = await page.evaluate(FOCUS)
        if not focus["isSeen"]:
            lines.append(f"shows no focus: {focus['name']}")
        if focus["isEnd"]:
            break
    return [*lines, *(f"not reached with Tab: {name}" for name in await page.evaluate(MISSES))]


@pytest.fixture(scope="module", autouse=True)
def orders(stack: Stack) -> None:
    """Place an order that fails, and two that await a review; reject one of them, as of many."""
    stack.place(order("poor", price=5_000, order_id="failed"), Prefer="wait=20")
    for customer, order_id in (("rich", "large"), ("late", "rejected")):
        stack.place(order(customer, price=100_000, order_id=order_id))
    waiting = {"state": "AWAITING_REVIEW"}
    get_waiting = partial(stack.http.get, "/orders", params=waiting)
    until(lambda: len(get_waiting().json()["orders"]) == 2, "both wait")
    batch = {"batch_id": "evening", "act": "reject", "filter": {"customer_id": "late"}, "count": 1}
    body = batch | {"by": "ann", "reason": "late"}
    until(lambda: stack.http.post("/batch-operations", json=body).is_success, "it begins")


@pytest.mark.parametrize("name", PAGES)
async def test_everybody_can_use(page: Page, stack: Stack, name: str) -> None:
    """A page, by light and in the dark, on a desk and on a phone, with the keyboard alone."""
    await PAGES[name](page, stack)
    problems = [
        *await axe_findings(page),
        *await what_is_too_wide(page),
        *await what_stands_in_no_column(page),
        *await what_moves(page),
        *await what_the_keyboard_misses(page),
    ]
    assert not problems, "\n" + "\n".join(problems)


async def test_what_keeps_people_out_is_found(page: Page, stack: Stack) -> None:
    """A field without a label, pale text, a small target, a wide and moving box, no focus ring.

    And a cell that stands in no column.
    """
    await list_in_trouble(page, stack)
    await page.evaluate(SPOILT)
    lines = [
        *await axe_findings(page),
        *await what_is_too_wide(page),
        *await what_stands_in_no_column(page),
        *await what_moves(page),
        *await what_the_keyboard_misses(page),
    ]
    for slip in ("label at #nameless", "color-contrast at #pale", "target-size at #small"):
        assert any(slip in line for line in lines) or not SOURCE.exists(), slip
    for slip in (
        "wider than 320 px: #wide",
        "stands in no column: #loose",
        "moves: #wide",
        "shows no focus: #ringless",
        "not reached with Tab: #unreachable",
    ):
        assert slip in lines
