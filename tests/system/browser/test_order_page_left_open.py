"""Orders on the console that nobody works on any more, and ids that no order has."""

import pytest
from playwright.async_api import Page, expect

from tests.stack import Stack, order, until
from tests.system.browser.api_answers import open_order_as
from tests.system.browser.looks import notice, open_order, sentence

pytestmark = pytest.mark.long


async def test_an_order_that_is_not_there_is_reported(page: Page) -> None:
    """And an id that none can have is refused in words, and leads to nothing else."""
    await page.goto("/?order=nobody")
    await expect(notice(page)).to_contain_text("Not found: there is no order nobody")
    for address in ("/?order=..", "/?order=..%2Flivez", "/?order=no%20body"):
        await page.goto(address)
        await expect(notice(page)).to_contain_text(
            "The API rejects this request: an order's id is 1 to 64 letters"
        )


async def test_an_order_that_was_left_open_is_not_closed(page: Page, stack: Stack) -> None:
    """It says since when nobody works on it and what can be done.

    It offers no act that nobody would hear of.
    """
    since = "2026-01-01T00:00:00Z"
    need = {
        "cause": "LEFT_OPEN",
        "since": since,
        "message": "its saga was ended from outside: temporal workflow reset …",
    }
    await open_order_as(page, stack, state="PAYMENT_COMPLETED", attention=need)
    await expect(page.locator(".person")).to_contain_text("Needs a person: left open since ")
    await expect(page.locator(".person")).to_contain_text(
        "Its saga was ended from outside: temporal workflow reset …"
    )
    await expect(page.locator(".person time")).to_have_attribute("datetime", since)
    await expect(page.locator(".chips")).to_contain_text("Needs attention: left open")
    await expect(page.locator(".live")).to_have_text("saga ended early")
    await expect(page.locator(".acts .act")).to_have_count(0)
    await expect(page.locator(".facts dd").nth(3)).to_have_text("–")


@pytest.mark.parametrize(
    ("cause", "meaning"),
    [
        ("LEFT_OPEN", "Its saga ended before its end; what it did until then still stands."),
        ("WEDGED", "The orchestrator's own code fails at this order."),
        ("REVIEW_EXPIRING", "A person has to approve or reject it."),
    ],
)
async def test_what_nobody_would_hear_is_not_asked_for(
    page: Page, stack: Stack, cause: str, meaning: str
) -> None:
    """An order that waits for a decision says so only as long as its saga could take one."""
    need = {"cause": cause, "since": None, "message": "what helps"}
    await open_order_as(page, stack, state="AWAITING_REVIEW", attention=need)
    await expect(sentence(page)).to_have_text(meaning)


async def test_a_terminated_saga_is_not_closed(page: Page, stack: Stack) -> None:
    """It says that nobody works on it any more and what can be done.

    After a reset the saga goes on, and the page with it.
    """
    with stack.hold_database("payment"):
        stack.place(order(order_id="ended"))
        until(lambda: stack.at_work("ended", "ProcessPayment"), "the payment is under way")
        await open_order(page, "ended", "PENDING")
        stack.temporal(
            "workflow", "terminate", "--workflow-id", "order-ended", "--reason", "by mistake"
        )
        await expect(page.locator(".person")).to_contain_text("Needs a person: left open since ")
        await expect(page.locator(".person")).to_contain_text(
            "temporal workflow reset --workflow-id order-ended"
        )
        await expect(page.locator(".facts dd").nth(3)).to_have_text("–")
        await expect(page.locator(".acts .act")).to_have_count(0)
    stack.temporal(
        "workflow",
        "reset",
        "--workflow-id",
        "order-ended",
        "--type",
        "LastWorkflowTask",
        "--reason",
        "it goes on",
    )
    await expect(page.locator(".chips")).not_to_contain_text("Needs attention")
    stack.closed_order("ended")
    await expect(page.locator(".live")).to_have_text("complete")
