"""One order on the console, from its beginning to its end."""

import json

import pytest
from playwright.async_api import Page, expect

from tests.stack import Stack, order, until
from tests.system.browser.api_answers import open_order_as
from tests.system.browser.looks import (
    entry_names,
    expect_timeline,
    live_in,
    open_order,
    sentence,
    state,
    step,
    what_does_not_fit,
)

pytestmark = pytest.mark.long

TIMELINE = ".timeline :is(.day, time, .kind, .what, .json summary)"


async def test_an_order_is_seen_completing(page: Page, stack: Stack) -> None:
    """The page follows it to its end, then shows the whole timeline: money, steps and words."""
    with stack.hold_database("payment"):
        stack.place(order(quantity=3, price=255, order_id="live"))
        until(lambda: stack.at_work("live", "ProcessPayment"), "the payment is under way")
        await open_order(page, "live", "PENDING")
        await expect(page.locator(".live")).to_have_text("live")
        await expect(step(page, "ProcessPayment").locator(".step")).to_have_attribute(
            "data-state", "RUNNING"
        )
    await expect(state(page)).to_have_text("COMPLETED")
    await expect(page.locator(".live")).to_have_text("complete")
    await expect(step(page, "ConfirmOrder").locator(".step")).to_have_attribute(
        "data-state", "DONE"
    )
    await expect_timeline(page, entry_names(stack.closed_order("live")))
    await expect(page.locator(".facts")).to_contain_text("7.65 GBP")
    assert await page.title() == "COMPLETED · live · Order saga"
    await expect(page.locator(".acts .act")).to_have_count(0)


async def test_a_failed_order_says_why(page: Page, stack: Stack) -> None:
    """In one sentence, with reason and step; the refused step and each compensation are marked."""
    stack.place(order(sku="scarce", quantity=9, order_id="short"), Prefer="wait=20")
    await open_order(page, "short", "FAILED")
    await expect(sentence(page)).to_have_text("scarce: 9 asked, 1 left")
    await expect(page.locator(".reason")).to_contain_text("OUT_OF_STOCK at DecreaseStock")
    await expect(step(page, "DecreaseStock").locator(".step")).to_have_attribute(
        "data-state", "REFUSED"
    )
    for name in ("RegisterOrder", "ProcessPayment"):
        await expect(step(page, name).locator(".compensation")).to_have_attribute(
            "data-state", "DONE"
        )
    await expect(step(page, "ProcessPayment").locator(".compensation")).to_contain_text("1 attempt")


async def test_a_failed_order_says_that_the_money_is_back(page: Page, stack: Stack) -> None:
    """And when, in the sentence that the API tells."""
    stack.place(order(sku="scarce", quantity=9, order_id="returned"), Prefer="wait=20")
    await open_order(page, "returned", "FAILED")
    message = stack.closed_order("returned")["refund"]["message"]
    assert message.startswith("9.00 GBP went back to the customer at ")
    await expect(page.locator(".refund")).to_have_text(f"Refund: {message}.")


async def test_the_record_is_drawn_when_temporal_has_forgotten(page: Page, stack: Stack) -> None:
    """Of the moves alone it is still seen which steps were done, and which one was refused."""
    stack.place(order(sku="scarce", quantity=9, order_id="old"), Prefer="wait=20")
    stack.temporal("workflow", "delete", "--workflow-id", "order-old", "--yes")
    until(lambda: len(stack.closed_order("old")["timeline"]) == 4, "Temporal has deleted the run")
    await open_order(page, "old", "FAILED")
    states = [
        await card.get_attribute("data-state") for card in await page.locator(".course .step").all()
    ]
    assert states == ["DONE", "DONE", "REFUSED", "SKIPPED"]
    await expect_timeline(page, ["PENDING", "PAYMENT_COMPLETED", "ROLLING_BACK", "FAILED"])


async def test_a_paused_command_is_shown_as_paused(page: Page, stack: Stack) -> None:
    """With who paused it and why; it is not shown as in progress."""
    with stack.hold_database("payment"):
        stack.place(order(order_id="paused"))
        until(lambda: stack.at_work("paused", "ProcessPayment"), "the payment is under way")
        by = [
            "--identity",
            "olga",
            "--reason",
            "the bank asks us to wait",
            "--activity-id",
            pending(stack, "paused"),
        ]
        stack.temporal("activity", "pause", "--workflow-id", "order-paused", *by)
        await open_order(page, "paused", "PENDING")
        card = step(page, "ProcessPayment").locator(".step")
        await expect(card).to_have_attribute("data-state", "PAUSED")
        await expect(card).to_contain_text("olga: the bank asks us to wait")
        await expect(page.locator(".stuck")).to_contain_text(
            "ProcessPayment is paused: paused by olga: the bank asks us to wait"
        )
    unpause = ["--identity", "olga", "--activity-id", pending(stack, "paused")]
    stack.temporal("activity", "unpause", "--workflow-id", "order-paused", *unpause, check=False)
    await expect(state(page)).to_have_text("COMPLETED")
    await expect(page.locator(".stuck")).to_have_count(0)


def pending(stack: Stack, order_id: str) -> str:
    """Return the id of the activity that an order waits for; "1" when there is none."""
    description = json.loads(
        stack.temporal(
            "workflow", "describe", "--workflow-id", f"order-{order_id}", "--output", "json"
        )
    )
    return str(
        next((activity["activityId"] for activity in description.get("pendingActivities", [])), "1")
    )


@pytest.mark.parametrize(
    ("zone", "times"),
    [
        (
            "Asia/Kolkata",
            [
                "2026-01-05",
                "15:00:00.308 09:30:00 UTC",
                "2026-01-06 (2026-01-05 in UTC)",
                "02:00:00.040 20:30:00 UTC",
                "2026-01-06",
                "08:30:00.002 03:00:00 UTC",
                "08:30:01.000 03:00:01 UTC",
            ],
        ),
        (
            "UTC",
            [
                "2026-01-05",
                *("09:30:00.308", "20:30:00.040"),
                "2026-01-06",
                *("03:00:00.002", "03:00:01.000"),
            ],
        ),
    ],
)
async def test_a_timeline_says_its_days_and_utc(
    page: Page, stack: Stack, zone: str, times: list[str]
) -> None:
    """A line for each day, of the viewer's zone and of UTC; each time has UTC's beside it.

    A phone has room for it.
    """
    entries = [
        {"at": at, "kind": "command", "name": name, "detail": {"note": "it was so"}}
        for at, name in (
            ("2026-01-05T09:30:00.308Z", "PENDING"),
            ("2026-01-05T20:30:00.040Z", "AWAITING_REVIEW"),
            ("2026-01-06T03:00:00.002Z", "PAYMENT_COMPLETED"),
            ("2026-01-06T03:00:01Z", "COMPLETED"),
        )
    ]
    await live_in(page, zone)
    await open_order_as(page, stack, state="AWAITING_REVIEW", attention=None, timeline=entries)
    await expect(page.locator(".timeline .day, .timeline time")).to_have_text(times)
    for width in (320, 360, 701, 1024, 1280):
        assert not await what_does_not_fit(page, TIMELINE, width)
