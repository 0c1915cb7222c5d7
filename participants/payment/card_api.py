"""The card provider's API, through Stripe's library: each call within a limit of time."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlsplit

import stripe

from participants.payment.card_errors import ProviderAway, away, is_refunded, payment_in
from participants.payment.card_payment import SAGA_STEP, CardPayment

LOOK_BACK_SECONDS = 40 * 24 * 3600
"""A payment is looked for among those of so long; it is never older when a saga asks for it.

A review takes at most 30 days, and the provider's clock may be off.
"""

SEARCH_LAG_SECONDS = 3600
"""The provider's search knows all payments that are so old; Stripe's is behind by an hour at most.
"""

PAGE = 100

WITHOUT_EFFECT = ("failed", "canceled")
"""The statuses of refunds that gave nothing back."""

ON_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")

MOST_EXCHANGES = 200
"""So many may be under way, those that were given up and do not end included: each has a thread."""


class CardApi:
    """Our account at the provider."""

    def __init__(self, key: str, url: str = "") -> None:
        """Speak for the account whose secret key this is; at Stripe where no `url` is given."""
        self._key = key
        self._url = url
        self._own = threading.local()

    def calls(self, seconds: float) -> Any:
        """Return the library's calls, for this thread: each that follows has so many seconds."""
        if not hasattr(self._own, "http"):
            self._own.http = _InTime(self._url)
            self._own.client = stripe.StripeClient(
                self._key,
                base_addresses={"api": self._url} if self._url else {},
                max_network_retries=0,  # they are the server's, which waits without a thread
                http_client=self._own.http,
            )
        self._own.http.seconds = max(seconds, 0.001)
        return self._own.client.v1

    def payment(self, reference: str, seconds: float) -> CardPayment:
        """Return a payment as it stands now; raises `ProviderAway`."""
        return _existing(lambda: self.calls(seconds).payment_intents.retrieve(reference))

    def payments_of(self, customer: str, saga_step: str, seconds: float) -> list[CardPayment]:
        """Return the payments that a command of ours has made, newest first.

        Lists are right at once, as the provider's search is not. Of a customer with more payments
        than a page has, the list is read as far as search may be behind, and search finds the
        older ones: how many there are costs nothing. Raises `ProviderAway`.
        """
        ends_at = time.monotonic() + seconds
        now = int(time.time())
        page = {"customer": customer, "created": {"gte": now - LOOK_BACK_SECONDS}, "limit": PAGE}
        payments: list[CardPayment] = []
        while True:
            page_of_list = self._page(page, ends_at)
            payments += [CardPayment.of(body.to_dict()) for body in page_of_list.data]
            if not page_of_list.has_more:
                break
            oldest = page_of_list.data[-1]
            if oldest.created < now - SEARCH_LAG_SECONDS:
                payments += self.payments_found(saga_step, ends_at - time.monotonic())
                break
            page["starting_after"] = oldest.id
        by_reference = {payment.reference: payment for payment in payments}
        return [payment for payment in by_reference.values() if payment.saga_step == saga_step]

    def payments_found(self, saga_step: str, seconds: float) -> list[CardPayment]:
        """Return the payments that a command of ours has made, of whichever customer.

        They are as they stand now. One that was made moments ago may be missing: search is behind.
        Raises `ProviderAway`.
        """
        ends_at = time.monotonic() + seconds
        search = {"query": f'metadata["{SAGA_STEP}"]:"{saga_step}"', "limit": PAGE}
        try:
            bodies = self.calls(seconds).payment_intents.search(search).data
        except stripe.StripeError as error:
            raise away(error) from error
        payments = [self.payment(body.id, ends_at - time.monotonic()) for body in bodies]
        return [payment for payment in payments if payment.saga_step == saga_step]

    def _page(self, page: Mapping[str, Any], ends_at: float) -> Any:
        """Return one page of the list of payments; raises `ProviderAway`."""
        seconds = ends_at - time.monotonic()
        if seconds <= 0:
            raise ProviderAway("the card provider's list of payments took too long to read")
        try:
            return self.calls(seconds).payment_intents.list(dict(page))
        except stripe.StripeError as error:
            raise away(error) from error

    def create(self, form: Mapping[str, Any], key: str, seconds: float) -> CardPayment:
        """Make a payment that has no effect yet; raises `NotPayable`, `ProviderAway`."""
        options = {"idempotency_key": key}
        return _answer(lambda: self.calls(seconds).payment_intents.create(dict(form), options))

    def confirm(
        self, reference: str, form: Mapping[str, Any], key: str, seconds: float
    ) -> CardPayment:
        """Let the customer's bank hold the money; raises `NotPayable`, `ProviderAway`."""
        call = self.calls(seconds).payment_intents.confirm
        return _answer(lambda: call(reference, dict(form), {"idempotency_key": key}))

    def capture(self, reference: str, key: str, seconds: float) -> CardPayment:
        """Take all that is held; raises `ProviderAway`."""
        call = self.calls(seconds).payment_intents.capture
        return _answer(lambda: call(reference, {}, {"idempotency_key": key}))

    def cancel(self, reference: str, seconds: float) -> CardPayment:
        """End a payment that was not captured, and release what is held; raises `ProviderAway`."""
        return _answer(lambda: self.calls(seconds).payment_intents.cancel(reference))

    def refund(self, reference: str, saga_step: str, key: str, seconds: float) -> None:
        """Give back all that is left of what was captured; raises `ProviderAway`."""
        create = self.calls(seconds).refunds.create
        form = {"payment_intent": reference, "metadata": {SAGA_STEP: saga_step}}
        try:
            create(form, {"idempotency_key": key})
        except stripe.StripeError as error:
            if not is_refunded(error):
                raise away(error) from error

    def refunded_minor(self, reference: str, seconds: float) -> int:
        """Return how much of a payment was given back, by whomever; raises `ProviderAway`."""
        page = {"payment_intent": reference, "limit": PAGE}
        try:
            refunds = list(self.calls(seconds).refunds.list(page).auto_paging_iter())
        except stripe.StripeError as error:
            raise away(error) from error
        return sum(r.amount for r in refunds if r.status not in WITHOUT_EFFECT)

    def enrol(self, customer_id: str, seconds: float) -> str:
        """Return the provider's id of a customer, who is made once; raises `ProviderAway`."""
        form = {"metadata": {"customer_id": customer_id}}
        key = {"idempotency_key": f"customer/{customer_id}"}
        try:
            return str(self.calls(seconds).customers.create(form, key).id)
        except stripe.StripeError as error:
            raise away(error) from error


class _InTime(stripe.RequestsClient):
    """One thread's connection, whose limit of time each call sets anew."""

    seconds = 1.0
    places = threading.BoundedSemaphore(MOST_EXCHANGES)

    def __init__(self, url: str) -> None:
        """Connect, past any proxy where the provider is on this machine."""
        super().__init__()
        self._trust_env = urlsplit(url).hostname not in ON_THIS_MACHINE
        self._connect()

    def request(self, *request: Any, **options: Any) -> Any:
        """Send a request, and wait so long for the whole of its answer.

        On a thread of its own, as the library's limit is one on each read: an answer that trickles
        would take as long as it likes.
        """
        self._timeout = self.seconds
        send = super().request
        places = self.places
        answer: Future[Any] = Future()

        def exchange() -> None:
            try:
                answer.set_result(send(*request, **options))
            except Exception as error:  # noqa: BLE001  # it is raised where the caller waits
                answer.set_exception(error)
            finally:
                places.release()

        if not places.acquire(timeout=self.seconds):
            message = "too many answers of the card provider do not end"
            raise stripe.APIConnectionError(message)  # type: ignore[no-untyped-call]
        threading.Thread(target=exchange, daemon=True).start()
        try:
            return answer.result(self.seconds)
        except TimeoutError as error:
            self._connect()  # the connection is still that thread's
            message = f"no whole answer within {self.seconds:.3f} s"
            raise stripe.APIConnectionError(message) from error  # type: ignore[no-untyped-call]

    def _connect(self) -> None:
        session = self.requests.Session()
        session.trust_env = self._trust_env
        self._session = session


def _answer(call: Callable[[], Any]) -> CardPayment:
    """Return the payment of which the provider's answer tells, an error that has it included."""
    try:
        return CardPayment.of(call().to_dict())
    except stripe.StripeError as error:
        return payment_in(error)


def _existing(call: Callable[[], Any]) -> CardPayment:
    """Return a payment that is there; where the provider denies it, nobody knows."""
    try:
        return CardPayment.of(call().to_dict())
    except stripe.StripeError as error:
        raise away(error) from error
