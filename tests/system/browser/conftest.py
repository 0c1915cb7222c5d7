import os
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.stack import Stack, workers_of
from tests.system.browser.chromium import MISSING, chromium, launch

PATIENCE_MS = 20_000

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    command = chromium()
    if command is None:
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(MISSING)
    async with async_playwright() as playwright:
        chromium_browser = await launch(playwright, command)
        yield chromium_browser
        await chromium_browser.close()


@pytest.fixture
async def page(browser: Browser, stack: Stack) -> AsyncIterator[Page]:
    """Open a page in a context of its own, and check that nothing goes wrong in it.

    That is: no error, nothing that its content policy forbids, and no dialogue of a script.
    """
    context = await browser.new_context(base_url=f"http://127.0.0.1:{stack.api_port}")
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(f"a dialogue: {dialog.message}"))
    # The browser also reports an answer that is an error, and one that never comes. The tests look
    # at what the page makes of it.
    page.on(
        "console",
        lambda message: (
            problems.append(message.text)
            if message.type in ("error", "warning")
            and not message.text.startswith("Failed to load resource")
            else None
        ),
    )
    yield page
    await context.close()
    assert not problems


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A system in which large orders are reviewed, and what fails is stuck soon."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= {
        "REVIEW_THRESHOLD_MINOR": "100000",
        "STUCK_AFTER_SECONDS": "2",
        "STUCK_ATTEMPTS": "2",
        "COMPENSATION_PAUSE_SECONDS": "1",
    }
    try:
        system.seed({"rich": 10**9, "poor": 100}, {"plenty": 10**6, "scarce": 1})
        system.start_all(*workers_of(request.module))
        yield system
    finally:
        system.stop()
