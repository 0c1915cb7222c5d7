"""The console where callers have to say who they are."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Page, Request, Route, expect

from contracts.acts import EFFECTS, Act
from tests.stack import Stack, order, until
from tests.system.browser.looks import act, entry_names, expect_timeline, notice, state
from tests.tokens import AUTHENTICATION, SCOPES, bearer

pytestmark = pytest.mark.long

WRITE, READ, OPERATE, _ = SCOPES


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system that asks callers who they are, with a large order that awaits review."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= AUTHENTICATION | {
        "REVIEW_THRESHOLD_MINOR": "100000",
        "AUTH_CLOCK_SKEW_SECONDS": "0",
    }
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_all()
        yield system
    finally:
        system.stop()


def token(*scopes: str, **other: Any) -> str:
    """Return a token as somebody pastes it."""
    return bearer(*scopes, **other)["Authorization"].removeprefix("Bearer ")


async def give(page: Page, words: str) -> None:
    """Type a token into the dialogue that asks for it."""
    await page.get_by_label("Bearer token").fill(words)
    await page.get_by_role("button", name="Use this token").click()


async def test_a_token_opens_what_it_allows(page: Page, stack: Stack) -> None:
    """The page asks for a token, tries it, and asks again until the API accepts it.

    Calls and streams carry it, a reload keeps it, and only acts that it allows are offered.
    """
    system = bearer(*SCOPES)
    stack.http.post("/orders", json=order(price=100_000, order_id="large"), headers=system)
    get_order = partial(stack.http.get, "/orders/large", headers=system)
    until(lambda: "AWAITING_REVIEW" in get_order().text, "it awaits review")
    await page.goto("/?order=large")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("say who you are")
    await give(page, "nonsense")
    await expect(dialog).to_contain_text("the token is not one of ours")
    await give(page, f"Bearer {token(READ, sub='till-7')}")
    await expect(state(page)).to_have_text("AWAITING_REVIEW")
    await expect(page.locator(".live")).to_have_text("live")
    await expect(page.locator("#who-name")).to_have_text("till-7")
    await page.reload()
    await expect(state(page)).to_have_text("AWAITING_REVIEW")
    await expect(page.locator("details.act")).to_have_count(0)
    await page.get_by_role("button", name="Forget token").click()
    await expect(dialog).to_be_visible()
    await give(page, token(READ, OPERATE, sub="ann-ops"))
    await act(page, "Approve", by="ann", reason="fine")
    await expect(state(page)).to_have_text("COMPLETED")
    await expect(page.locator(".timeline .decision")).to_contain_text("ann (as ann-ops)")
    await expect_timeline(page, entry_names(get_order().json()))


async def test_many_orders_are_offered_what_the_token_allows(page: Page, stack: Stack) -> None:
    """Of the acts those of its scopes, and no field for the name where it names a person."""
    system = bearer(*SCOPES)
    stack.http.post("/orders", json=order(price=100_000, order_id="many"), headers=system)
    waiting = {"state": "AWAITING_REVIEW"}
    get_waiting = partial(stack.http.get, "/orders", params=waiting, headers=system)
    until(lambda: len(get_waiting().json()["orders"]) == 1, "it awaits review")
    await page.goto("/?act_on=&state=AWAITING_REVIEW")
    scopes = (READ, "batches:run", "orders:approve", "saga:settle")
    await give(page, token(READ, "batches:run"))
    await expect(page.locator(".placeholder")).to_have_text("Your token allows no act on orders.")
    await page.get_by_role("button", name="Forget token").click()
    await give(page, token(*scopes, sub="8c1f", name="Ann Lee"))
    choice = page.locator("#act-on")
    await expect(choice.locator("option")).to_have_text(["approve", "settle"])
    await expect(choice).to_have_value("approve")
    await expect(page.get_by_label("Step")).to_be_hidden()
    await choice.select_option("settle")
    await expect(page.get_by_label("Step")).to_be_visible()
    await choice.select_option("approve")
    await page.get_by_role("button", name="Show how many these are").click()
    form = page.locator("details.act")
    await expect(form.locator(".hint")).to_have_text(f"At each order: {EFFECTS[Act.APPROVE]}.")
    await expect(form.locator("label")).to_have_text(["Reason"])
    await form.get_by_label("Reason").fill("known customers")
    await form.get_by_role("button", name="Approve 1 order").click()
    await expect(page.locator(".story")).to_contain_text("by Ann Lee (8c1f)")


async def test_a_late_answer_says_nothing_of_a_newer_token(page: Page) -> None:
    """Calls without the token are still on their way when it is given: no dialogue for them."""
    is_given = asyncio.Event()

    def is_without(request: Request) -> bool:
        """Tell a call for the list that bears no token."""
        return "/orders?" in request.url and "authorization" not in request.headers

    async def hold(route: Route) -> None:
        """Answer a call that bears no token only once there is one."""
        if is_without(route.request):
            await is_given.wait()
        await route.continue_()

    await page.goto("/")
    await give(page, token(READ))
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.route("**/orders?*", hold)
    async with page.expect_request(is_without) as without:
        await page.get_by_role("button", name="Forget token").click()
    await page.evaluate("document.getElementById('ask').showModal()")
    await give(page, token(READ))
    is_given.set()
    await (await without.value).response()  # None where the page has given the call up
    await expect(notice(page)).to_be_hidden()
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_a_token_that_runs_out_is_asked_for_again(page: Page, stack: Stack) -> None:
    """The page keeps what it shows meanwhile, and goes on with the next one."""
    stack.http.post("/orders", json=order(price=100_000, order_id="watched"), headers=bearer(WRITE))
    await page.goto("/?order=watched")
    await give(page, token(READ, exp=int(time.time()) + 4))
    await expect(state(page)).to_have_text("AWAITING_REVIEW")
    await expect(page.get_by_role("dialog")).to_contain_text("the token has expired")
    await expect(state(page)).to_have_text("AWAITING_REVIEW")
    await give(page, token(READ))
    await expect(page.locator(".live")).to_have_text("live")
    await expect(notice(page)).to_be_hidden()


async def test_a_token_that_cannot_read_is_reported(page: Page) -> None:
    """403 is explained, and after *Not now* the dialog does not open again by itself."""
    await page.goto("/")
    await give(page, token(WRITE))
    await expect(notice(page)).to_contain_text(
        "Your token does not allow this: GET /orders needs a token with the scope orders:read"
    )
    await expect(page.locator(".placeholder")).to_have_text("Not loaded.")
    await page.get_by_role("button", name="Forget token").click()
    await page.get_by_role("button", name="Not now").click()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.wait_for_timeout(1_500)
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.get_by_role("button", name="Enter a token").click()
    await give(page, token(READ))
    await expect(notice(page)).to_be_hidden()


@pytest.mark.parametrize("address", ["/?batch=", "/?operations="])
async def test_a_page_that_is_not_allowed_is_not_loading(page: Page, address: str) -> None:
    """It says that it is not loaded, beneath the reason."""
    await page.goto(address)
    await give(page, token(WRITE))
    await expect(notice(page)).to_contain_text("Your token does not allow this")
    await expect(page.locator(".placeholder")).to_have_text("Not loaded.")


async def test_an_order_being_written_goes_with_who_wrote_it(page: Page) -> None:
    """It stays when a token runs out, and goes when the token is forgotten: for the next person."""
    await page.goto("/")
    await give(page, token(READ))
    await page.get_by_role("link", name="Place an order").click()
    customer = page.get_by_label("Customer", exact=True)
    await customer.fill("rich")
    await page.get_by_label("SKU").fill("plenty")
    await page.get_by_label("Quantity").fill("1")
    await page.get_by_label("Unit price").fill("1.00")
    await page.get_by_label("Currency").fill("GBP")
    await page.evaluate("sessionStorage.setItem('order-saga-token', 'run.out')")
    await page.get_by_role("button", name="Place the order").click()
    await give(page, token(READ, sub="ann"))
    await expect(page.locator("#who-name")).to_have_text("ann")
    await expect(page.get_by_label("SKU")).to_have_value("plenty")
    await page.get_by_role("button", name="Forget token").click()
    await expect(page.get_by_label("SKU")).to_have_value("")
    await expect(customer).to_have_value("")
    assert "plenty" not in await page.evaluate("JSON.stringify({...sessionStorage})")
    await page.goto("/")
    await give(page, token(READ, customer_id="yamada"))
    await page.get_by_role("link", name="Place an order").click()
    await expect(customer).to_have_value("yamada")
    await expect(page.get_by_label("SKU")).to_have_value("")


@pytest.mark.parametrize(
    "words", ["eyJhbGciOi…", "“eyJ.e30.abc”", "eyJ.e30 abc", "Bearer  ", "tokén"]
)
async def test_what_can_be_no_token_is_refused_at_once(page: Page, words: str) -> None:
    """It could not even be sent: the dialogue says so, keeps the text, and takes the right one."""
    await page.goto("/")
    dialog = page.get_by_role("dialog")
    await give(page, words)
    await expect(dialog).to_contain_text("This is not a token")
    assert await page.get_by_label("Bearer token").input_value() == words
    assert await page.evaluate("sessionStorage.length") == 0
    await give(page, token(READ))
    await expect(dialog).to_be_hidden()
    await expect(page.locator(".placeholder, .orders tbody tr").first).not_to_have_text(
        "Not loaded."
    )
    await expect(notice(page)).to_be_hidden()


async def test_a_token_is_kept_for_the_tab_alone(page: Page) -> None:
    """It stands neither in the address nor in anything that outlives the tab."""
    await page.goto("/")
    await give(page, token(READ))
    await expect(notice(page)).to_be_hidden()
    storage = await page.evaluate(
        "[localStorage.length, document.cookie,"
        " location.href.includes('eyJ'), sessionStorage.length]"
    )
    assert storage == [0, "", False, 1]


async def test_a_customer_sees_the_figures_of_their_own_orders(page: Page, stack: Stack) -> None:
    """Nobody else's are counted; another token is another look."""
    everybody = stack.http.get("/overview", headers=bearer(READ)).json()["states"]
    assert sum(everybody.values()) > 0
    await page.goto("/")
    await give(page, token(READ, customer_id="nobody"))
    await expect(page.locator(".needs-person")).to_have_text("No order needs a person")
    await expect(page.locator(".figures b")).to_have_text(["0"] * len(everybody))
    await page.get_by_role("button", name="Forget token").click()
    await give(page, token(READ))
    await expect(page.locator(".figures").first.locator("b")).to_have_text(
        [str(count) for count in everybody.values()]
    )
