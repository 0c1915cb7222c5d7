"""How long what is told of orders is kept, and who is sent it."""

import binascii
import re
from base64 import b64decode
from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings

from config.values import LOOPBACK, Seconds
from contracts.events import EventType

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600}
TIME = re.compile("[1-9][0-9]{0,5}[smh]")

SECRET_BYTES = range(24, 65)
"""How long a secret is, as Standard Webhooks has it."""


def _url(url: str) -> str:
    where = urlsplit(url)
    is_near = where.scheme == "http" and where.hostname in LOOPBACK
    if not where.hostname or not (where.scheme == "https" or is_near):
        raise ValueError("it must begin with https://, or lead to this machine")
    return url


def _times(text: str) -> str:
    for word in text.split():
        if not TIME.fullmatch(word):
            raise ValueError(f"{word} is no time like 90s, 15m or 4h")
    return " ".join(text.split())


def _secret(secret: SecretStr) -> SecretStr:
    for part in secret.get_secret_value().split(" "):
        try:
            length = len(b64decode(part.removeprefix("whsec_"), validate=True))
        except binascii.Error:
            length = 0
        if length not in SECRET_BYTES:
            raise ValueError("it must be whsec_ and 24 to 64 bytes in base64; a blank before more")
    return secret


class WebhookReceiver(BaseModel):
    """Who is sent events: where, signed with which secrets, of which types (ends when empty)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_url)]
    secret: Annotated[SecretStr, AfterValidator(_secret)]
    types: tuple[EventType, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets, each of which signs: of two the older may be known to a receiver alone."""
        return tuple(self.secret.get_secret_value().split(" "))


RECEIVERS = TypeAdapter(tuple[WebhookReceiver, ...])


class EventSettings(BaseSettings):
    """What others are told of orders."""

    event_retention_days: int = Field(
        default=30, ge=4, le=3_650, description="how long events can be read"
    )
    operation_retention_days: int = Field(
        default=365, ge=1, le=3_650, description="how long the log of operations can be read"
    )
    attention_again: Annotated[str, AfterValidator(_times)] = Field(
        default="1h 4h 24h",
        description="how long after a call for a person the next one is made; the last repeats",
    )
    review_warning_seconds: int = Field(
        default=7_200,
        ge=0,
        le=30 * 86_400,
        description="how long before a review ends a person is called for it, of a short one for "
        "its second half; never when 0",
    )
    webhooks: SecretStr = Field(
        default=SecretStr(""), description="who is sent events, as JSON: docs/EVENTS.md"
    )
    webhook_pause_seconds: Seconds = Field(
        default=5, description="until an event that was not taken is sent again; then twice that"
    )

    @model_validator(mode="after")
    def _receivers_can_be_read(self) -> Self:
        try:
            urls = [receiver.url for receiver in self.webhook_receivers]
        except ValidationError as error:
            place = error.errors(include_input=False)[0]
            where = "".join(f"{part}: " for part in place["loc"])
            why = place["msg"].removeprefix("Value error, ")
            raise ValueError(f"WEBHOOKS is invalid: {where}{why}") from None
        if len(set(urls)) < len(urls):
            raise ValueError("WEBHOOKS is invalid: a url stands in it twice")
        return self

    @property
    def attention_pauses(self) -> tuple[timedelta, ...]:
        """How long it is from each call for a person to the next; none: one call is made."""
        return tuple(
            timedelta(seconds=int(word[:-1]) * UNIT_SECONDS[word[-1]])
            for word in self.attention_again.split()
        )

    @property
    def webhook_receivers(self) -> tuple[WebhookReceiver, ...]:
        """Who is sent events."""
        text = self.webhooks.get_secret_value()
        return RECEIVERS.validate_json(text) if text else ()
