"""What others write, and what the API answers, stays text on the console."""

import json

import pytest
from playwright.async_api import Page, expect

from tests.stack import Stack, order
from tests.system.browser.api_answers import open_order_as, steps_with
from tests.system.browser.looks import act, make_stuck, open_order, sentence, state, step

SERVICES_APART = True

pytestmark = pytest.mark.long


async def test_what_the_customer_is_told_is_shown(page: Page, stack: Stack) -> None:
    """Beside what an operator is told, so that both can speak of the same."""
    sentence_to_customer = "We are sorry: not everything in your order is still in stock."
    failure = {
        "reason": "OUT_OF_STOCK",
        "message": "scarce: 9 asked, 1 left",
        "step": "DecreaseStock",
        "event": "StockDecreaseFailedEvent",
    }
    await open_order_as(
        page,
        stack,
        state="FAILED",
        failure=failure | {"details": {}, "customer_message": sentence_to_customer},
        closed_at="2026-01-01T00:00:00Z",
    )
    await expect(sentence(page)).to_have_text("scarce: 9 asked, 1 left")
    await expect(page.locator(".for-customer")).to_have_text(
        f"Message to the customer: “{sentence_to_customer}”"
    )


async def test_what_people_write_stays_text(page: Page, stack: Stack) -> None:
    """Markup in names, reasons and evidence is shown as it was typed, wherever it is shown."""
    evil = """<img src=x onerror="alert(1)">'"</script><script>alert(2)</script>&lt;"""
    make_stuck(stack, "evil")
    await open_order(page, "evil", "ROLLBACK_STUCK")
    await act(
        page,
        "Settle RefundPayment by hand",
        by=evil[:150],
        reason=evil,
        evidence=f"javascript:{evil}",
    )
    await expect(state(page)).to_have_text("FAILED")
    await expect(step(page, "ProcessPayment").locator(".settlement")).to_contain_text(evil)
    await expect(page.locator(".timeline .decision .summary")).to_contain_text(
        f"evidence: javascript:{evil}"
    )
    assert await page.locator("main img, main script").count() == 0
    stack.start_worker("payment")
    stack.ready("payment")


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
    settlement = {name: text for name, text in word.items() if name != "at"}
    steps = steps_with("RefundPaymentCommand", "SETTLED", **settlement)
    fields = {"failure": failure, "timeline": timeline, "steps": steps}
    await open_order_as(
        page, stack, state="FAILED", closed_at=word["at"], needs_attention=False, **fields
    )
    await expect(sentence(page)).to_have_text(f"cancelled by otto: {spelt}")
    await expect(page.locator(".settlement dd")).to_have_text([r"\u200b", spelt, r"\u2060"])
    await expect(page.locator(".timeline .summary")).to_have_text(
        rf"by \u200b: {spelt} · evidence: \u2060"
    )
    text = await page.evaluate(
        "document.body.textContent + document.title + document.documentElement.outerHTML"
    )
    assert not set("\u202e\u2066\x1b\u200b\u2060") & set(text)
    await open_order_as(
        page,
        stack,
        state="FAILED",
        failure=failure | {"message": "👩‍💻 می‌خواهم"},
        closed_at=word["at"],
    )
    await expect(sentence(page)).to_have_text("👩‍💻 می‌خواهم")
    isolations = await page.evaluate(
        "[...document.querySelectorAll('span, b, code, bdi, a')]"
        ".map(e => getComputedStyle(e).unicodeBidi)"
    )
    assert set(isolations) == {"isolate"}


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
    settlement = {"by": evil, "reason": evil, "evidence": evil, "at": evil}
    for progress in view["steps"]:
        progress |= {"state": evil, "message": evil, "paused": evil, "settled": settlement}
        if progress["compensation"]:
            progress["compensation"] |= {"message": evil, "settled": settlement}
    view["links"]["temporal"] = "javascript:alert(3)"
    view["lines"][0]["sku"] = evil
    for entry in view["timeline"]:
        entry |= {
            "name": evil,
            "participant": evil,
            "detail": {"error": evil, "reason": evil, evil: evil},
        }
    order_list = {"orders": [view], "next": None, "warning": evil}
    await page.route(
        "**/orders/deceived",
        lambda route: route.fulfill(body=json.dumps(view), content_type="application/json"),
    )
    await page.route(
        "**/orders?*",
        lambda route: route.fulfill(body=json.dumps(order_list), content_type="application/json"),
    )
    await page.goto("/?order=deceived")
    await expect(sentence(page)).to_have_text(evil)
    assert await page.locator("main img, main svg, main script").count() == 0
    assert await page.locator("main a[href^=javascript]").count() == 0
    await page.goto("/")
    await expect(page.locator(".warning")).to_contain_text(evil)
    await expect(page.locator(".orders .customer")).to_have_text(evil)
    not_ours = page.locator("main img, main svg:not(.chart), main script, main [onload]")
    assert await not_ours.count() == 0
