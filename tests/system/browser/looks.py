"""What a person sees on the console, and where."""

from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.stack import Stack, order, until

TOUCHING = """(parts) => {
  const texts = parts.flatMap((part) => {
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    const boxes = [];
    while (walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      for (const box of range.getClientRects()) boxes.push({ part, box });
    }
    return boxes;
  });
  const gap = 2;
  const touch = ({ box: one }, { box: other }) =>
    one.left < other.right + gap && other.left < one.right + gap &&
    one.top < other.bottom - gap && other.top < one.bottom - gap;
  return texts.flatMap((text, index) => texts.slice(index + 1)
    .filter((other) => other.part !== text.part && touch(text, other))
    .map((other) => `${text.part.innerText} | ${other.part.innerText}`));
}"""
"""Of elements: those whose texts touch, side by side or one above the other."""


def state(page: Page) -> Locator:
    """The mark of the saga's state, of an order."""
    return page.locator(".chips .chip").first


def sentence(page: Page) -> Locator:
    """The sentence in which an order says how it stands."""
    return page.locator(".sentence")


def step(page: Page, name: str) -> Locator:
    """A step of the saga, with its compensation."""
    return page.locator(f".course [data-step={name}]")


def notice(page: Page) -> Locator:
    """The line that says what is wrong."""
    return page.locator("#notice")


async def live_in(page: Page, zone: str) -> None:
    """Let the browser be in a time zone; pages that are opened from now on show its times."""
    session = await page.context.new_cdp_session(page)
    await session.send("Emulation.setTimezoneOverride", {"timezoneId": zone})


async def what_does_not_fit(page: Page, parts: str, width: int) -> list[str]:
    """Return which parts of a page have texts that touch in a window of some width.

    And whether the page scrolls sideways in it.
    """
    await page.set_viewport_size({"width": width, "height": 740})
    touching_pairs = await page.locator(parts).evaluate_all(TOUCHING)
    excess = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    lines = [*touching_pairs, *([f"{excess} px too wide"] if excess > 0 else [])]
    return [f"{width} px: {line}" for line in lines]


def listed_ids(page: Page) -> Locator:
    """The ids of the orders that are listed."""
    return page.locator(".orders th.id")


async def expect_timeline(page: Page, names: list[str]) -> None:
    """Wait until the timeline has these names: it is not drawn together with the state."""
    await expect(page.locator(".timeline .name")).to_have_text(names, use_inner_text=True)


def entry_names(view: dict[str, Any]) -> list[str]:
    """Return the names of the entries of an order's timeline, as the API shows it."""
    return [entry["name"] for entry in view["timeline"]]


async def act(page: Page, title: str, **fields: str) -> Locator:
    """Fill in the form of an act and send it; return the form."""
    form = page.locator(
        "details.act", has=page.get_by_role("button", name=title, exact=True, include_hidden=True)
    )
    await form.locator("summary").click()
    for name, text in fields.items():
        await form.get_by_label(name.capitalize(), exact=True).fill(text)
    await form.locator("form button").click()
    return form


def make_stuck(stack: Stack, order_id: str) -> None:
    """Place an order that is paid and then out of stock, and wait until its refund is stuck.

    The payment service goes away meanwhile.
    """
    with stack.hold_database("stock"):
        stack.place(order(sku="scarce", quantity=2, order_id=order_id))
        until(lambda: stack.at_work(order_id, "DecreaseStock"), "the stock service is at work")
        stack.kill("payment")
    until(
        lambda: stack.http.get(f"/orders/{order_id}").json()["state"] == "ROLLBACK_STUCK",
        "it is stuck",
    )


async def open_order(page: Page, order_id: str, state_name: str) -> None:
    """Open an order's page, and wait until it shows a state."""
    await page.goto(f"/?order={order_id}")
    await expect(state(page)).to_have_text(state_name)
