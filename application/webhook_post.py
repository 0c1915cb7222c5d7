"""Sending one event to one receiver, signed as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import asyncio
import hashlib
import hmac
import ssl
import time
from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx

from contracts.base import digest
from contracts.events import EventType, OrderEvent

SEND_SECONDS = 10
"""A receiver that has not answered in full within this did not take the event."""

MOST_ANSWER_BYTES = 64 * 1024
"""So much of an answer is read, for the connection's sake; what it says matters to nobody."""

NO_ANSWER = 0
"""In place of a status, where there was none."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Receiver:
    """Who is sent events: where, signed with each of which secrets, and of which types."""

    url: str
    secrets: Sequence[str]
    types: Collection[EventType]

    @property
    def id(self) -> str:
        """What its deliveries are on record under; the URL may hold a password."""
        return digest(self.url)[:32]

    @property
    def secret_id(self) -> str:
        """What tells its secrets from others."""
        return digest(list(self.secrets))[:32]

    @property
    def host(self) -> str:
        """How the log calls it."""
        return urlsplit(self.url).hostname or ""


def sign(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message, with its version."""
    key = b64decode(secret.removeprefix("whsec_"))
    message = f"{event_id}.{timestamp}.".encode() + body
    return f"v1,{b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()}"


class WebhookPost:
    """Connections to one receiver."""

    def __init__(self, receiver: Receiver) -> None:
        """Send to `receiver`; nothing is connected yet."""
        self._receiver = receiver
        is_encrypted = urlsplit(receiver.url).scheme == "https"
        self._client = httpx.AsyncClient(
            # To read all certificates takes a while, and is of no use to what is on this machine.
            verify=ssl.create_default_context() if is_encrypted else False,
            # What is on this machine is not reached through a proxy.
            trust_env=receiver.host not in LOOPBACK,
            timeout=httpx.Timeout(None),  # the whole has a limit
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none is kept
        )

    async def send(self, event: OrderEvent) -> int:
        """Send an event, and return the status of the answer; NO_ANSWER where there is none."""
        body = event.model_dump_json().encode()
        now = int(time.time())
        signatures = [sign(secret, event.id, now, body) for secret in self._receiver.secrets]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "order-saga",
            "webhook-id": event.id,
            "webhook-timestamp": str(now),
            "webhook-signature": " ".join(signatures),
        }
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await self._post(body, headers)
        except Exception:  # noqa: BLE001  # no answer, however bad, may stop the others
            return NO_ANSWER

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        url = self._receiver.url
        async with self._client.stream("POST", url, content=body, headers=headers) as answer:
            size = 0
            async for piece in answer.aiter_raw():
                size += len(piece)
                if size > MOST_ANSWER_BYTES:
                    break
            return answer.status_code

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
