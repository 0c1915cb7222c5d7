"""The page of a saga that is no order: a trip, which rolls back and gets stuck."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect
from temporalio.client import Client

from examples.trip import Trip
from examples.trip_steps import CancelCarCommand, CancelFlightCommand, CancelHotelCommand
from temporal_saga.plugin import SagaPlugin
from temporal_saga.testing import Script
from temporal_saga.workflow import Policy
from tests.stack import Stack
from tests.system.browser.api_answers import answer_with
from tests.system.browser.looks import sentence
from tests.temporal_saga.trips import BROKEN, COMMANDS, DECLINED, begin_paying, yes

pytestmark = pytest.mark.long

VIEW: dict[str, Any] = {
    "workflow_id": "a-journey",
    "workflow_type": "Journey",
    "state": "PENDING",
    "status": "RUNNING",
    "started_at": "2026-01-05T09:30:00Z",
    "needs_attention": False,
    "closed_at": None,
    "failure": None,
    "steps": [],
    "acts": [],
    "timeline": [],
}
CUT_OFF = "before the saga was through: what was done and not taken back still stands."


async def test_a_trip_rolls_back_on_the_page(page: Page, stack: Stack) -> None:
    """Each step with what takes it back, what is stuck, what a person can say, and the story."""
    plugin = SagaPlugin(
        policy=Policy(longest_pause=timedelta(hours=1), stuck_attempts=1), sandbox=False
    )
    client = await Client.connect(f"127.0.0.1:{stack.temporal_port}", plugins=[plugin])
    async with Script(client, COMMANDS, Trip, saga_id="trip-ada") as script:
        await begin_paying(script)
        await page.goto("/?saga=trip-ada")
        await expect(page.get_by_role("heading", name="Saga trip-ada")).to_be_visible()
        step = page.locator("[data-step=TakePayment]")
        await expect(step.locator(".step")).to_have_attribute("data-state", "RUNNING")
        await expect(step.locator(".label")).to_contain_text("Take payment")
        script.fail(DECLINED)
        car = await script.expect_compensation(CancelCarCommand, of="BookCar")
        script.fail(BROKEN, to=car)
        hotel = await script.expect_compensation(CancelHotelCommand, of="BookHotel")
        script.answer(yes(hotel), to=hotel)
        await script.expect_compensation(CancelFlightCommand, of="BookFlight")
        looks = {"BookCar": "STUCK", "BookHotel": "DONE", "BookFlight": "RUNNING"}
        for name, state in looks.items():
            back = page.locator(f"[data-step={name}] .compensation")
            await expect(back).to_have_attribute("data-state", state)
        await expect(step.locator(".step")).to_have_attribute("data-state", "REFUSED")
        await expect(page.locator(".story")).to_contain_text("the card is blocked")
        await expect(page.locator(".body")).to_contain_text(
            "settle_step of BookCar with by, reason, step, evidence"
        )
        await expect(page.locator(".timeline")).to_contain_text("CancelHotelCommand")


async def test_a_saga_of_many_steps_has_room(page: Page) -> None:
    """Of any names and states: its steps stand in several rows, none of them squeezed."""
    names = [f"Step{number}OfALongJourney" for number in range(16)]
    command = {"attempts": 1, "message": None, "paused": None, "settled": None}
    steps = [
        command
        | {"name": name, "step": name, "label": f"Do {name}", "participant": "carrier"}
        | {"state": "DONE", "after_pivot": name == names[12], "opens_record": False}
        | {"compensation": command | {"name": f"Undo{name}", "label": "Undo", "state": "WAITING"}}
        for name in names
    ]
    await answer_with(page, "**/sagas/long", VIEW | {"state": "UNDER_WAY", "steps": steps})
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.goto("/?saga=long")
    await expect(page.locator(".course .step")).to_have_count(16)
    await expect(page.locator(".story")).to_contain_text("UNDER_WAY")
    widths = "cards => cards.map(card => card.getBoundingClientRect().width)"
    assert min(await page.locator(".course .card").evaluate_all(widths)) >= 130
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    ("state", "status", "meaning"),
    [
        ("PENDING", "RUNNING", "It goes forward, and can be cancelled."),
        ("PENDING", "TERMINATED", f"Its workflow was terminated {CUT_OFF}"),
        ("ROLLBACK_STUCK", "TIMED_OUT", f"Its workflow ran out of time {CUT_OFF}"),
        ("COMPLETED", "TERMINATED", f"Its workflow was terminated {CUT_OFF}"),
        ("ROLLING_BACK", "CANCELED", f"Its workflow was cancelled {CUT_OFF}"),
        ("PENDING", "FAILED", f"Its workflow failed {CUT_OFF}"),
        ("COMPLETED", "FAILED", "It is past its pivot: nothing is taken back any more."),
        ("COMPLETED", "CANCELED", "It is past its pivot: nothing is taken back any more."),
        ("FAILED", "FAILED", "Everything that was done is taken back."),
    ],
)
async def test_a_saga_that_nobody_goes_on_with_says_so(
    page: Page, state: str, status: str, meaning: str
) -> None:
    """Its workflow's end comes before what its state means, and before why it failed."""
    view = VIEW | {"state": state, "status": status}
    await answer_with(page, "**/sagas/ended", view)
    await page.goto("/?saga=ended")
    await expect(sentence(page)).to_have_text(meaning)
    refusal: dict[str, Any] = {
        "reason": "DECLINED",
        "step": None,
        "event": None,
        "message": "no",
        "details": {},
    }
    await answer_with(page, "**/sagas/ended", view | {"failure": refusal})
    await page.reload()
    expected = [meaning, "no"] if CUT_OFF in meaning else ["no"]
    await expect(sentence(page)).to_have_text(expected)


async def test_there_is_no_such_saga(page: Page) -> None:
    """The page says so."""
    await page.goto("/?saga=nobody")
    await expect(page.locator(".placeholder")).to_contain_text("There is no such saga")
