"""Sends events to a receiver of webhooks until it took them; no receiver waits for another."""

import asyncio
import logging
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import NoReturn

from application.threads import on_thread
from application.trouble import repeat
from application.webhook_post import NO_ANSWER, Receiver, WebhookPost
from participants.order.deliveries import Backlog, Batch, Deliveries, Delivery

LOG = logging.getLogger("webhooks")

AT_ONCE = 10
"""So many events are on their way to one receiver; half of them may be second tries."""

LOOK_SECONDS = 1
"""With nothing to send, a sender looks again after this."""

AWAY = frozenset(
    {
        NO_ANSWER,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""How a receiver is answered for that is not there, whatever the event is."""

LONGEST_PAUSE_SECONDS = 900
JITTER = (0.5, 1.5)
"""A pause is so many times as long, by chance: what failed together is not sent together again."""

GIVE_UP = timedelta(days=3)
"""An event that was not taken for so long is not sent any more; the feed still has it."""


class WebhookSender:
    """Sends to one receiver. Of several senders of one database, one at a time has the receiver.

    It says what changes, and not each try.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        receiver: Receiver,
        pause_seconds: float,
        away: tuple[type[Exception], ...],
    ) -> None:
        """Send what `deliveries` has.

        Args:
            deliveries: what is to be sent.
            receiver: to whom.
            pause_seconds: before an event is sent for the second time.
            away: the errors of a database that gives no answer.
        """
        self._deliveries = deliveries
        self._receiver = receiver
        self._pause_seconds = pause_seconds
        self._away = away
        self._is_known = False
        self._takes_events = True
        self._was_away = True
        """Also to a sender that began just now, which does not know what was before."""

    async def run(self) -> NoReturn:
        """Send for ever."""
        host = self._receiver.host
        message = f"nothing was recorded of what is sent to {host}; it is tried again"
        post = WebhookPost(self._receiver)
        send = partial(self._send_some, post)
        try:
            # Nothing is lost by what fails.
            await repeat(send, LOOK_SECONDS, LOG, message, self._away, more_seconds=0)
        finally:
            await post.close()
            with suppress(*self._away):
                self._deliveries.release(self._receiver.id)

    async def backlog(self) -> Backlog:
        """Return what waits to be sent.

        Raises:
            Exception: the database does not answer.
        """
        receiver = self._receiver
        ask = self._deliveries.backlog
        return await on_thread(ask, receiver.id, receiver.secret_id, receiver.types)

    async def _send_some(self, post: WebhookPost) -> bool:
        """Send what is to be sent now, a few at once; return whether there may be more."""
        receiver = self._receiver
        deliveries = self._deliveries
        if not self._is_known:
            await on_thread(deliveries.add, receiver.id)
            self._is_known = True
        batch = await on_thread(
            deliveries.take, receiver.id, receiver.secret_id, receiver.types, AT_ONCE
        )
        if batch is None or not (batch.deliveries or batch.through > batch.after):
            return False
        if batch.missing:
            self._note_missing(batch.missing)
        statuses = await asyncio.gather(*(post.send(one.event) for one in batch.deliveries))
        await self._record(batch, statuses)
        if HTTPStatus.GONE in statuses:
            self._note_off()
            await on_thread(deliveries.turn_off, receiver.id, receiver.secret_id)
        return bool(statuses)

    async def _record(self, batch: Batch, statuses: Sequence[int]) -> None:
        """Record which events were taken, and when the others are sent again."""
        over: list[int] = []
        pauses: dict[int, float] = {}
        for delivery, status in zip(batch.deliveries, statuses, strict=True):
            event = delivery.event
            is_taken = status // 100 == HTTPStatus.OK // 100
            self._note(status, is_taken=is_taken)
            if is_taken:
                over.append(event.position)
            elif status != HTTPStatus.GONE and delivery.age is not None and delivery.age > GIVE_UP:
                self._note_given_up(event.id)
                over.append(event.position)
            else:
                pauses[event.position] = self._pause(delivery)
        has_new = any(delivery.tries == 0 for delivery in batch.deliveries)
        is_back = bool(statuses) and self._note_presence(statuses, has_new=has_new)
        record = partial(self._deliveries.record, is_back=is_back)
        await on_thread(record, self._receiver.id, batch.through, over, pauses)

    def _pause(self, delivery: Delivery) -> float:
        """Return how many seconds to wait before the next try."""
        pause = self._pause_seconds * 2.0 ** min(delivery.tries, 20)
        chance = random.uniform(*JITTER)  # noqa: S311  # nobody gains by guessing it
        return min(pause, LONGEST_PAUSE_SECONDS) * chance

    def _note_presence(self, statuses: Sequence[int], *, has_new: bool) -> bool:
        """Note a batch's answers; return whether the receiver had been away, and is there again.

        What fails again may do so by itself: it does not say that the receiver went away.
        """
        is_away = AWAY.issuperset(statuses) and (has_new or self._was_away)
        is_back = self._was_away and not is_away
        self._was_away = is_away
        return is_back

    def _note(self, status: int, *, is_taken: bool) -> None:
        """Note how an event was answered."""
        host = self._receiver.host
        if is_taken and not self._takes_events:
            LOG.info("the webhook receiver at %s takes events again", host)
        if not is_taken and self._takes_events:
            answer = f"answers {status}" if status else "gives no answer"
            LOG.warning(
                "the webhook receiver at %s %s; what it did not take is sent again", host, answer
            )
        self._takes_events = is_taken

    def _note_given_up(self, event_id: str) -> None:
        """Say that an event will not be sent any more."""
        LOG.error(
            "event %s was not taken by the webhook receiver at %s in %d days, and is not sent any "
            "more; GET /events has it",
            *(event_id, self._receiver.host, GIVE_UP.days),
        )

    def _note_missing(self, count: int) -> None:
        """Say that events were deleted before the receiver was sent them."""
        LOG.error(
            "%d events were deleted before they were sent to the webhook receiver at %s, which was "
            "off for longer than events are kept; GET /orders has their orders",
            *(count, self._receiver.host),
        )

    def _note_off(self) -> None:
        """Say that the receiver wants no more."""
        LOG.error(
            "the webhook receiver at %s answers 410 Gone, and is sent nothing more until it has "
            "another secret in WEBHOOKS",
            self._receiver.host,
        )
