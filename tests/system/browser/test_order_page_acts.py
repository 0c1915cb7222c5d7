"""What people do to an order on the console, and what they see of it."""

import pytest
from playwright.async_api import Page, Route, expect

from contracts.ids import id_again
from tests.stack import Stack, order, until
from tests.system.browser.api_answers import answer_with
from tests.system.browser.looks import (
    act,
    entry_names,
    listed_ids,
    open_order,
    sentence,
    state,
    step,
)

SERVICES_APART = True

pytestmark = pytest.mark.long

LARGE = 100_000


async def test_a_review_is_decided(page: Page, stack: Stack) -> None:
    """One large order is approved and completes, another is rejected and says by whom.

    A small one offers neither.
    """
    for name in ("good", "bad"):
        stack.place(order(price=LARGE, order_id=name))
    await open_order(page, "good", "AWAITING_REVIEW")
    await act(page, "Approve", by="ann", reason="a known customer")
    await expect(state(page)).to_have_text("COMPLETED")
    await expect(step(page, "Review")).to_contain_text("approved by ann")
    await open_order(page, "bad", "AWAITING_REVIEW")
    await act(page, "Reject", by="ann", reason="fraud")
    await expect(state(page)).to_have_text("FAILED")
    await expect(sentence(page)).to_have_text("rejected by ann: fraud")


async def test_an_order_is_cancelled(page: Page, stack: Stack) -> None:
    """The request is accepted at once, and repeating it is safe.

    The rollback is shown when the step under way has ended.
    """
    with stack.hold_database("payment"):
        stack.place(order(order_id="unwanted"))
        until(lambda: stack.at_work("unwanted", "ProcessPayment"), "the payment is under way")
        await open_order(page, "unwanted", "PENDING")
        await act(page, "Cancel the order", by="ann", reason="found it cheaper")
        await expect(page.locator(".success")).to_contain_text("Cancelled")
    await expect(state(page)).to_have_text("FAILED")
    await expect(sentence(page)).to_have_text("cancelled by ann: found it cheaper")
    await expect(page.locator(".act summary")).to_have_text(["Place again"])


async def test_a_failed_order_is_placed_again_and_the_log_says_by_whom(
    page: Page, stack: Stack
) -> None:
    """The page goes to the new order; each links to the other, and the first offers it no more.

    The log shows what comes in without a reload, its filters are in the address, and nothing is cut
    off on a phone.
    """
    stack.place(order("poor", price=1_000, order_id="broke"))
    await open_order(page, "broke", "FAILED")
    await act(page, "Place again", by="ann", reason="has paid in")
    await expect(page.get_by_role("heading", name=f"Order {id_again('broke')}")).to_be_visible()
    await page.locator(".facts").get_by_role("link", name="broke", exact=True).click()
    await expect(page.get_by_role("heading", name="Order broke", exact=True)).to_be_visible()
    await expect(page.locator(".facts")).to_contain_text(id_again("broke"))
    await expect(page.locator(".act")).to_have_count(0)
    await page.goto("/?placed_again=true")
    await expect(listed_ids(page)).to_have_text(["broke"])
    await page.get_by_role("link", name="placed again", exact=True).click()
    await expect(page.get_by_role("heading", name=f"Order {id_again('broke')}")).to_be_visible()
    await open_order(page, "broke", "FAILED")
    await page.get_by_role("link", name="Log", exact=True).click()
    rows = page.locator(".operations tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("ann")
    await expect(rows).to_contain_text("place-again")
    await expect(rows).to_contain_text("DONE")
    await expect(rows).to_contain_text("console")
    stack.http.post("/orders/broke/cancel", json={"by": "bob", "reason": "too late"})
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("too late: the order is FAILED")
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.get_by_label("Outcome").select_option("REFUSED")
    await page.get_by_role("button", name="Filter").click()
    await expect(rows).to_have_count(1)
    assert "outcome=REFUSED" in page.url
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await rows.get_by_role("link", name="broke").click()
    await expect(state(page)).to_have_text("FAILED")


async def test_an_act_that_comes_too_late_says_so_and_loses_nothing(
    page: Page, stack: Stack
) -> None:
    """The typed text stays when the act is no longer offered, and when the API refuses it.

    The refusal is shown in the API's words.
    """
    with stack.hold_database("payment"):
        stack.place(order(order_id="gone"))
        until(lambda: stack.at_work("gone", "ProcessPayment"), "the payment is under way")
        await open_order(page, "gone", "PENDING")
        form = page.locator("details.act", has_text="Cancel the order")
        await form.locator("summary").click()
        await form.get_by_label("By").fill("ann")
        await form.get_by_label("Reason").fill("changed my mind")
    await expect(state(page)).to_have_text("COMPLETED")
    await expect(form.locator(".late")).to_have_text("No longer possible: the order is COMPLETED.")
    await form.locator("form button").click()
    await expect(form.locator(".answer")).to_have_text(
        "Not possible: too late: the order is COMPLETED."
    )
    assert await form.get_by_label("Reason").input_value() == "changed my mind"


async def test_an_act_without_an_answer_is_sent_again(page: Page, stack: Stack) -> None:
    """With the orchestrator away the form says when to repeat it and keeps the typed text.

    Repeating it is one act.
    """
    stack.place(order(price=LARGE, order_id="slow"))
    await open_order(page, "slow", "AWAITING_REVIEW")
    stack.kill("orchestrator")
    form = await act(page, "Approve", by="ann", reason="a known customer")
    await expect(form.locator(".answer")).to_contain_text(
        "send it again after 2 s; repeating it is safe"
    )
    assert await form.get_by_label("Reason").input_value() == "a known customer"
    stack.start_worker("orchestrator")
    stack.ready("orchestrator")
    await form.locator("form button").click()
    await expect(state(page)).to_have_text("COMPLETED")
    assert entry_names(stack.closed_order("slow")).count("approve") == 1


async def test_an_act_that_was_turned_away_is_known_not_to_be_taken(
    page: Page, stack: Stack
) -> None:
    """After too many requests the form says that the act was not accepted.

    The line that an act was accepted goes away when another is begun.
    """
    stack.place(order(price=LARGE, order_id="busy"))
    await open_order(page, "busy", "AWAITING_REVIEW")
    await answer_with(
        page,
        "**/orders/busy/approve",
        {"detail": "more than 1 per 1 second from you"},
        status=429,
        after="3",
    )
    form = await act(page, "Approve", by="ann", reason="a known customer")
    await expect(form.locator(".answer")).to_have_text(
        "Too many requests: more than 1 per 1 second from you."
        " It was not accepted: send it again after 3 s."
    )
    await answer_with(
        page, "**/orders/busy/approve", stack.http.get("/orders/busy").json(), status=202
    )
    await form.locator("form button").click()
    await expect(page.locator(".success")).to_have_text("Approved: the order continues.")
    await page.locator("details.act summary", has_text="Cancel the order").click()
    await expect(page.locator(".success")).to_have_text("")
    await form.locator("summary").click()
    await form.get_by_label("Reason").fill("again")
    await form.locator("form button").click()
    await expect(page.locator(".success")).to_have_text("Approved: the order continues.")
    await page.unroute("**/orders/busy/approve")
    answer = stack.http.post("/orders/busy/reject", json={"by": "rita", "reason": "fraud"})
    assert answer.status_code == 202
    await expect(state(page)).to_have_text("FAILED")
    await expect(page.locator(".success")).to_have_text("")


async def test_many_orders_are_acted_on_at_once(page: Page, stack: Stack) -> None:
    """Their number comes first, then who and why; each order's result is a link to it.

    On a phone nothing is cut off.
    """
    stack.seed({"bulk": 10**9}, {})
    for number in range(3):
        stack.place(order("bulk", price=LARGE, order_id=f"many-{number}"))
    filters = "state=AWAITING_REVIEW&customer_id=bulk"
    until(lambda: len(stack.http.get(f"/orders?{filters}").json()["orders"]) == 3, "all wait")
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(f"/?{filters}")
    await page.get_by_role("link", name="Act on these orders").click()
    await page.get_by_role("button", name="Show how many these are").click()
    await expect(page.get_by_role("heading", name="3 orders")).to_be_visible()
    await expect(page.locator(".sample li")).to_have_count(3)
    form = page.locator("details.act")
    await form.get_by_label("By").fill("ann")
    await form.get_by_label("Reason").fill("known customers")
    await form.get_by_role("button").click()
    await expect(state(page)).to_have_text("completed")
    await expect(page.locator("#progress-text")).to_have_text("3 of 3")
    await expect(sentence(page)).to_have_text("approve: known customers")
    await expect(page.locator("details.act")).to_be_hidden()
    await page.get_by_role("link", name="3 done").click()
    await expect(page.locator(".results tbody tr")).to_have_count(3)
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    await page.get_by_role("link", name="0 refused").click()
    await expect(page.locator(".results tbody tr")).to_have_count(0)
    await page.go_back()
    await page.get_by_role("link", name="many-1").click()
    await expect(state(page)).to_have_text("COMPLETED")
    await page.get_by_role("link", name="Batch operations").click()
    await expect(page.locator(".batches li")).to_contain_text("approve 3 orders")


async def test_batch_operations_have_pages(page: Page, stack: Stack) -> None:
    """The older ones are a link away, and the newest again."""
    stack.seed({"regular": 10**9}, {})
    stack.place(order("regular"))
    sales = "/orders?customer_id=regular&status=CONFIRMED"
    until(lambda: stack.http.get(sales).json()["orders"], "it is listed as sold")
    batch_ids = [f"page-{number}" for number in range(3)]
    for batch_id in batch_ids:
        answer = stack.http.post(
            "/batch-operations",
            json={
                "batch_id": batch_id,
                "act": "cancel",
                "filter": {"customer_id": "regular", "status": "CONFIRMED"},
                "count": 1,
                "by": "ann",
                "reason": batch_id,
            },
        )
        assert answer.status_code == 202, answer.text

    async def in_small_pages(route: Route) -> None:
        await route.continue_(url=f"{route.request.url}&limit=2")

    await page.route("**/batch-operations?*", in_small_pages)
    items = page.locator(".batches li")
    await page.goto("/?batch=")
    await expect(items).to_contain_text(batch_ids[:0:-1])
    await page.get_by_role("link", name="Older →").click()
    await expect(items.first).to_contain_text(batch_ids[0])
    await page.get_by_role("link", name="← Newest").click()
    await expect(items).to_contain_text(batch_ids[:0:-1])


async def test_only_what_the_list_says_is_chosen_beforehand(page: Page) -> None:
    """A step is that of its filter, and nothing is done to what is completed."""
    for filters, chosen_act, chosen_step in (
        ("needs_attention=true&step=DecreaseStock", "retry", "DecreaseStock"),
        ("needs_attention=true", "retry", ""),
        ("state=COMPLETED", "", ""),
        ("customer_id=17850", "cancel", ""),
    ):
        await page.goto(f"/?act_on=&{filters}")
        await expect(page.locator("#act-step option")).not_to_have_count(1)
        await expect(page.locator("#act-on")).to_have_value(chosen_act)
        await expect(page.locator("#act-step")).to_have_value(chosen_step)
    await page.goto("/?act_on=&customer_id=nobody")
    await page.locator("#act-on").select_option("place-again")
    await page.get_by_role("button", name="Show how many these are").click()
    await expect(page.locator("#page")).to_contain_text("without reasons CANCELLED, REJECTED")


async def test_what_an_act_on_many_leaves_out_is_said(page: Page, stack: Stack) -> None:
    """Before it starts and on its page: what is not so reads otherwise than what is."""
    stack.place(order("poor", price=5_000, order_id="once"), Prefer="wait=20")
    await page.goto("/?act_on=place-again&customer_id=poor&needs_attention=false")
    await page.get_by_role("button", name="Show how many these are").click()
    meant = "customer poor, not placed again, no need of attention"
    await expect(page.locator("#page")).to_contain_text(f"These are the orders with {meant}")
    form = page.locator("details.act")
    await form.get_by_label("By").fill("ann")
    await form.get_by_label("Reason").fill("it was us")
    await form.get_by_role("button").click()
    await expect(state(page)).to_have_text("completed")
    await expect(page.locator(".story")).to_contain_text(f"the orders with {meant}")
    await page.goto("/?act_on=place-again&customer_id=poor&placed_again=true")
    await expect(page.locator("#page")).to_contain_text(
        "The orders with customer poor, placed again."
    )
