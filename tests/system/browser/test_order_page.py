"""One order on the console, from its beginning to its end, and what people do to it there."""

import json
from typing import Any

import pytest
from playwright.async_api import Page, expect

from contracts.acts import FIELDS, Review, StuckStep, acts_on
from contracts.states import SagaState
from tests.stack import Stack, order, until
from tests.system.browser.looks import (
    act,
    is_open,
    names,
    notice,
    sentence,
    state,
    step,
    stuck,
    told,
)

pytestmark = pytest.mark.long

LARGE = 100_000
OTTO = {"by": "otto", "reason": "paid back by hand", "evidence": "transfer 4711"}


async def test_an_order_is_seen_completing(page: Page, stack: Stack) -> None:
    """The page follows it to its end, then shows the whole timeline: money, steps and words."""
    with stack.locked("payment"):
        stack.place(order(quantity=3, price=255, order_id="live"))
        until(lambda: stack.at_work("live", "ProcessPayment"), "the payment is under way")
        await is_open(page, "live", "PENDING")
        await expect(page.locator(".live")).to_have_text("live")
        await expect(step(page, "ProcessPayment").locator(".step")).to_have_attribute(
            "data-state", "running"
        )
    await expect(state(page)).to_have_text("COMPLETED")
    await expect(page.locator(".live")).to_have_text("complete")
    await expect(step(page, "ConfirmOrder").locator(".step")).to_have_attribute(
        "data-state", "done"
    )
    assert await names(page) == told(stack.closed("live"))
    await expect(page.locator(".facts")).to_contain_text("7.65 GBP")
    assert await page.title() == "COMPLETED · live · Order saga"
    await expect(page.locator(".acts .act")).to_have_count(0)


async def test_a_failed_order_says_why(page: Page, stack: Stack) -> None:
    """In one sentence, with reason and step; the refused step and each compensation are marked."""
    stack.place(order(sku="scarce", quantity=9, order_id="short"), Prefer="wait=20")
    await is_open(page, "short", "FAILED")
    await expect(sentence(page)).to_have_text("scarce: 9 asked, 1 left")
    await expect(page.locator(".reason")).to_contain_text("OUT_OF_STOCK at DecreaseStock")
    await expect(step(page, "DecreaseStock").locator(".step")).to_have_attribute(
        "data-state", "refused"
    )
    for name in ("RegisterOrder", "ProcessPayment"):
        await expect(step(page, name).locator(".back")).to_have_attribute("data-state", "done")
    await expect(step(page, "ProcessPayment").locator(".back")).to_contain_text("1 try")


async def test_the_record_is_drawn_when_temporal_has_forgotten(page: Page, stack: Stack) -> None:
    """Of the moves alone it is still seen which steps were done, and which one was refused."""
    stack.place(order(sku="scarce", quantity=9, order_id="old"), Prefer="wait=20")
    stack.temporal("workflow", "delete", "--workflow-id", "order-old", "--yes")
    until(lambda: len(stack.closed("old")["timeline"]) == 4, "Temporal has deleted the run")
    await is_open(page, "old", "FAILED")
    drawn = [
        await card.get_attribute("data-state") for card in await page.locator(".course .step").all()
    ]
    assert drawn == ["done", "done", "refused", "skipped"]
    assert await names(page) == ["PENDING", "PAYMENT_COMPLETED", "ROLLING_BACK", "FAILED"]


async def test_a_stuck_refund_is_settled_and_the_page_names_who_did_it(
    page: Page, stack: Stack
) -> None:
    """The page says what is stuck and what to look at.

    The form asks who, why and by what evidence, and remembers who.
    """
    stuck(stack, "owed")
    await is_open(page, "owed", "ROLLBACK_STUCK")
    await expect(page.locator(".chips")).to_contain_text("Needs attention")
    await expect(page.locator(".stuck").first).to_contain_text("RefundPayment is stuck")
    await expect(page.locator(".stuck").first).to_contain_text("is the worker of payment running?")
    await expect(step(page, "ProcessPayment").locator(".back")).to_have_attribute(
        "data-state", "stuck"
    )
    await act(page, "Retry RefundPayment now", by="otto", reason="is it back?")
    await expect(page.locator(".taken")).to_have_text("RefundPayment is tried again now.")
    form = page.locator("details.act", has_text="Settle RefundPayment by hand")
    await form.locator("summary").click()
    await form.get_by_label("Reason").fill(OTTO["reason"])
    await form.get_by_label("Evidence").fill(OTTO["evidence"])
    await form.locator("form button").click()
    await expect(state(page)).to_have_text("FAILED")
    for word in OTTO.values():
        await expect(step(page, "ProcessPayment").locator(".settlement")).to_contain_text(word)
    settled = stack.closed("owed")["compensations"][0]["settled"]
    assert {name: settled[name] for name in OTTO} == OTTO
    stack.start_worker("payment")
    stack.ready("payment")


async def test_a_review_is_decided(page: Page, stack: Stack) -> None:
    """One large order is approved and completes, another is rejected and says by whom.

    A small one offers neither.
    """
    for name in ("good", "bad"):
        stack.place(order(price=LARGE, order_id=name))
    await is_open(page, "good", "AWAITING_REVIEW")
    await act(page, "Approve", by="ann", reason="a known customer")
    await expect(state(page)).to_have_text("COMPLETED")
    await expect(step(page, "Review")).to_contain_text("approved by ann")
    await is_open(page, "bad", "AWAITING_REVIEW")
    await act(page, "Reject", by="ann", reason="fraud")
    await expect(state(page)).to_have_text("FAILED")
    await expect(sentence(page)).to_have_text("rejected by ann: fraud")


async def test_an_order_is_cancelled(page: Page, stack: Stack) -> None:
    """The request is accepted at once, and repeating it is safe.

    The rollback is shown when the step under way has ended.
    """
    with stack.locked("payment"):
        stack.place(order(order_id="unwanted"))
        until(lambda: stack.at_work("unwanted", "ProcessPayment"), "the payment is under way")
        await is_open(page, "unwanted", "PENDING")
        await act(page, "Cancel the order", by="ann", reason="found it cheaper")
        await expect(page.locator(".taken")).to_contain_text("Cancelled")
    await expect(state(page)).to_have_text("FAILED")
    await expect(sentence(page)).to_have_text("cancelled by ann: found it cheaper")
    await expect(page.locator(".act")).to_have_count(0)


async def test_an_act_that_comes_too_late_says_so_and_loses_nothing(
    page: Page, stack: Stack
) -> None:
    """The typed text stays when the act is no longer offered, and when the API refuses it.

    The refusal is shown in the API's words.
    """
    with stack.locked("payment"):
        stack.place(order(order_id="gone"))
        until(lambda: stack.at_work("gone", "ProcessPayment"), "the payment is under way")
        await is_open(page, "gone", "PENDING")
        form = page.locator("details.act", has_text="Cancel the order")
        await form.locator("summary").click()
        await form.get_by_label("By").fill("ann")
        await form.get_by_label("Reason").fill("changed my mind")
    await expect(state(page)).to_have_text("COMPLETED")
    await expect(form.locator(".late")).to_have_text(
        "Not offered any more: the order is COMPLETED."
    )
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
    await is_open(page, "slow", "AWAITING_REVIEW")
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
    assert told(stack.closed("slow")).count("approve") == 1


async def test_an_act_that_was_turned_away_is_known_not_to_be_taken(
    page: Page, stack: Stack
) -> None:
    """After too many requests the form says that the act was not accepted.

    The line that an act was accepted goes away when another is begun.
    """
    stack.place(order(price=LARGE, order_id="busy"))
    await is_open(page, "busy", "AWAITING_REVIEW")
    await answers(
        page,
        "**/orders/busy/approve",
        {"detail": "more than 1 per 1 second from you"},
        status=429,
        after="3",
    )
    form = await act(page, "Approve", by="ann", reason="a known customer")
    await expect(form.locator(".answer")).to_have_text(
        "Too many requests: more than 1 per 1 second from you."
        " It was not taken: send it again after 3 s."
    )
    await answers(page, "**/orders/busy/approve", stack.http.get("/orders/busy").json(), status=202)
    await form.locator("form button").click()
    await expect(page.locator(".taken")).to_have_text("Approved: the order goes on.")
    await page.locator("details.act summary", has_text="Cancel the order").click()
    await expect(page.locator(".taken")).to_have_text("")
    await form.locator("summary").click()
    await form.get_by_label("Reason").fill("again")
    await form.locator("form button").click()
    await expect(page.locator(".taken")).to_have_text("Approved: the order goes on.")
    await page.unroute("**/orders/busy/approve")
    said = stack.http.post("/orders/busy/reject", json={"by": "rita", "reason": "fraud"})
    assert said.status_code == 202
    await expect(state(page)).to_have_text("FAILED")
    await expect(page.locator(".taken")).to_have_text("")


async def answers(page: Page, path: str, told: Any, *, status: int = 200, after: str = "0") -> None:
    """Answer what the page asks at `path` in the API's place."""
    await page.unroute(path)
    headers = {"Retry-After": after}
    await page.route(path, lambda route: route.fulfill(status=status, json=told, headers=headers))


async def shows(page: Page, stack: Stack, **told: Any) -> None:
    """Open an order as the API might show it: one that is open, and needs attention."""
    placed = stack.place(order(order_id="shown"), Prefer="wait=20").json()
    nothing: dict[str, Any] = {
        "failure": None,
        "compensations": [],
        "timeline": [],
        "closed_at": None,
        "needs_attention": True,
        "acts": [],
    }
    await answers(page, "**/orders/shown", placed | {"status": "PENDING"} | nothing | told)
    await answers(page, "**/orders/shown/events", {"detail": "none"}, status=404)
    await is_open(page, "shown", told["state"])


def stuck_at(step: str, command: str, **settled: str) -> dict[str, Any]:
    """Return what must be obeyed and is not, as the API shows it."""
    word = settled | {"at": "2026-01-01T00:00:00Z"} if settled else None
    return {"step": step, "command": command, "state": "STUCK", "attempts": 20, "settled": word}


def offers(state: str, step: str, **settled: str) -> list[dict[str, Any]]:
    """Return what an order offers whose step is stuck, as the API shows it."""
    stuck = [StuckStep(step, settled.get("by"))]
    found = acts_on(SagaState(state), Review(is_over=True), stuck, fails=False)
    return [
        {"act": act, "step": at, "fields": FIELDS[act], "refusal": why} for act, at, why in found
    ]


async def test_a_register_that_is_stuck_before_a_rollback_says_what_depends_on_it(
    page: Page, stack: Stack
) -> None:
    """The order's outcome is open until the service answers, or a person settles the question.

    That person says that no earlier run completed it.
    """
    await shows(
        page,
        stack,
        state="PENDING",
        compensations=[stuck_at("RegisterOrder", "RegisterOrderCommand")],
        acts=offers("PENDING", "RegisterOrder"),
    )
    told = page.locator(".stuck").first
    await expect(told).to_contain_text("RegisterOrder is stuck")
    await expect(page.locator(".live")).to_have_text("")
    await expect(told).to_contain_text(
        "the order waits as it is until the order service answers whether an earlier run of it"
    )
    await expect(told).to_contain_text(
        "then it rolls back, or completes if an earlier run had completed it."
    )
    titles = ["Retry RegisterOrder now", "Settle RegisterOrder by hand", "Cancel the order"]
    await expect(page.locator("details.act summary")).to_have_text(titles)
    hint = page.locator("details.act", has_text=titles[1]).locator(".hint")
    for words in (
        "no earlier run completed the order",
        "everything is refunded, restored and cancelled",
        "not asked any more",
    ):
        await expect(hint).to_contain_text(words)
    await expect(hint).not_to_contain_text("sent on")
    await expect(step(page, "RegisterOrder").locator(".step")).to_have_attribute(
        "data-state", "stuck"
    )
    await expect(step(page, "RegisterOrder").locator(".back")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "command", "card", "shown"),
    [
        ("ConfirmOrder", "ConfirmOrder", ".step", "COMPLETED"),
        ("RegisterOrder", "CancelOrder", ".back", "ROLLBACK_STUCK"),
    ],
)
async def test_what_closes_the_record_is_stuck_until_the_record_hears_of_it(
    page: Page, stack: Stack, name: str, command: str, card: str, shown: str
) -> None:
    """Settled and stuck again, it names who settled it, and offers only a retry.

    Once the record has heard of it, it is settled.
    """
    compensations = [stuck_at(name, f"{command}Command", **OTTO)]
    acts = offers(shown, name, **OTTO)
    await shows(page, stack, state=shown, compensations=compensations, acts=acts)
    drawn = step(page, name).locator(card)
    await expect(page.locator(".stuck").first).to_contain_text(
        f"{command} was settled by otto, and is not on record yet"
    )
    await expect(drawn).to_have_attribute("data-state", "stuck")
    await expect(drawn).to_contain_text("transfer 4711")
    await expect(page.locator("details.act summary")).to_have_text([f"Retry {command} now"])
    await expect(page.locator(".not-possible li")).to_have_text(
        [
            f"Approve, Reject: the order is not awaiting review, it is {shown}.",
            (
                f"Settle {command} by hand: otto settled {name} already:"
                " what keeps failing is to put that on record."
            ),
            f"Cancel the order: too late to cancel: the order is {shown}.",
        ]
    )
    settled = stuck_at(name, f"{command}Command", **OTTO) | {"state": "SETTLED"}
    await shows(page, stack, state=shown, compensations=[settled])
    await expect(drawn).to_have_attribute("data-state", "settled")
    await expect(drawn).to_contain_text("transfer 4711")
    await expect(page.locator(".stuck")).to_have_count(0)
    await expect(page.locator("details.act")).to_have_count(0)


async def test_an_order_that_is_not_there_is_told(page: Page) -> None:
    """And an id that none can have is refused in words, and leads to nothing else."""
    await page.goto("/?order=nobody")
    await expect(notice(page)).to_contain_text("Not found: there is no order nobody")
    for address in ("/?order=..", "/?order=..%2Flivez", "/?order=no%20body"):
        await page.goto(address)
        await expect(notice(page)).to_contain_text(
            "The API does not take this: an order's id is 1 to 64 letters"
        )


async def test_what_people_write_stays_text(page: Page, stack: Stack) -> None:
    """Markup in names, reasons and evidence is shown as it was typed, wherever it is told."""
    evil = """<img src=x onerror="alert(1)">'"</script><script>alert(2)</script>&lt;"""
    stuck(stack, "evil")
    await is_open(page, "evil", "ROLLBACK_STUCK")
    await act(
        page,
        "Settle RefundPayment by hand",
        by=evil[:150],
        reason=evil,
        evidence=f"javascript:{evil}",
    )
    await expect(state(page)).to_have_text("FAILED")
    await expect(step(page, "ProcessPayment").locator(".settlement")).to_contain_text(evil)
    await expect(page.locator(".timeline .decision .said")).to_contain_text(
        f"evidence: javascript:{evil}"
    )
    assert await page.locator("main img, main script").count() == 0
    stack.start_worker("payment")
    stack.ready("payment")


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
    await shows(page, stack, state="PAYMENT_COMPLETED", attention=need)
    await expect(page.locator(".person")).to_contain_text(
        "It needs a person: it is left open, since "
    )
    await expect(page.locator(".person")).to_contain_text(
        "Its saga was ended from outside: temporal workflow reset …"
    )
    await expect(page.locator(".person time")).to_have_attribute("datetime", since)
    await expect(page.locator(".chips")).to_contain_text("Needs attention: left open")
    await expect(page.locator(".live")).to_have_text("ended from outside")
    await expect(page.locator(".acts .act")).to_have_count(0)
    await expect(page.locator(".facts dd").nth(3)).to_have_text("–")


async def test_a_paused_command_is_shown_as_paused(page: Page, stack: Stack) -> None:
    """With who paused it and why; it is not told that it is tried."""
    with stack.locked("payment"):
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
        await is_open(page, "paused", "PENDING")
        card = step(page, "ProcessPayment").locator(".step")
        await expect(card).to_have_attribute("data-state", "paused")
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
    shown = json.loads(
        stack.temporal(
            "workflow", "describe", "--workflow-id", f"order-{order_id}", "--output", "json"
        )
    )
    return str(next((told["activityId"] for told in shown.get("pendingActivities", [])), "1"))


async def test_a_failed_order_says_that_the_money_is_back(page: Page, stack: Stack) -> None:
    """And when, in the sentence that the API tells."""
    stack.place(order(sku="scarce", quantity=9, order_id="returned"), Prefer="wait=20")
    await is_open(page, "returned", "FAILED")
    told = stack.closed("returned")["refund"]["message"]
    assert told.startswith("9.00 GBP went back to the customer at ")
    await expect(page.locator(".refund")).to_have_text(f"The money: {told}.")


async def test_a_terminated_saga_is_not_closed(page: Page, stack: Stack) -> None:
    """It says that nobody works on it any more and what can be done.

    After a reset the saga goes on, and the page with it.
    """
    with stack.locked("payment"):
        stack.place(order(order_id="ended"))
        until(lambda: stack.at_work("ended", "ProcessPayment"), "the payment is under way")
        await is_open(page, "ended", "PENDING")
        stack.temporal(
            "workflow", "terminate", "--workflow-id", "order-ended", "--reason", "by mistake"
        )
        await expect(page.locator(".person")).to_contain_text(
            "It needs a person: it is left open, since "
        )
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
    stack.closed("ended")
    await expect(page.locator(".live")).to_have_text("complete")


async def test_what_the_customer_is_told_is_shown(page: Page, stack: Stack) -> None:
    """Beside what an operator is told, so that both can speak of the same."""
    told = "We are sorry: not everything in your order is still in stock."
    failure = {
        "reason": "OUT_OF_STOCK",
        "message": "scarce: 9 asked, 1 left",
        "step": "DecreaseStock",
        "event": "StockDecreaseFailedEvent",
    }
    await shows(
        page,
        stack,
        state="FAILED",
        failure=failure | {"details": {}, "customer_message": told},
        closed_at="2026-01-01T00:00:00Z",
    )
    await expect(sentence(page)).to_have_text("scarce: 9 asked, 1 left")
    await expect(page.locator(".for-customer")).to_have_text(f"The customer is told: “{told}”")


async def test_no_text_acts_on_what_stands_around_it(page: Page, stack: Stack) -> None:
    """Old records may hold anything: control and invisible characters are spelt out.

    Each text keeps its direction to itself.
    """
    backwards = "\u202eesrever\u2066\x1b[31m\u200b"
    spelt = r"\u202eesrever\u2066\x1b[31m\u200b"
    word = {"by": "\u200b", "reason": backwards, "evidence": "\u2060", "at": "2026-01-01T00:00:00Z"}
    failure = {
        "reason": "CANCELLED",
        "message": f"cancelled by otto: {backwards}",
        "step": None,
        "event": None,
        "details": {"by": backwards},
    }
    timeline = [
        {
            "at": word["at"],
            "kind": "decision",
            "name": "cancel",
            "participant": None,
            "attempt": None,
            "detail": word,
        }
    ]
    settled = {
        "step": "ProcessPayment",
        "command": "RefundPaymentCommand",
        "state": "SETTLED",
        "attempts": 3,
        "settled": word,
    }
    told = {"failure": failure, "timeline": timeline, "compensations": [settled]}
    await shows(page, stack, state="FAILED", closed_at=word["at"], needs_attention=False, **told)
    await expect(sentence(page)).to_have_text(f"cancelled by otto: {spelt}")
    await expect(page.locator(".settlement dd")).to_have_text([r"\u200b", spelt, r"\u2060"])
    await expect(page.locator(".timeline .said")).to_have_text(
        rf"by \u200b: {spelt} · evidence: \u2060"
    )
    text = await page.evaluate(
        "document.body.textContent + document.title + document.documentElement.outerHTML"
    )
    assert not set("\u202e\u2066\x1b\u200b\u2060") & set(text)
    await shows(
        page,
        stack,
        state="FAILED",
        failure=failure | {"message": "👩‍💻 می‌خواهم"},
        closed_at=word["at"],
    )
    await expect(sentence(page)).to_have_text("👩‍💻 می‌خواهم")
    isolated = await page.evaluate(
        "[...document.querySelectorAll('span, b, code, bdi, a')]"
        ".map(e => getComputedStyle(e).unicodeBidi)"
    )
    assert set(isolated) == {"isolate"}


async def test_whatever_the_api_answers_stays_text(page: Page, stack: Stack) -> None:
    """No text of an answer becomes markup, and every link leads to the web and nowhere else.

    This holds even if the API itself is deceived.
    """
    evil = "<img src=x onerror=alert(1)>\"'><svg onload=alert(2)>"
    view = stack.place(
        order(sku="scarce", quantity=9, order_id="deceived"), Prefer="wait=20"
    ).json()
    for name in ("customer_id", "currency", "state", "status"):
        view[name] = evil
    view["failure"] |= {
        "message": evil,
        "reason": evil,
        "step": evil,
        "event": evil,
        "details": {evil: evil},
    }
    view["compensations"][0] |= {
        "command": evil,
        "settled": {"by": evil, "reason": evil, "evidence": evil, "at": evil},
    }
    view["links"]["temporal"] = "javascript:alert(3)"
    view["lines"][0]["sku"] = evil
    for entry in view["timeline"]:
        entry |= {
            "name": evil,
            "participant": evil,
            "detail": {"error": evil, "reason": evil, evil: evil},
        }
    listed = {"orders": [view], "next": None, "warning": evil}
    await page.route(
        "**/orders/deceived",
        lambda route: route.fulfill(body=json.dumps(view), content_type="application/json"),
    )
    await page.route(
        "**/orders?*",
        lambda route: route.fulfill(body=json.dumps(listed), content_type="application/json"),
    )
    await page.goto("/?order=deceived")
    await expect(sentence(page)).to_have_text(evil)
    assert await page.locator("main img, main svg, main script").count() == 0
    assert await page.locator("main a[href^=javascript]").count() == 0
    await page.goto("/")
    await expect(page.locator(".warning")).to_contain_text(evil)
    await expect(page.locator(".orders .customer")).to_have_text(evil)
    assert await page.locator("main img, main svg, main script").count() == 0


async def test_a_stuck_confirm_is_settled_and_the_page_names_who_did_it(
    page: Page, stack: Stack
) -> None:
    """After the pivot nothing is taken back: the step is stuck, and settled like a compensation."""
    with stack.locked("stock"):
        stack.place(order(order_id="unconfirmed"))
        until(lambda: stack.at_work("unconfirmed", "DecreaseStock"), "the stock service is at work")
        stack.kill("order")
    await is_open(page, "unconfirmed", "COMPLETED")
    await expect(page.locator(".stuck").first).to_contain_text("ConfirmOrder is stuck")
    confirm = step(page, "ConfirmOrder").locator(".step")
    await expect(confirm).to_have_attribute("data-state", "stuck")
    await act(page, "Settle ConfirmOrder by hand", **OTTO)
    for word in OTTO.values():
        await expect(confirm).to_contain_text(word)
    stuck_again = page.locator(".stuck").first
    await expect(stuck_again).to_contain_text(
        "ConfirmOrder was settled by otto, and is not on record yet"
    )
    await expect(confirm).to_have_attribute("data-state", "stuck")
    await expect(page.locator("details.act summary")).to_have_text(["Retry ConfirmOrder now"])
    stack.start_worker("order")
    stack.ready("order")
    await expect(page.locator(".live")).to_have_text("complete")
    await expect(page.locator(".chips")).to_contain_text("CONFIRMED")
    await expect(confirm).to_have_attribute("data-state", "settled")
    await expect(confirm).to_contain_text("transfer 4711")
