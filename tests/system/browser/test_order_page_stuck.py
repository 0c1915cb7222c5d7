"""What is stuck, on an order's page: retried, settled, and what depends on it."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.stack import Stack, order, until
from tests.system.browser.api_answers import offers, open_order_as, steps_with
from tests.system.browser.looks import act, make_stuck, open_order, state, step

SERVICES_APART = True

pytestmark = pytest.mark.long

OTTO = {"by": "otto", "reason": "paid back by hand", "evidence": "transfer 4711"}


async def test_a_stuck_refund_is_settled_and_the_page_names_who_did_it(
    page: Page, stack: Stack
) -> None:
    """The page says what is stuck and what to look at.

    The form asks who, why and by what evidence, and remembers who.
    """
    make_stuck(stack, "owed")
    await open_order(page, "owed", "ROLLBACK_STUCK")
    await expect(page.locator(".chips")).to_contain_text("Needs attention")
    await expect(page.locator(".stuck").first).to_contain_text("RefundPayment is stuck")
    await expect(page.locator(".stuck").first).to_contain_text("Start the payment worker.")
    await expect(step(page, "ProcessPayment").locator(".compensation")).to_have_attribute(
        "data-state", "STUCK"
    )
    await act(page, "Retry RefundPayment now", by="otto", reason="is it back?")
    await expect(page.locator(".success")).to_have_text("RefundPayment is being retried.")
    form = page.locator("details.act", has_text="Settle RefundPayment by hand")
    await form.locator("summary").click()
    await form.get_by_label("Reason").fill(OTTO["reason"])
    await form.get_by_label("Evidence").fill(OTTO["evidence"])
    await form.locator("form button").click()
    await expect(state(page)).to_have_text("FAILED")
    for word in OTTO.values():
        await expect(step(page, "ProcessPayment").locator(".settlement")).to_contain_text(word)
    settlement = stack.closed_order("owed")["compensations"][0]["settled"]
    assert {name: settlement[name] for name in OTTO} == OTTO
    stack.start_worker("payment")
    stack.ready("payment")


async def test_a_stuck_confirm_is_settled_and_the_page_names_who_did_it(
    page: Page, stack: Stack
) -> None:
    """After the pivot nothing is taken back: the step is stuck, and settled like a compensation."""
    with stack.hold_database("stock"):
        stack.place(order(order_id="unconfirmed"))
        until(lambda: stack.at_work("unconfirmed", "DecreaseStock"), "the stock service is at work")
        stack.kill("order")
    await open_order(page, "unconfirmed", "COMPLETED")
    await expect(page.locator(".stuck").first).to_contain_text("ConfirmOrder is stuck")
    confirm = step(page, "ConfirmOrder").locator(".step")
    await expect(confirm).to_have_attribute("data-state", "STUCK")
    await act(page, "Settle ConfirmOrder by hand", **OTTO)
    for word in OTTO.values():
        await expect(confirm).to_contain_text(word)
    stuck_again = page.locator(".stuck").first
    await expect(stuck_again).to_contain_text(
        "ConfirmOrder was settled by otto, but the order's record does not have it yet"
    )
    await expect(confirm).to_have_attribute("data-state", "STUCK")
    await expect(page.locator("details.act summary")).to_have_text(["Retry ConfirmOrder now"])
    stack.start_worker("order")
    stack.ready("order")
    await expect(page.locator(".live")).to_have_text("complete")
    await expect(page.locator(".chips")).to_contain_text("CONFIRMED")
    await expect(confirm).to_have_attribute("data-state", "SETTLED")
    await expect(confirm).to_contain_text("transfer 4711")


async def test_a_register_that_is_stuck_before_a_rollback_says_what_depends_on_it(
    page: Page, stack: Stack
) -> None:
    """The order's outcome is open until the service answers, or a person settles the question.

    That person says that no earlier run completed it.
    """
    await open_order_as(
        page,
        stack,
        state="PENDING",
        steps=steps_with("RegisterOrderCommand", "STUCK"),
        acts=offers("PENDING", "RegisterOrder"),
    )
    trouble = page.locator(".stuck").first
    await expect(trouble).to_contain_text("RegisterOrder is stuck")
    await expect(page.locator(".live")).to_have_text("")
    await expect(trouble).to_contain_text(
        "the order service must first say whether an earlier run of it completed"
    )
    await expect(trouble).to_contain_text(
        "If one did, the order completes; otherwise it rolls back."
    )
    titles = ["Retry RegisterOrder now", "Settle RegisterOrder by hand"]
    await expect(page.locator("details.act summary")).to_have_text(titles)
    hint = page.locator("details.act", has_text=titles[1]).locator(".hint")
    for words in (
        "no earlier run completed the order",
        "everything is refunded, restored and cancelled",
        "not sent again",
    ):
        await expect(hint).to_contain_text(words)
    await expect(step(page, "RegisterOrder").locator(".step")).to_have_attribute(
        "data-state", "STUCK"
    )
    await expect(step(page, "RegisterOrder").locator(".compensation")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "command", "card", "state"),
    [
        ("ConfirmOrder", "ConfirmOrder", ".step", "COMPLETED"),
        ("RegisterOrder", "CancelOrder", ".compensation", "ROLLBACK_STUCK"),
    ],
)
async def test_what_closes_the_record_is_stuck_until_the_record_hears_of_it(
    page: Page, stack: Stack, name: str, command: str, card: str, state: str
) -> None:
    """Settled and stuck again, it names who settled it, and offers only a retry.

    Once the record has heard of it, it is settled.
    """
    steps = steps_with(f"{command}Command", "STUCK", **OTTO)
    acts = offers(state, name, **OTTO)
    await open_order_as(page, stack, state=state, steps=steps, acts=acts)
    drawing = step(page, name).locator(card)
    await expect(page.locator(".stuck").first).to_contain_text(
        f"{command} was settled by otto, but the order's record does not have it yet"
    )
    await expect(drawing).to_have_attribute("data-state", "STUCK")
    await expect(drawing).to_contain_text("transfer 4711")
    await expect(page.locator("details.act summary")).to_have_text([f"Retry {command} now"])
    await expect(page.locator(".not-possible li")).to_have_text(
        [
            f"Not possible: Approve, Reject – the order is not awaiting review, it is {state}.",
            (
                f"Not possible: Settle {command} by hand – otto settled {name} already:"
                " what keeps failing is to put that on record."
            ),
            f"Not possible: Cancel the order – too late to cancel: the order is {state}.",
        ]
    )
    steps = steps_with(f"{command}Command", "SETTLED", **OTTO)
    await open_order_as(page, stack, state=state, steps=steps)
    await expect(drawing).to_have_attribute("data-state", "SETTLED")
    await expect(drawing).to_contain_text("transfer 4711")
    await expect(page.locator(".stuck")).to_have_count(0)
    await expect(page.locator("details.act")).to_have_count(0)


async def test_of_two_steps_with_one_activity_each_is_drawn_and_retried_by_its_name(
    page: Page, stack: Stack
) -> None:
    """Both refunds are stuck: the page says which is the one whose step has a name of its own."""
    twin = "ProcessPayment-2"
    opening, stuck_payment, *ahead = steps_with("RefundPaymentCommand", "STUCK")
    refunds = ["RefundPayment", f"RefundPayment of {twin}"]
    twin_payment = stuck_payment | {"step": twin, "name": twin}
    twin_payment |= {"compensation": stuck_payment["compensation"] | {"name": refunds[1]}}
    steps = [opening, stuck_payment, twin_payment, *ahead]
    acts = [act for act in offers("ROLLBACK_STUCK", "ProcessPayment") if act["step"]]
    acts += [act | {"step": twin} for act in acts]
    entry: dict[str, Any] = {"at": "2026-01-01T00:00:00Z", "kind": "command"}
    entry |= {"name": "RefundPaymentCommand"}
    entry |= {"participant": "payment", "attempt": None, "step": None, "detail": {}}
    fields = {"steps": steps, "acts": acts, "timeline": [entry, entry | {"step": twin}]}
    await open_order_as(page, stack, state="ROLLBACK_STUCK", **fields)
    await expect(page.locator(".stuck b")).to_have_text([f"{name} is stuck" for name in refunds])
    await expect(page.locator("details.act summary")).to_have_text(
        [f"Retry {name} now" for name in refunds] + [f"Settle {name} by hand" for name in refunds]
    )
    await expect(step(page, twin).locator(".compensation .code")).to_contain_text(refunds[1])
    await expect(page.locator(".timeline .by")).to_have_text(["payment", twin, "payment"])
