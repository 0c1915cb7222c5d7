"""Signing in to the console at an OpenID provider."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.async_api import Locator, Page, expect

from tests.openid import AUDIENCE, CLIENT_ID, Provider, send
from tests.stack import Stack, order, until
from tests.system.browser.looks import notice, state

pytestmark = pytest.mark.long

SCOPES = "orders:read orders:place orders:approve orders:reject"
PEOPLE = {
    "8c1f": {"name": "Ann Lee", "scope": SCOPES},
    "m4": {"name": "Ann Lee", "scope": "orders:read"},
}


@pytest.fixture(scope="module")
def shared_provider() -> Iterator[Provider]:
    """A provider at which two people of one name can sign in."""
    provider = Provider(PEOPLE)
    yield provider
    provider.stop()


@pytest.fixture
def provider(shared_provider: Provider) -> Provider:
    """The provider, as it should be."""
    shared_provider.seconds = 600
    shared_provider.gives_refresh_tokens = True
    for memory in (shared_provider.faults, shared_provider.id_claims, shared_provider.metadata):
        memory.clear()
    shared_provider.requests.clear()
    return shared_provider


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, shared_provider: Provider) -> Iterator[Stack]:
    """A system that believes the provider's tokens; large orders await review."""
    system = Stack(tmp_path_factory.mktemp("stack"))
    system.env |= {
        "AUTH_JWKS_URL": f"{shared_provider.issuer}/keys",
        "AUTH_ISSUER": shared_provider.issuer,
        "AUTH_AUDIENCE": AUDIENCE,
        "AUTH_CLOCK_SKEW_SECONDS": "0",
        "OIDC_CLIENT_ID": CLIENT_ID,
        "OIDC_SCOPE": f"openid profile {SCOPES}",
        "OIDC_RESOURCE": "https://orders.example.org",
        "REVIEW_THRESHOLD_MINOR": "100000",
    }
    try:
        system.seed({"rich": 10**9}, {"plenty": 10**6})
        system.start_all()
        yield system
    finally:
        system.stop()


def bearer(provider: Provider, sub: str = "8c1f") -> dict[str, str]:
    """Return the header of a program with a person's token."""
    return {"Authorization": f"Bearer {provider.sign(AUDIENCE, {'sub': sub, **PEOPLE[sub]})}"}


def place_large(stack: Stack, provider: Provider, order_id: str) -> Callable[[], dict[str, Any]]:
    """Place an order that awaits review; return what looks at it."""
    headers = bearer(provider)
    body = order(price=100_000, order_id=order_id)
    stack.http.post("/orders", json=body, headers=headers).raise_for_status()

    def look() -> dict[str, Any]:
        view: dict[str, Any] = stack.http.get(f"/orders/{order_id}", headers=headers).json()
        return view

    until(lambda: look()["state"] == "AWAITING_REVIEW", "it awaits review")
    return look


def dialog(page: Page) -> Locator:
    """The dialogue by which people sign in, or paste a token."""
    return page.get_by_role("dialog")


async def sign_in(page: Page, person: str = "8c1f") -> None:
    """Go to the provider and sign in there; the dialogue is open."""
    await dialog(page).get_by_role("button", name="Sign in").click()
    await page.get_by_role("link", name=person, exact=True).click()


def approval(page: Page) -> Locator:
    """The form that approves an order."""
    return page.locator("details.act[data-act=approve]")


async def test_a_person_signs_in_acts_and_signs_out(
    page: Page, stack: Stack, provider: Provider
) -> None:
    """The decision carries their name and subject; the address keeps nothing of the sign-in.

    A token that runs out is renewed without a word, by a refresh token that is used once; when the
    provider renews no more, the person signs in again, and finds what they had typed.
    """
    look = place_large(stack, provider, "large")
    provider.seconds = 3
    address = "/?order=large"
    await page.goto(address)
    await sign_in(page)
    await expect(page.locator("#who-name")).to_have_text("Ann Lee")
    await expect(state(page)).to_have_text("AWAITING_REVIEW")
    assert page.url.endswith(f":{stack.api_port}{address}")
    assert "8c1f" not in await page.evaluate("JSON.stringify({...localStorage}) + document.cookie")

    await approval(page).locator("summary").click()
    reason = approval(page).get_by_label("Reason")
    await expect(approval(page).get_by_label("By")).to_have_count(0)
    await reason.fill("a known customer")
    for _ in range(2):
        async with page.expect_response("**/token") as renewal:
            assert (await (await renewal.value).json())["token_type"] == "Bearer"
    await expect(dialog(page)).to_be_hidden()
    await expect(reason).to_have_value("a known customer")

    provider.revoke()
    await expect(dialog(page)).to_contain_text("the token has expired")
    provider.seconds = 600
    await sign_in(page)
    await expect(reason).to_have_value("a known customer")
    await approval(page).locator("form button").click()
    await expect(state(page)).to_have_text("COMPLETED")
    [decision] = [entry for entry in look()["timeline"] if entry["kind"] == "decision"]
    assert "Ann Lee (8c1f)" in json.dumps(decision)
    for fields in provider.calls("/token"):
        assert fields["resource"] == "https://orders.example.org"

    await page.get_by_role("button", name="Sign out").click()
    await expect(dialog(page)).to_contain_text("say who you are")
    [fields] = provider.calls("/logout")
    assert fields["client_id"] == CLIENT_ID
    assert fields["id_token_hint"]
    assert await page.evaluate("sessionStorage.length") == 0


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Answer nothing, until the caller has given up."""
    handler.rfile.read(1)


def with_page(handler: BaseHTTPRequestHandler) -> None:
    """Answer as a portal does that stands before a network."""
    send(handler, b"<html>pay for the wireless network</html>")


def without_token(handler: BaseHTTPRequestHandler) -> None:
    """Answer like a provider, with nothing in it."""
    send(handler, {})


def away(handler: BaseHTTPRequestHandler) -> None:
    """Hang up."""
    handler.close_connection = True


DISCOVERY = "/.well-known/openid-configuration"
BEFORE: list[tuple[dict[str, Any], str]] = [
    ({"faults": {DISCOVERY: with_page}}, "gives an answer that cannot be used"),
    ({"faults": {DISCOVERY: away}}, "does not answer"),
    ({"faults": {DISCOVERY: silent}}, "gives no answer within 10 s"),
    ({"metadata": {"issuer": "https://elsewhere.example.org"}}, "cannot be used"),
    ({"metadata": {"authorization_endpoint": "javascript:alert(1)"}}, "names no usable"),
    ({"metadata": {"token_endpoint": "https://elsewhere.example.org"}}, "OIDC_ORIGINS must name"),
]
BEHIND: list[tuple[dict[str, Any], str]] = [
    ({"faults": {"/token": with_page}}, "gives an answer that cannot be used"),
    ({"faults": {"/token": without_token}}, "gives an answer that cannot be used"),
    ({"faults": {"/token": away}}, "does not answer"),
    ({"id_claims": {"nonce": "of another sign-in"}}, "cannot be used: unexpected ID Token"),
    ({"id_claims": {"aud": "another-page"}}, "cannot be used: unexpected JWT"),
]


def go_wrong(provider: Provider, trouble: dict[str, Any]) -> None:
    """Let the provider go wrong from now on."""
    for name, values in trouble.items():
        getattr(provider, name).update(values)


async def test_a_provider_that_goes_wrong_is_told_in_a_sentence(
    page: Page, provider: Provider
) -> None:
    """Before the page leaves for it or behind; nobody is signed in, and the next try may do."""
    await page.goto("/?order=wrong")
    wrong = page.locator("#ask-wrong")
    for trouble, sentence in BEFORE:
        go_wrong(provider, trouble)
        await dialog(page).get_by_role("button", name="Sign in").click()
        await expect(wrong).to_contain_text(sentence)
        assert page.url.endswith("/?order=wrong")
        for memory in (provider.faults, provider.metadata):
            memory.clear()
        await page.reload()
        await expect(dialog(page)).to_contain_text("say who you are")
    for trouble, sentence in BEHIND:
        go_wrong(provider, trouble)
        await sign_in(page)
        await expect(wrong).to_contain_text(sentence)
        assert page.url.endswith("/?order=wrong")
        assert await page.evaluate("sessionStorage.getItem('order-saga-token')") is None
        for memory in (provider.faults, provider.id_claims):
            memory.clear()
    await sign_in(page)
    await expect(page.locator("#who-name")).to_have_text("Ann Lee")
    await expect(notice(page)).to_contain_text("Not found")


async def test_only_a_sign_in_of_this_tab_is_taken(page: Page, provider: Provider) -> None:
    """Neither another's code nor one with another state signs anybody in, nor one a second time.

    What the provider refuses is told with its reason.
    """
    answer = {"code": "somebodys", "state": "anothers", "iss": provider.issuer}
    await page.goto(f"/?{urlencode(answer)}")
    wrong = page.locator("#ask-wrong")
    await expect(wrong).to_contain_text("not begun in this tab")
    assert page.url.endswith("/")

    await dialog(page).get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{provider.issuer}/**")
    await page.goto(f"/?{urlencode(answer)}")
    await expect(wrong).to_contain_text("not begun in this tab")
    assert provider.calls("/token") == []

    await sign_in(page, "refuse")
    await expect(wrong).to_contain_text("refuses: access_denied, ann said no")
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    await sign_in(page, "m4")
    await expect(page.locator("#who-name")).to_have_text("Ann Lee")
    [callback] = [address for address in addresses if "code=" in address and "state=" in address]
    await page.goto(callback)
    await expect(wrong).to_contain_text("not begun in this tab")
    assert len(provider.calls("/token")) == 1


async def test_a_namesake_is_not_taken_for_another(
    page: Page, stack: Stack, provider: Provider
) -> None:
    """Two people of one name are told apart, and each is offered what their token allows."""
    look = place_large(stack, provider, "namesakes")
    await page.goto("/?order=namesakes")
    await sign_in(page, "m4")
    await expect(state(page)).to_have_text("AWAITING_REVIEW")
    await expect(page.locator("details.act")).to_have_count(0)
    mallory, ann = (bearer(provider, sub) for sub in ("m4", "8c1f"))
    path = "/orders/namesakes/reject"
    refusal = stack.http.post(path, json={"reason": "mine"}, headers=mallory)
    assert refusal.status_code == 403
    assert "the scope orders:reject or saga:operate" in refusal.json()["detail"]
    stack.http.post(path, json={"by": "Olga", "reason": "no"}, headers=ann).raise_for_status()
    until(lambda: look()["closed_at"], "it is rejected")
    assert look()["failure"]["details"]["by"] == "Olga (as 8c1f)"


async def test_an_order_being_written_is_there_once_after_a_sign_in(
    page: Page, provider: Provider
) -> None:
    """As it stood: no line that is added then begins with the text of another."""
    await page.goto("/")
    await sign_in(page)
    await expect(page.locator("#who-name")).to_have_text("Ann Lee")
    await page.get_by_role("link", name="Place an order").click()
    await page.get_by_label("Customer", exact=True).fill("rich")
    await page.get_by_label("Currency").fill("GBP")
    await page.get_by_role("button", name="Add a line").click()
    await page.get_by_role("button", name="Remove line 1").click()
    texts = {"SKU": "plenty", "Quantity": "1", "Unit price": "1.00"}
    for label, text in texts.items():
        await page.get_by_label(label).fill(text)
    provider.revoke()
    await page.evaluate("sessionStorage.setItem('order-saga-token', 'run.out')")
    await page.get_by_role("button", name="Place the order").click()
    await sign_in(page)
    await expect(page.locator("#who-name")).to_have_text("Ann Lee")
    await expect(page.get_by_label("Customer", exact=True)).to_have_value("rich")
    await page.get_by_role("button", name="Add a line").click()
    for label, text in texts.items():
        for number, value in enumerate((text, "")):
            await expect(page.get_by_label(label).nth(number)).to_have_value(value)


async def test_a_renewal_waits_for_a_provider_that_is_away(page: Page, provider: Provider) -> None:
    """The page tries again until the provider is back; nobody is asked to sign in meanwhile."""
    provider.seconds = 2
    await page.goto("/")
    await sign_in(page)
    await expect(page.locator("#who-name")).to_have_text("Ann Lee")
    provider.faults["/token"] = away
    await expect(notice(page)).to_contain_text("does not answer, or allows no calls")
    await expect(dialog(page)).to_be_hidden()
    provider.seconds = 600
    provider.faults.clear()
    await expect(notice(page)).to_be_hidden()
    await expect(dialog(page)).to_be_hidden()
