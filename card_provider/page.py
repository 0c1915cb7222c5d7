"""The bank's page, on which the customer accepts a payment or declines it (3-D Secure)."""

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from card_provider.books import Books
from card_provider.errors import ApiError, Body
from card_provider.parameters import read_form
from card_provider.payments import authenticate, payment_of_secret

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Your bank</title>
<meta name="viewport" content="width=device-width">
<style>body {{ font: 1.1rem/1.5 system-ui; max-width: 28rem; margin: 4rem auto; padding: 0 1rem }}
button {{ font: inherit; padding: .5rem 1.5rem; margin-right: .5rem }}</style>
<h1>Your bank</h1>{content}</html>"""
QUESTION = """<p>Do you want to pay <strong>{amount}</strong> with your card?</p>
<form method="post"><button name="answer" value="accept">Pay</button>
<button name="answer" value="decline">Do not pay</button></form>"""

WITHOUT_CENTS = {
    *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
    *("pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"),
}
"""The currencies whose minor unit is their only one."""


class BankPage:
    """Asks the customer of a payment, once."""

    def __init__(self, books: Books) -> None:
        """Ask about payments of these books."""
        self._books = books

    async def show(self, request: Request) -> Response:
        """Ask, or say that there is nothing to ask."""
        try:
            payment = self._payment(request)
        except ApiError as error:
            return _page(str(error), error.status)
        if payment["status"] != "requires_action":
            return _page(_outcome(payment))
        return HTMLResponse(PAGE.format(content=QUESTION.format(amount=escape(_price(payment)))))

    async def answer(self, request: Request) -> Response:
        """Take the answer (`accept` or `decline`), and lead back to the shop."""
        form = read_form((await request.body()).decode())
        try:
            action = self._payment(request)["next_action"]
            with self._books.transaction():
                payment = authenticate(
                    self._books,
                    request.path_params["client_secret"],
                    accepts=form.get("answer") == "accept",
                )
        except ApiError as error:
            return _page(str(error), error.status)
        if url := action.get("redirect_to_url", {}).get("return_url"):
            mark = "&" if "?" in url else "?"
            return RedirectResponse(f"{url}{mark}payment_intent={payment['id']}", 303)
        return _page(_outcome(payment))

    def _payment(self, request: Request) -> Body:
        return payment_of_secret(self._books, request.path_params["client_secret"])


def _price(payment: Body) -> str:
    minor = payment["amount"]
    amount = f"{minor:,}" if payment["currency"] in WITHOUT_CENTS else f"{minor / 100:,.2f}"
    return f"{amount} {payment['currency'].upper()}"


def _outcome(payment: Body) -> str:
    """Return what became of a payment, as its customer is told."""
    if payment["last_payment_error"]:
        return str(payment["last_payment_error"]["message"])
    return "Thank you. You can go back to the shop now."


def _page(text: str, status: int = 200) -> Response:
    return HTMLResponse(PAGE.format(content=f"<p>{escape(text)}</p>"), status)
