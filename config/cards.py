"""What customers pay with, and the account at the card provider."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from config.values import Token, WebAddress


class CardSettings(BaseSettings):
    """What customers pay with: wallets need nothing more, cards an account at a provider."""

    payment: Literal["wallets", "cards"] = Field(
        default="wallets", description="what customers pay with"
    )
    card_api_url: WebAddress = Field(
        default="", description="where the card provider is reached; Stripe when empty"
    )
    card_api_key: Token = Field(
        default=SecretStr(""), description="the secret key of our account at the card provider"
    )
    card_webhook_secret: Token = Field(
        default=SecretStr(""), description="what the card provider signs its webhooks with"
    )
    card_return_url: WebAddress = Field(
        default="", description="where a bank sends customers back who answered it"
    )
    card_answer_seconds: int = Field(
        default=600, ge=1, le=86_400, description="how long customers have to answer their bank"
    )

    card_provider_port: int = Field(
        default=12_111,
        ge=1,
        le=65_535,
        description="the port of the card provider that `make up` runs where there is no account",
    )
    card_control_port: int = Field(
        default=12_112, ge=1, le=65_535, description="its control API's port: its faults and books"
    )
